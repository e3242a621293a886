package netlab_test

import (
	"io"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/netlab"
)

// TestLab opens and closes a connection whose first SYN is lost, and checks the capture and the kernels' states.
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
	await := func(h *netlab.Host, state string) {
		t.Helper()
		if err := watcher.Await(h, state); err != nil {
			t.Fatal(err)
		}
	}
	client, server, err := lab.Connect(nil, 80)
	if err != nil {
		t.Fatal(err)
	}
	await(lab.Client, "ESTABLISHED")
	await(lab.Server, "ESTABLISHED")
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
	await(lab.Client, "FIN_WAIT_2")
	await(lab.Server, "CLOSE_WAIT")
	server.Close()
	if _, err := io.ReadAll(client); err != nil {
		t.Fatal(err)
	}
	client.Close()
	await(lab.Client, "TIME_WAIT")
	await(lab.Server, "CLOSED")
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
		t.Errorf("the capture holds %d packets, %d segments, %d bad checksums", stats.Packets, stats.Segments,
			stats.BadTCPChecksums)
	}
	// On a slow machine the kernels may retransmit.
	var flags []flows.Flags
	var at []int64
	for _, s := range segments {
		if s.Flags&(flows.SYN|flows.FIN|flows.RST) != 0 {
			flags = append(flags, s.Flags)
			at = append(at, s.Time)
		}
	}
	synAck := slices.Index(flags, flows.SYN|flows.ACK)
	want := []flows.Flags{flows.SYN, flows.SYN | flows.ACK, flows.FIN | flows.ACK}
	if !slices.Equal(slices.Compact(slices.Clone(flags)), want) || synAck < 2 {
		t.Errorf("the capture holds %v, want two SYNs and then each of %v", flags, want)
	} else if rtt := time.Duration(at[synAck] - at[1]); rtt < 20*time.Millisecond {
		t.Errorf("SYN-ACK %v after the second SYN, want at least the 20ms of the wire", rtt)
	}

	// The watcher may miss states that the test did not wait for.
	for _, end := range []struct {
		host *netlab.Host
		want []string
	}{
		{lab.Client, []string{"SYN_SENT", "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "TIME_WAIT"}},
		{lab.Server, []string{"SYN_RCVD", "ESTABLISHED", "CLOSE_WAIT", "LAST_ACK", "CLOSED"}},
	} {
		want := end.want
		for _, o := range observed {
			if o.Host != end.host {
				continue
			}
			next := slices.Index(want, o.State)
			if next < 0 {
				t.Errorf("the kernel of the %s entered %s, want one of %v", end.host.Name, o.State, want)
				break
			}
			want = want[next+1:]
		}
	}
}

// Children of this process hold its listening socket until they begin their program. The port must be free
// nevertheless.
func TestPortIsFreedAtOnce(t *testing.T) {
	lab := netlab.Start(t, netlab.Options{})
	done := make(chan struct{})
	var children sync.WaitGroup
	defer children.Wait()
	defer close(done)
	for range 4 {
		children.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					exec.Command("true").Run()
				}
			}
		})
	}
	for range 50 {
		client, server, err := lab.Connect(nil, 80)
		if err != nil {
			t.Fatal(err)
		}
		client.Close()
		server.Close()
	}
}
