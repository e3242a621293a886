//go:build !linux

package privileges

// Drop gives up nothing here: start it as a user who may read the devices.
func Drop(name string) (said []string, err error) {
	if name != "" {
		return nil, &UserError{"--user is there on Linux only", "start it as that user"}
	}
	return nil, nil
}

// UseRightToCapture has nothing to do here.
func UseRightToCapture() {}

// Confine confines nothing here.
func Confine(_, _ []string, _ bool) (said []string, err error) {
	return []string{"nothing: this system has no Landlock"}, nil
}
