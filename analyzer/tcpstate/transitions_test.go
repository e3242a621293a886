package tcpstate

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/TRANSITIONS.md anew")

// TestTransitions compares docs/TRANSITIONS.md with the table of rules.
func TestTransitions(t *testing.T) {
	const file = "../../docs/TRANSITIONS.md"
	want := transitions()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != want {
		t.Errorf("%s is stale (%v); run go generate ./analyzer/tcpstate", file, err)
	}
}

func transitions() string {
	var b strings.Builder
	b.WriteString(`# The rules

Made of the table in ` + "`analyzer/tcpstate/rules.go`" + ` by ` + "`go generate ./analyzer/tcpstate`" + `.

## What enters a state

Every entry of ` + "`states`" + ` in a record names its rule. *Sends*: the endpoint's own segment shows it. *Arrives*: a
segment of its peer is taken to have arrived; later evidence may withdraw the state. A state in brackets is what the
endpoint must have been in: the capture shows nothing of it before.

| rule | from | to | event | text | source |
|---|---|---|---|---|---|
`)
	for r := range endOfEntering {
		for i := range rules[r].arrows {
			a := &rules[r].arrows[i]
			from := a.from.String()
			if a.unseen {
				from = "(" + from + ")"
				if a.to == Established {
					from = "(any)"
				}
			}
			text, clause := rules[r].text, rules[r].clause
			if a.text != "" {
				text = a.text
			}
			if a.clause != "" {
				clause = a.clause
			}
			b.WriteString("| `" + r.String() + "` | " + from + " | " + a.to.String() + " | " + r.Event().String() +
				" | " + text + " | " + clause + " |\n")
		}
	}
	b.WriteString(`
## What withdraws states

Every entry of ` + "`withdrawn`" + ` names the rule by which it was taken back.

| rule | text | source |
|---|---|---|
`)
	for r := endOfEntering; r < endOfWithdrawing; r++ {
		b.WriteString("| `" + r.String() + "` | " + rules[r].text + " | " + rules[r].clause + " |\n")
	}
	b.WriteString(`
## What changes nothing

A segment that its receiver drops. ` + "`tcplife explain`" + ` shows the text beside it.

| rule | text | source |
|---|---|---|
`)
	for r := endOfWithdrawing; r < countRules; r++ {
		b.WriteString("| `" + r.String() + "` | " + rules[r].text + " | " + rules[r].clause + " |\n")
	}
	return b.String()
}

func TestRulesAreComplete(t *testing.T) {
	names := map[string]bool{}
	for r := Rule(1); r < countRules; r++ {
		def := &rules[r]
		if def.name == "" || def.clause == "" || def.text == "" || names[def.name] {
			t.Errorf("rule %d has no name of its own, no clause or no text: %+v", r, def)
		}
		names[def.name] = true
		withdraws := r >= endOfEntering && r < endOfWithdrawing
		if (r < endOfEntering) != (def.arrows != nil) || withdraws != (def.event == Withdraws) ||
			(r >= endOfWithdrawing) != (def.event == Drops) {
			t.Errorf("%s: a rule must enter states, withdraw them or drop segments", def.name)
		}
		for i, a := range def.arrows {
			for _, other := range def.arrows[:i] {
				if a.from == other.from && a.unseen == other.unseen {
					t.Errorf("%s leads from %s twice", def.name, a.from)
				}
			}
		}
	}
}

// The arrows are those of RFC 9293 figure 5 with its notes, and those that every state has to CLOSED.
func TestArrowsAreFigure5(t *testing.T) {
	figure := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(`
CLOSED SYN_SENT active OPEN
LISTEN SYN_RCVD rcv SYN
SYN_SENT SYN_RCVD rcv SYN
SYN_SENT ESTABLISHED rcv SYN,ACK
SYN_RCVD ESTABLISHED rcv ACK of SYN
SYN_RCVD FIN_WAIT_1 CLOSE
SYN_RCVD CLOSE_WAIT ACK of SYN and FIN at once, by way of ESTABLISHED
ESTABLISHED FIN_WAIT_1 CLOSE
ESTABLISHED CLOSE_WAIT rcv FIN
FIN_WAIT_1 FIN_WAIT_2 rcv ACK of FIN
FIN_WAIT_1 CLOSING rcv FIN
FIN_WAIT_1 TIME_WAIT rcv FIN,ACK of FIN: note 2
FIN_WAIT_2 TIME_WAIT rcv FIN
CLOSE_WAIT LAST_ACK CLOSE
CLOSING TIME_WAIT rcv ACK of FIN
LAST_ACK CLOSED rcv ACK of FIN
TIME_WAIT CLOSED 2MSL
CLOSED SYN_RCVD LISTEN is not seen`), "\n") {
		f := strings.Fields(line)
		figure[f[0]+" "+f[1]] = false
	}
	for r := range endOfEntering {
		for _, a := range rules[r].arrows {
			if a.unseen && a.to == Established || a.to == Closed {
				continue // picked up midstream; an RST, a time-out, the end
			}
			edge := a.from.String() + " " + a.to.String()
			if _, is := figure[edge]; !is {
				t.Errorf("%s: no arrow of figure 5 leads from %s", r, edge)
			}
			figure[edge] = true
		}
	}
	for edge, found := range figure {
		if !found && !strings.HasSuffix(edge, " CLOSED") {
			t.Errorf("no rule leads from %s", edge)
		}
	}
}
