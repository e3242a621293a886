//go:build !linux

package privileges

// Drop does nothing on this system: start tcplife as a user who may read the devices.
func Drop(name string) (said []string, err error) {
	if name != "" {
		return nil, &UserError{"--user is there on Linux only", "start it as that user"}
	}
	return nil, nil
}

// UseRightToCapture does nothing on this system.
func UseRightToCapture() {}

// Confine does nothing on this system.
func Confine(_, _ []string, _ bool) (said []string, err error) {
	return []string{"nothing: this system has no Landlock"}, nil
}
