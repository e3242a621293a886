package record

// Clone returns a copy that shares no memory with c. It stays valid when c is filled again.
func (c *Connection) Clone() *Connection {
	r := *c
	r.detach()
	return &r
}
