package capture

import (
	"bytes"
	"cmp"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/internal/fault"
)

// TestReadAhead checks that reading ahead changes nothing, wherever the chunks end, even for packets larger than a
// chunk and for a file that is cut off.
func TestReadAhead(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pcap, pcapng := le().pcap(0xa1b2c3d4, 1), be().section().netif(1, 0)
	for i := range uint32(300) {
		size := random.IntN(1500)
		if random.IntN(20) == 0 {
			size = random.IntN(MaxPacket + 1)
		}
		data := strings.Repeat(string(rune('a'+i%26)), size)
		pcap.record(i, i, data, size)
		pcapng.enhanced(0, uint64(i), data, size)
	}
	pcapng.block(0xbad, be().raw(strings.Repeat("x", 1<<20))).enhanced(0, 300, "last", 4)
	for _, file := range [][]byte{pcap.bytes, pcapng.bytes, pcap.bytes[:len(pcap.bytes)-1],
		pcapng.bytes[:len(pcapng.bytes)-300_000]} {
		for _, size := range []int{100, 4 << 10, 256 << 10} {
			want, _, wantErr := decodeBatches(bytes.NewReader(file), size, 100)
			b := newBuffer(bytes.NewReader(file), size)
			b.peek(1)
			ahead := b.readAhead()
			got, _, err := decodeBuffer(b, 100)
			if err.Error() != wantErr.Error() || !reflect.DeepEqual(got, want) {
				t.Errorf("in chunks of %d: %d packets and %v, not ahead %d and %v", size, len(got), err, len(want),
					wantErr)
			}
			ahead.Close()
		}
	}
}

// TestExchange checks that packets whose memory was taken from the buffer stay as they are, and that the buffer goes on
// in any memory that was taken before, read ahead or not.
func TestExchange(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	pcap := le().pcap(0xa1b2c3d4, 1)
	for i := range uint32(300) {
		size := random.IntN(1500)
		if random.IntN(20) == 0 {
			size = random.IntN(MaxPacket + 1)
		}
		pcap.record(i, i, strings.Repeat(string(rune('a'+i%26)), size), size)
	}
	for _, size := range []int{100, 4 << 10, 256 << 10} {
		for _, isAhead := range []bool{false, true} {
			want, _, _ := decodeBatches(bytes.NewReader(pcap.bytes), size, 7)
			b := newBuffer(bytes.NewReader(pcap.bytes), size)
			f, err := (&file{}).detect(b, Options{}, 0)
			if err != nil {
				t.Fatal(err)
			}
			if isAhead {
				defer b.readAhead().Close()
			}
			var got []given
			var memory [3][]byte // of as many readers
			var batches [3][]Packet
			for k := 0; err == nil; k = (k + 1) % len(memory) {
				for i := range batches[k] {
					batches[k][i].Number = uint64(len(got) + 1)
					got = append(got, keep(&batches[k][i]))
				}
				batch := make([]Packet, 7)
				n := 0
				if err = f.next(&batch[0]); err == nil {
					for n = 1; n < len(batch) && f.more(&batch[n]); n++ {
					}
					memory[k] = b.exchange(memory[k])
				}
				batches[k] = batch[:n]
			}
			for _, batch := range batches { // the last ones
				for i := range batch {
					got = append(got, keep(&batch[i]))
				}
			}
			slices.SortStableFunc(got, func(x, y given) int { return cmp.Compare(x.Time, y.Time) })
			for i := range got {
				got[i].Number = uint64(i + 1)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("in buffers of %d, ahead %v: %d packets, want %d", size, isAhead, len(got), len(want))
			}
		}
	}
}

// broken panics when it is read for the second time.
type broken struct{ *strings.Reader }

func (b broken) Read(p []byte) (int, error) {
	if b.Len() == 0 {
		panic("the decompressor has a mistake")
	}
	return b.Reader.Read(p)
}

// A panic while reading ahead continues in the goroutine that needs the bytes.
func TestReadAheadPanics(t *testing.T) {
	file := le().pcap(0xa1b2c3d4, 1)
	file.record(1, 1, "a", 1)
	b := newBuffer(broken{strings.NewReader(string(file.bytes))}, 4<<10)
	b.peek(1)
	defer b.readAhead().Close()
	var panicked *fault.Error
	func() {
		defer fault.Keep(&panicked)
		decodeBuffer(b, 100)
	}()
	if panicked == nil || !strings.Contains(string(panicked.Stack), "(*ahead).run") {
		t.Errorf("%v", panicked)
	}
}
