// Package cli is the command line: one command per file, text for people and
// JSON for scripts. Results go to stdout, progress and complaints to stderr,
// and the exit code says how it ended.
package cli
