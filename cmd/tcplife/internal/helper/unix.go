//go:build unix

package helper

import (
	"os/exec"
	"syscall"
)

// apart puts a command into its own process group.
func apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killAll kills a command and the processes it has started.
func killAll(cmd *exec.Cmd) { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
