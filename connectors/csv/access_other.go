//go:build !unix

package csv

// folderWritable leaves the question to the first write.
func folderWritable(string) bool { return true }
