package analyzer_test

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/segtest"
)

// A capture on both sides of a device that renumbers gives the same records as a capture on one side. Each hard case
// has every packet twice, the second time with other numbers.
func TestRenumberedHardCases(t *testing.T) {
	files, err := filepath.Glob("testdata/hardcases/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no hard cases: %v", err)
	}
	without := []string{
		"02-land", "02-self-connect", // no device is between a socket and itself
		"27-syn-fin", "27-syn-rst", // all segments open nothing, and show no numbers
		"64-refused-before-syn",  // the attempt is over before the copy of its SYN comes
		"131-answered-elsewhere", // the finding names the copy that has the SYN's numbers
	}
	counts := regexp.MustCompile(`packets \d+|, twice \d+|  info: capture_duplicates .*\n`)
	for _, plus := range [][2]uint32{{1_000_000_000, 3_000_000_000}, {0, 2_000_000_000}, {4_000_000_000, 0}} {
		for _, file := range files {
			if slices.Contains(without, strings.TrimSuffix(filepath.Base(file), ".txtar")) {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			once := segtest.Script(string(txtar.Parse(text).Files[0].Data)).Segments()
			for i := range once {
				once[i].Packet *= 2
				once[i].IPID = uint16(once[i].Packet)
			}
			twice := slices.Clone(once)
			for _, again := range once {
				again.Packet++
				again.Time += 100e3
				own, others := plus[0], plus[1]
				if again.FromB {
					own, others = others, own
				}
				again.Seq += own
				if again.Flags.Has(flows.ACK) {
					again.Ack += others
				}
				twice = append(twice, again)
			}
			slices.SortStableFunc(twice, func(x, y flows.Segment) int { return cmp.Compare(x.Time, y.Time) })
			got := counts.ReplaceAllString(strings.Join(records(twice), ""), "")
			want := counts.ReplaceAllString(strings.Join(records(once), ""), "")
			if got != want {
				t.Errorf("%s, %d added: on both sides:\n%s\non one side:\n%s", file, plus, got, want)
			}
		}
	}
}
