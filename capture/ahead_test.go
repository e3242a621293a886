package capture

import (
	"bytes"
	"math/rand/v2"
	"reflect"
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
