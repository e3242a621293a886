//go:build !unix

package helper

import "os/exec"

// apart does nothing on systems without process groups.
func apart(*exec.Cmd) {}

// killAll kills a command.
func killAll(cmd *exec.Cmd) { cmd.Process.Kill() }
