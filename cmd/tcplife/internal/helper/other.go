//go:build !unix

package helper

import "os/exec"

// apart does nothing where there are no groups of processes.
func apart(*exec.Cmd) {}

// killAll kills a command.
func killAll(cmd *exec.Cmd) { cmd.Process.Kill() }
