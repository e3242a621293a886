// Package helper runs a command for each event, in a separate process that live starts before it drops its privileges.
//
// The process runs this program again. It becomes the user that live becomes, drops all capabilities, and has none of
// live's restrictions for files and system calls. Live sends it one event at a time, as a line of JSON through a pipe,
// and it answers with a line when the command has ended. So one command runs at a time, and the queue is in live.
package helper

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tcplife/tcplife/internal/fault"
)

// Queue is the number of events that may wait for the command.
const Queue = 64

// Limit is the longest time that a command may run. At its end live begins further commands for half of it. Tests
// shorten it.
var Limit = 10 * time.Second

// Subcommand is the name under which the program is started as a helper: Subcommand USER COMMAND ARGUMENT...
const Subcommand = "run-command-for-events"

// A Helper is the process, as live sees it.
type Helper struct {
	cmd    *exec.Cmd
	events chan []byte
	input  io.WriteCloser
	output *bufio.Reader
	done   chan struct{} // closed when no command runs any more
	said   chan string

	run, failed, killed, dropped atomic.Uint64
}

// An answer is what the process sends first, and after each command.
type answer struct {
	Error  string `json:"error,omitempty"`  // it could not start, or failed
	Killed bool   `json:"killed,omitempty"` // after Limit
}

// Start starts the process as a user ("" is live's default), and returns when it is ready. It looks up the command's
// name as a shell does.
func Start(user string, argv []string) (*Helper, error) {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return nil, fmt.Errorf("find the command of --exec: %w", err)
	}
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start the helper of --exec: %w", err)
	}
	h := &Helper{events: make(chan []byte, Queue), done: make(chan struct{}), said: make(chan string, 8)}
	h.cmd = exec.Command(program, append([]string{Subcommand, user, path}, argv[1:]...)...)
	h.cmd.Args[0] = os.Args[0]
	h.cmd.Env = []string{}
	apart(h.cmd) // Ctrl-C must reach only live
	if h.input, err = h.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start the helper of --exec: %w", err)
	}
	output, err := h.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the helper of --exec: %w", err)
	}
	h.output = bufio.NewReader(output)
	if err := h.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the helper of --exec: %w", err)
	}
	if a, err := h.answer(); err != nil || a.Error != "" {
		h.input.Close()
		ended := h.cmd.Wait()
		if a.Error != "" {
			return nil, errors.New(a.Error)
		}
		return nil, fmt.Errorf("start the helper of --exec: it ended: %w", errors.Join(err, ended))
	}
	go h.serve()
	return h, nil
}

// Give queues an event, a record as one line of JSON. It never waits: if the queue is full, the event is counted as
// dropped.
func (h *Helper) Give(event []byte) {
	select {
	case h.events <- event:
	default:
		h.dropped.Add(1)
	}
}

// serve sends the process one event after the other.
func (h *Helper) serve() {
	defer close(h.done)
	defer fault.Catch(new(uint64), func(f *fault.Error) { h.say("the helper of --exec: " + f.Error()) })
	ended := false
	for event := range h.events {
		if ended {
			h.dropped.Add(1)
			continue
		}
		_, err := h.input.Write(append(event, '\n'))
		var a answer
		if err == nil {
			a, err = h.answer()
		}
		if err != nil {
			ended = true
			h.dropped.Add(1)
			h.input.Close()
			h.say(fmt.Sprintf("the helper of --exec ended (%s): commands are not run any more, events are counted",
				state(h.cmd.Wait())))
			continue
		}
		h.count(a)
	}
	if ended {
		return
	}
	h.input.Close()
	if err := h.cmd.Wait(); err != nil {
		h.say("the helper of --exec ended: " + err.Error())
	}
}

// count counts a command that ran, and reports the first failure.
func (h *Helper) count(a answer) {
	h.run.Add(1)
	switch {
	case a.Killed:
		if h.killed.Add(1) == 1 {
			h.say(fmt.Sprintf("the command of --exec was killed after %v; further ones are only counted", Limit))
		}
	case a.Error != "":
		if h.failed.Add(1) == 1 {
			h.say("the command of --exec failed: " + a.Error + "; further failures are only counted")
		}
	}
}

// state describes how a process ended.
func state(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

// answer reads the next answer.
func (h *Helper) answer() (a answer, err error) {
	line, err := h.output.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &a)
	}
	return a, err
}

// say queues a message, unless the queue is full.
func (h *Helper) say(text string) {
	select {
	case h.said <- text:
	default:
	}
}

// Said returns the messages since the last call.
func (h *Helper) Said() (list []string) {
	for {
		select {
		case text := <-h.said:
			list = append(list, text)
		default:
			return list
		}
	}
}

// Counts returns the numbers of commands run, failed and killed, and of events dropped.
func (h *Helper) Counts() (run, failed, killed, dropped uint64) {
	return h.run.Load(), h.failed.Load(), h.killed.Load(), h.dropped.Load()
}

// Close lets the command begin for waiting events, at most for half of Limit, and end; the rest is counted as dropped.
// Give must not be called afterwards.
func (h *Helper) Close() {
	close(h.events)
	select {
	case <-h.done:
		return
	case <-time.After(Limit / 2):
	}
	for range h.events {
		h.dropped.Add(1)
	}
	<-h.done // the one that is running ends by its own limit
}

// Run is the process: it runs a command for each line of in, and writes the result to out. It calls ready first, which
// drops privileges.
func Run(in io.Reader, out io.Writer, argv []string, ready func() error) error {
	say := func(a answer) error {
		line, err := json.Marshal(a)
		if err != nil {
			return err
		}
		_, err = out.Write(append(line, '\n'))
		return err
	}
	if err := ready(); err != nil {
		return say(answer{Error: err.Error()})
	}
	if err := say(answer{}); err != nil {
		return err
	}
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := say(command(argv, line)); err != nil {
			return err
		}
	}
}

// command runs the command for an event. Its output is not shown, except the first line if it fails.
func command(argv []string, event []byte) answer {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = []string{}
	cmd.Stdin = strings.NewReader(string(event))
	var printed firstLine
	cmd.Stdout, cmd.Stderr = &printed, &printed
	apart(cmd)
	cmd.WaitDelay = time.Second // its children may still have its output open
	if err := cmd.Start(); err != nil {
		return answer{Error: err.Error()}
	}
	var killed atomic.Bool
	limit := time.AfterFunc(Limit, func() {
		killed.Store(true)
		killAll(cmd)
	})
	err := cmd.Wait()
	limit.Stop()
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		return answer{Killed: killed.Load()}
	}
	text := err.Error()
	if printed.text != "" {
		text += ": " + printed.text
	}
	return answer{Error: text, Killed: killed.Load()}
}

// firstLine keeps the first line that is written, or the beginning of it.
type firstLine struct {
	text string
	full bool
}

func (f *firstLine) Write(p []byte) (int, error) {
	if !f.full {
		const longest = 200
		line, _, ended := strings.Cut(f.text+string(p[:min(len(p), longest)]), "\n")
		f.text, f.full = line[:min(len(line), longest)], ended || len(line) >= longest
	}
	return len(p), nil
}
