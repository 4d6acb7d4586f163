// Package examples holds definitions that run as they are, with their
// connections; `syncline init` begins with one of them.
package examples

import "embed"

// Files has the definitions, connections.yaml and, in setup/, what their systems
// hold: tables as SQL, and files.
//
//go:embed *.yaml setup
var Files embed.FS
