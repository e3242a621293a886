package tcpstate

import (
	"flag"
	"os"
	"testing"

	"pgregory.net/rapid"
)

// seeds make the properties the same in each run, unless -rapid.seed gives another one.
var seeds = []string{"793", "1122", "5961", "7323", "9293"}

func TestMain(m *testing.M) {
	flag.Parse()
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for name, value := range map[string]string{"rapid.checks": "2000", "rapid.nofailfile": "true"} {
		if !given[name] {
			set(name, value) // failures stay out of the tree
		}
	}
	if given["rapid.seed"] {
		seeds = []string{flag.Lookup("rapid.seed").Value.String()}
	}
	os.Exit(m.Run())
}

func set(name, value string) {
	if err := flag.Set(name, value); err != nil {
		panic(err)
	}
}

// hold checks a property from each of the seeds.
func hold(t *testing.T, property func(*rapid.T)) {
	t.Helper()
	for _, seed := range seeds {
		t.Run(seed, func(t *testing.T) {
			set("rapid.seed", seed)
			rapid.Check(t, property)
		})
	}
}
