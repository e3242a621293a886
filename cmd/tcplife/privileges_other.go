//go:build !linux

package main

// giveUpPrivileges gives up nothing here: start it as a user who may read the devices.
func giveUpPrivileges(name string) (said []string, err error) {
	if name != "" {
		return nil, &usageError{"--user is there on Linux only", "start it as that user"}
	}
	return nil, nil
}

// useRightToCapture has nothing to do here.
func useRightToCapture() {}

// confine confines nothing here.
func confine([]string, bool) (said string, err error) {
	return "nothing: there is no Landlock on this system", nil
}
