//go:build unix

package csv

import (
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives the new file the old one's owner where that is allowed; where
// it is not, the file was writable for us and becomes ours.
func keepOwner(f *os.File, old fs.FileInfo) {
	if stat, is := old.Sys().(*syscall.Stat_t); is {
		_ = f.Chown(int(stat.Uid), int(stat.Gid))
	}
}
