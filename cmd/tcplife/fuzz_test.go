package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/internal/readtest"
)

// commandLines are tried on any file: IN is the file, OUT one to write, KEY a key. Those that say json write a
// document.
var commandLines = []string{
	`read IN -o json --where teardown.kind=="reset"||client.bytes>10 --msl linux`,
	`read IN -o json -w OUT`,
	`read IN -o json -w OUT --where server.packets>0 --headers-only`,
	`read IN -o json -w OUT --anonymize KEY`,
	`read IN -o json -w OUT --no-comments --count 7`,
	`read IN -o json --key vlan,vni,gre --drop-bad-checksums --max-connections 1`,
	`read IN -o json --idle-limit 1s --embryonic-limit 10ms --port-range 1000-2000`,
	`read IN --by server --sort rtt --top 3 --color always`,
	`read IN --suggest nft`,
	`read IN -o html --where "refused"in(findings)||rtt>1ms`,
	`at IN --time +1s -o json --where client.port>1000`,
	`at IN --time #3`,
	`at IN --time 22:13:20.5 -o csv`,
	`population IN --by host --step 1ms -o json`,
	`population IN --by host`,
	`explain IN -o json --conn 1`,
	`explain IN -o svg --top 2`,
	`explain IN --ascii --diagram`,
	`compare a=IN b=IN -o json`,
}

// FuzzCommand runs a command line on any file, and on its own output. It must succeed, or say in a sentence what is
// missing or failed, without a panic. JSON must be valid, and -w must write a capture without damage.
func FuzzCommand(f *testing.F) {
	const longest = 8 << 10
	n := 0
	for _, path := range readtest.Captures(f, 2) {
		file, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		if len(file) <= longest {
			f.Add(file, uint8(n))
			f.Add(file, uint8(n+7))
			n++
		}
	}
	dir := f.TempDir()
	key := filepath.Join(dir, "key")
	if err := os.WriteFile(key, bytes.Repeat([]byte("k3"), 16), 0o600); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, file []byte, which uint8) {
		in, out := filepath.Join(t.TempDir(), "in"), filepath.Join(t.TempDir(), "out")
		if err := os.WriteFile(in, file, 0o600); err != nil {
			t.Fatal(err)
		}
		line := commandLines[int(which)%len(commandLines)]
		args := strings.Fields(strings.NewReplacer("IN", in, "OUT", out, "KEY", key).Replace(line))
		stdout, code := sound(t, args)
		done := code == exitOK || code == exitIncomplete
		if done && slices.Contains(args, "json") && !json.Valid([]byte(stdout)) {
			t.Errorf("tcplife %s: %s", line, stdout)
		}
		if _, err := os.Stat(out); done && err == nil {
			if _, code := sound(t, []string{"read", out, "-o", "json"}); code != exitOK {
				t.Errorf("tcplife %s: reading its output has exit code %d", line, code)
			}
		}
	})
}

// sound runs the program in this process.
func sound(t *testing.T, args []string) (string, int) {
	var stdout, stderr strings.Builder
	code := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr)
	said := stderr.String()
	codes := []int{exitOK, exitFailed, exitIncomplete}
	told := strings.HasPrefix(said, "tcplife: ") && !strings.Contains(said, "this is a bug in tcplife")
	if !slices.Contains(codes, code) || code != exitOK && said == "" || said != "" && !told {
		t.Errorf("tcplife %s: exit code %d: %s", strings.Join(args, " "), code, said)
	}
	return stdout.String(), code
}
