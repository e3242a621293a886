// Package privileges drops what a process no longer needs once its devices are open: root, capabilities, access to
// files.
package privileges

// UserError means that the process cannot become a user; its hint says what would help.
type UserError struct{ Message, Hint string }

func (e *UserError) Error() string { return e.Message }
