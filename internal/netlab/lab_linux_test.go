package netlab_test

import (
	"io"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/netlab"
)

// TestLab opens and closes a connection whose first SYN is lost, and looks at the capture and at the kernels' states.
func TestLab(t *testing.T) {
	syns := 0
	lab := netlab.Start(t, netlab.Options{
		Delay: 20 * time.Millisecond,
		Fate: func(s netlab.Segment) netlab.Fate {
			if s.FromClient && s.Flags == flows.SYN {
				syns++
			}
			if syns == 1 {
				return netlab.LostBehind
			}
			return netlab.Pass
		},
	})
	watcher, err := lab.Watch()
	if err != nil {
		t.Fatal(err)
	}
	client, server, err := lab.Connect(nil, 80)
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	client.SetDeadline(deadline)
	server.SetDeadline(deadline)
	if _, err := client.Write(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	client.CloseWrite()
	if b, err := io.ReadAll(server); err != nil || len(b) != 100 {
		t.Fatalf("the server read %d bytes, %v", len(b), err)
	}
	time.Sleep(60 * time.Millisecond)
	server.Close()
	if _, err := io.ReadAll(client); err != nil {
		t.Fatal(err)
	}
	client.Close()
	time.Sleep(60 * time.Millisecond)
	observed, err := watcher.Stop()
	if err != nil {
		t.Fatal(err)
	}

	decoder := flows.NewDecoder(flows.DecoderOptions{})
	var segments []flows.Segment
	for _, p := range lab.Packets() {
		segments = decoder.Decode(&p, segments)
	}
	if stats := decoder.Stats(); stats.Packets != stats.Segments || stats.BadTCPChecksums != 0 {
		t.Errorf("the capture holds %d packets, %d segments, %d bad checksums", stats.Packets, stats.Segments, stats.BadTCPChecksums)
	}
	var flags []flows.Flags
	for _, s := range segments {
		if s.Flags&(flows.SYN|flows.FIN|flows.RST) != 0 {
			flags = append(flags, s.Flags)
		}
	}
	want := []flows.Flags{flows.SYN, flows.SYN, flows.SYN | flows.ACK, flows.FIN | flows.ACK, flows.FIN | flows.ACK}
	if !slices.Equal(flags, want) {
		t.Errorf("the capture holds %v, want %v", flags, want)
	}
	if rtt := time.Duration(segments[2].Time - segments[1].Time); rtt < 20*time.Millisecond {
		t.Errorf("SYN-ACK %v after the SYN in the middle of a wire of 20ms", rtt)
	}

	for _, end := range []struct {
		host *netlab.Host
		want []string
	}{
		{lab.Client, []string{"SYN_SENT", "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "TIME_WAIT"}},
		{lab.Server, []string{"SYN_RCVD", "ESTABLISHED", "CLOSE_WAIT", "LAST_ACK", "CLOSED"}},
	} {
		var got []string
		for _, o := range observed {
			if o.Host == end.host && o.Remote.Addr() != (netip.Addr{}) {
				got = append(got, o.State)
			}
		}
		if !slices.Equal(got, end.want) {
			t.Errorf("the kernel of the %s had the states %v, want %v", end.host.Name, got, end.want)
		}
	}
}
