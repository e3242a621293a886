package record

import "slices"

// Clone returns a copy that shares no memory with c. It stays valid when c is filled again.
func (c *Connection) Clone() *Connection {
	r := *c
	r.Encapsulation = slices.Clone(c.Encapsulation)
	r.Client.States, r.Server.States = slices.Clone(c.Client.States), slices.Clone(c.Server.States)
	r.TimeWait = slices.Clone(c.TimeWait)
	r.Findings = slices.Clone(c.Findings)
	for i := range r.Findings {
		r.Findings[i].Packets = slices.Clone(r.Findings[i].Packets)
	}
	r.Client.Fin, r.Server.Fin = clonePointer(c.Client.Fin), clonePointer(c.Server.Fin)
	r.Teardown.Reset, r.HalfOpen = clonePointer(c.Teardown.Reset), clonePointer(c.HalfOpen)
	r.Client.Options, r.Server.Options = clonePointer(c.Client.Options), clonePointer(c.Server.Options)
	r.Handshake.MPTCP, r.Idle = clonePointer(c.Handshake.MPTCP), clonePointer(c.Idle)
	r.Zeek, r.Tshark = clonePointer(c.Zeek), clonePointer(c.Tshark)
	return &r
}

func clonePointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}
