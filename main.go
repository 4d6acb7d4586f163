// Syncline keeps records in two or more systems in agreement.
package main

import (
	"context"
	"os"

	"github.com/syncline-dev/syncline/cli"
)

func main() {
	os.Exit(cli.Execute(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
