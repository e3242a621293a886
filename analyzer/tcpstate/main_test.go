package tcpstate

import (
	"flag"
	"os"
	"testing"
)

// TestMain makes the properties the same in each run, and keeps their failures out of the tree, unless flags say otherwise.
func TestMain(m *testing.M) {
	flag.Parse()
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for name, value := range map[string]string{"rapid.seed": "9293", "rapid.checks": "1500", "rapid.nofailfile": "true"} {
		if !given[name] {
			if err := flag.Set(name, value); err != nil {
				panic(err)
			}
		}
	}
	os.Exit(m.Run())
}
