//go:build unix

package sqlite

import (
	"path/filepath"
	"syscall"
)

// folderWritable: without a journal beside the file, nothing can be written.
func folderWritable(path string) bool {
	const write = 2
	return syscall.Access(filepath.Dir(path), write) == nil && syscall.Access(path, write) == nil
}
