package main

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// A crowdedListener keeps at most a number of connections open. For one more it closes the one that has kept the server
// waiting longest, so that many half-finished requests neither take memory nor keep others from being answered.
type crowdedListener struct {
	net.Listener
	room int

	mu   sync.Mutex
	open map[*crowdedConn]bool
}

// How long a connection is kept open: while the server waits for its first bytes, and for more bytes, which is long
// enough for an honest client (64 connections allow at least 3,200 a second); and while the client waits for a busy
// server.
const (
	sparedFirst = 20 * time.Millisecond
	sparedMore  = 5 * time.Millisecond
	sparedBusy  = time.Second
)

func newCrowdedListener(l net.Listener, room int) *crowdedListener {
	return &crowdedListener{Listener: l, room: room, open: map[*crowdedConn]bool{}}
}

// Accept waits for the next connection, then for room.
func (l *crowdedListener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	for {
		wait := l.makeRoom()
		if wait <= 0 {
			break
		}
		time.Sleep(wait)
	}
	now := time.Now()
	c := &crowdedConn{Conn: accepted, listener: l, spared: now.Add(sparedBusy), late: now.Add(sparedBusy)}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[c] = true
	return c, nil
}

// makeRoom closes a connection if there is no room for another, or returns how long to wait until one can be closed.
func (l *crowdedListener) makeRoom() time.Duration {
	l.mu.Lock()
	if len(l.open) < l.room {
		l.mu.Unlock()
		return 0
	}
	var first *crowdedConn
	for c := range l.open {
		if first == nil || c.spared.Before(first.spared) {
			first = c
		}
	}
	wait := time.Until(first.spared)
	l.mu.Unlock()
	if wait > 0 {
		return wait
	}
	first.Close()
	return 0
}

// A crowdedConn is a connection that a crowdedListener has accepted.
type crowdedConn struct {
	net.Conn
	listener *crowdedListener

	// listener.mu protects these.
	spared time.Time // until then it is not closed for another
	late   time.Time // the same, however often something is read
	asked  bool      // it has been read from
}

// Read waits for the client. The server then works on the bytes.
func (c *crowdedConn) Read(b []byte) (int, error) {
	c.waits()
	n, err := c.Conn.Read(b)
	c.waits()
	return n, err
}

// waits records that the server waits for the client, or has waited.
func (c *crowdedConn) waits() {
	c.listener.mu.Lock()
	defer c.listener.mu.Unlock()
	length := sparedMore
	if !c.asked {
		c.asked, length = true, sparedFirst
	}
	if c.spared = time.Now().Add(length); c.spared.After(c.late) {
		c.spared = c.late
	}
}

// busy records that the client waits for the server: for an answer, or for its end.
func (c *crowdedConn) busy() {
	c.listener.mu.Lock()
	defer c.listener.mu.Unlock()
	c.spared = time.Now().Add(sparedBusy)
}

// Close makes room for another connection.
func (c *crowdedConn) Close() error {
	c.listener.mu.Lock()
	delete(c.listener.open, c)
	c.listener.mu.Unlock()
	return c.Conn.Close()
}

// connKey is of the crowdedConn in the context of a request.
type connKey struct{}

// connContext is for http.Server.ConnContext.
func connContext(ctx context.Context, c net.Conn) context.Context {
	if secured, is := c.(interface{ NetConn() net.Conn }); is { // TLS
		c = secured.NetConn()
	}
	return context.WithValue(ctx, connKey{}, c)
}

// sparing keeps the connection of a request open while it is answered.
func sparing(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, is := r.Context().Value(connKey{}).(*crowdedConn); is {
			c.busy()
			defer c.busy() // the answer is still to be sent
		}
		handler.ServeHTTP(w, r)
	})
}
