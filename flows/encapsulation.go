package flows

import "slices"

// maxEncapsulations is the most encapsulations that are kept. If there are more, all are forgotten.
const maxEncapsulations = 1 << 14

// encapsulations keeps one copy of each list of layers that was seen.
type encapsulations struct {
	keyIDs []string // DecoderOptions.KeyIDs
	byHash map[uint64]*encapsulation
	latest *encapsulation
}

// encapsulation is the shared copy.
type encapsulation struct {
	Encapsulation
	domain uint64 // for Key.Domain
}

// intern returns the copy of a list that is not empty.
func (e *encapsulations) intern(list []Layer) *encapsulation {
	if e.latest != nil && slices.Equal(e.latest.Layers, list) {
		return e.latest
	}
	h := hashLayers(list)
	c := e.byHash[h]
	if c == nil || !slices.Equal(c.Layers, list) {
		if len(e.byHash) >= maxEncapsulations {
			clear(e.byHash)
		}
		c = &encapsulation{Encapsulation{slices.Clone(list)}, e.domain(list)}
		e.byHash[h] = c
	}
	e.latest = c
	return c
}

// domain hashes the ids that the options choose.
func (e *encapsulations) domain(list []Layer) uint64 {
	var chosen []Layer
	for _, l := range list {
		if id := keyID(l.Kind); l.HasID && slices.Contains(e.keyIDs, id) {
			chosen = append(chosen, Layer{Kind: id, ID: l.ID, HasID: true})
		}
	}
	if chosen == nil {
		return 0
	}
	return hashLayers(chosen)
}

// keyID returns the name in DecoderOptions.KeyIDs for the ids of a kind of layer, or "".
func keyID(kind string) string {
	switch kind {
	case "vxlan", "geneve":
		return "vni"
	case "vlan", "gre":
		return kind
	}
	return ""
}

// hashLayers is FNV-1a over the list. Only the empty list has 0.
func hashLayers(list []Layer) uint64 {
	if len(list) == 0 {
		return 0
	}
	const prime = 0x100000001b3
	h := uint64(0xcbf29ce484222325)
	for _, l := range list {
		for i := range len(l.Kind) {
			h = (h ^ uint64(l.Kind[i])) * prime
		}
		h = (h ^ uint64(l.ID)) * prime
		if l.HasID {
			h = (h ^ 1) * prime
		}
	}
	return max(h, 1)
}
