//go:build !unix

package main

import "os"

// writable reports whether files can be made in a directory: it tries.
func writable(dir string) bool {
	file, err := os.CreateTemp(dir, "tcplife-*")
	if err != nil {
		return false
	}
	file.Close()
	return os.Remove(file.Name()) == nil
}
