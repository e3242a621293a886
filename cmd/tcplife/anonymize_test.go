package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplife/tcplife/internal/cryptopan"
	"github.com/tcplife/tcplife/internal/testrun"
)

// reportOf is tcplife read's JSON.
func reportOf(t *testing.T, args ...string) (report map[string]any) {
	t.Helper()
	var out, errs bytes.Buffer
	args = append([]string{"read", "-o", "json"}, args...)
	code := run(context.Background(), args, strings.NewReader(""), &out, &errs)
	if code != exitOK && code != exitIncomplete {
		t.Fatalf("%v: exit code %d: %s", args, code, errs.String())
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return report
}

var addressInText = regexp.MustCompile(`[0-9a-fA-F:]*:[0-9a-fA-F:.]+|[0-9]+(\.[0-9]+){3}`)

// replaced is a report as it must be with other addresses: each is replaced, Community IDs and file names are left out,
// and lists are in an order that does not depend on addresses.
func replaced(v any, ip func(netip.Addr) netip.Addr) any {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range []string{"community_id", "files"} {
			delete(v, name)
		}
		if v["record"] == "connection" {
			moveNumbers(v, ip)
		}
		for name := range v {
			v[name] = replaced(v[name], ip)
		}
	case []any:
		texts := make(map[string][]any, len(v))
		for i := range v {
			one := replaced(v[i], ip)
			text, _ := json.Marshal(one)
			texts[string(text)] = append(texts[string(text)], one)
		}
		v = v[:0]
		for _, text := range slices.Sorted(maps.Keys(texts)) {
			v = append(v, texts[text]...)
		}
		return v
	case string:
		return addressInText.ReplaceAllStringFunc(v, func(s string) string {
			if a, err := netip.ParseAddr(s); err == nil {
				return ip(a).String()
			}
			return s
		})
	}
	return v
}

// moveNumbers moves the numbers of a client whose ISN is the server's address, as Mirai's.
func moveNumbers(connection map[string]any, ip func(netip.Addr) netip.Addr) {
	client := connection["client"].(map[string]any)
	server := netip.MustParseAddr(connection["server"].(map[string]any)["ip"].(string))
	low := func(a netip.Addr) uint32 { return binary.BigEndian.Uint32(a.AsSlice()[a.BitLen()/8-4:]) }
	if client["isn"] != float64(low(server)) {
		return
	}
	move := func(m map[string]any, name string) {
		if seq, known := m[name].(float64); known {
			m[name] = float64(uint32(seq) + low(ip(server)) - low(server))
		}
	}
	move(client, "isn")
	move(connection["handshake"].(map[string]any), "ack_seq")
	if fin, sent := client["fin"].(map[string]any); sent {
		move(fin, "seq")
	}
}

// An anonymized capture gives the report of the original, except for addresses. The test reads every capture in
// testdata; an ordinary run reads a quarter of them.
func TestAnonymizedReport(t *testing.T) {
	dir := t.TempDir()
	keyFile := filepath.Join(dir, "key")
	key := [cryptopan.KeySize]byte([]byte("0123456789abcdefFEDCBA9876543210"))
	if err := os.WriteFile(keyFile, key[:], 0o600); err != nil {
		t.Fatal(err)
	}
	addresses := cryptopan.New(key)
	plain, anonymous := filepath.Join(dir, "plain.pcapng"), filepath.Join(dir, "anonymous.pcapng")
	var captures []string
	err := filepath.WalkDir("../../testdata", func(path string, d fs.DirEntry, err error) error {
		// in impossible-address the multicast group does not stay one
		if strings.Contains(filepath.Ext(path), ".pcap") && d.Name() != "impossible-address.pcap" {
			captures = append(captures, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	connections := 0
	for _, path := range testrun.Some(4, captures) {
		reportOf(t, path, "-w", plain)
		reportOf(t, path, "-w", anonymous, "--anonymize", keyFile)
		want, got := reportOf(t, plain), reportOf(t, anonymous)
		connections += len(want["connections"].([]any))
		wanted := replaced(want, addresses.Addr)
		found := replaced(got, func(a netip.Addr) netip.Addr { return a })
		if reflect.DeepEqual(wanted, found) { // cmp takes far longer
			continue
		}
		if diff := cmp.Diff(wanted, found); diff != "" {
			t.Errorf("%s: the report of the anonymized capture differs:\n%s", path, diff[:min(len(diff), 1500)])
		}
	}
	if connections < 100 {
		t.Errorf("%d connections were compared, which is too few", connections)
	}
}
