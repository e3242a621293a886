//go:build !unix

package main

import "os"

// writable reports whether files can be created in a directory, by trying.
func writable(dir string) bool {
	file, err := os.CreateTemp(dir, "tcplife-*")
	if err != nil {
		return false
	}
	file.Close()
	return os.Remove(file.Name()) == nil
}
