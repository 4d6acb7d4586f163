// Package examples holds definitions that run as they are, with their
// connections; `syncline init` begins with one of them.
package examples

import "embed"

// Files has the definitions and connections.yaml.
//
//go:embed *.yaml
var Files embed.FS
