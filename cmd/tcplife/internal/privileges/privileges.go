// Package privileges gives up what a process needs no more once its devices are open: the user root, capabilities,
// files.
package privileges

// UserError is a user whom the process cannot become; its hint says what would help.
type UserError struct{ Message, Hint string }

func (e *UserError) Error() string { return e.Message }
