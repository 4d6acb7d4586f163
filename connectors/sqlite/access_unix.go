//go:build unix

package sqlite

import (
	"path/filepath"
	"syscall"
)

// denied says why a file cannot be written; "" if it can. Its folder counts too:
// without a journal beside the file, nothing can be written.
func denied(path string) string {
	const write = 2
	if err := syscall.Access(path, write); err != nil {
		return "this user may not write the file (" + err.Error() + ")"
	}
	if err := syscall.Access(filepath.Dir(path), write); err != nil {
		return "this user may not write in the file's folder (" + err.Error() + ")"
	}
	return ""
}
