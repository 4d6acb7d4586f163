//go:build unix

package csv

import (
	"path/filepath"
	"syscall"
)

// folderWritable: the new file is made beside the old one, which it replaces.
func folderWritable(path string) bool {
	const write = 2
	err := syscall.Access(path, write)
	return syscall.Access(filepath.Dir(path), write) == nil && (err == nil || err == syscall.ENOENT)
}
