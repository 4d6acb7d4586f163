//go:build !linux

package cli_test

import "errors"

func stays(string, []string) (string, error) { return "", errors.New("only on Linux") }
