//go:build !unix

package csv

// denied leaves the question to the first write.
func denied(string) string { return "" }
