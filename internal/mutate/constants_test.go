package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestConstants(t *testing.T) {
	dir := t.TempDir()
	source := `package p
import "time"
const (
	many    = 1 << 4
	pause   = 3 * time.Second
	second  = time.Second
	share   = 0.5
	none    = 0
	word    = "7"
	letter  = 'a'
	first   = iota + 1
	copied  = many
)
var (
	limit   = 5 * time.Minute
	shared  = many
	lengths = []int64{64, many, int64(128)}
	systems = []struct{ name string; idle, probes int }{{"a", 7200, 9}, {name: "b", idle: 60}}
	words   = map[int]string{3: "three"}
	made    = strings.Repeat("a", 7)
	begin   = func() int { return 7 }
)
func f() {
	const few, several = 8, 2 * many
	_ = options{patience: time.Duration(3) * time.Second, since: time.Since(t), n: 7}
}
`
	if err := os.WriteFile(filepath.Join(dir, "p.go"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	found, err := constants(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range found {
		names = append(names, c.name)
		if source[c.from:c.to] != c.value {
			t.Errorf("%v: the source has %q there", &c, source[c.from:c.to])
		}
	}
	if want := []string{"limit", "lengths[0]", "lengths[1]", "systems[0]", "systems[1]", "systems[2]", "many", "pause",
		"second", "share", "f.patience", "few", "several"}; !slices.Equal(names, want) {
		t.Errorf("found %q, want %q", names, want)
	}
	overlay, err := (&mutant{found[6], "* 2"}).overlay()
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(filepath.Dir(overlay))
	changed, err := os.ReadFile(filepath.Join(filepath.Dir(overlay), "p.go"))
	if want := strings.Replace(source, "1 << 4", "(1 << 4) * 2", 1); err != nil || string(changed) != want {
		t.Errorf("%v: %s", err, changed)
	}
}

// Each constant that settings.go names exists.
func TestSettings(t *testing.T) {
	t.Chdir("../..")
	for key := range settings {
		dir, name, _ := strings.Cut(key, " ")
		name, _, _ = strings.Cut(name, " ")
		found, err := constants(dir)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(found, func(c constant) bool { return c.name == name }) {
			t.Errorf("settings.go names %s, which does not exist", key)
		}
	}
}
