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

	mu     sync.Mutex
	spared map[*crowdedConn]time.Time // the open connections, and until when each is not closed for another
}

// How long a connection is spared: after it was accepted or answered, and once its request is complete.
const (
	sparedWaiting  = 20 * time.Millisecond // time enough for a client that means it: 64 connections are 3,200 a second
	sparedAnswered = time.Second
)

func newCrowdedListener(l net.Listener, room int) *crowdedListener {
	return &crowdedListener{Listener: l, room: room, spared: map[*crowdedConn]time.Time{}}
}

// Accept waits for the next connection, and then for room.
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
	c := &crowdedConn{accepted, l}
	l.spare(c, sparedWaiting)
	return c, nil
}

// makeRoom closes a connection if there is room for no other, or says how long to wait until one can be closed.
func (l *crowdedListener) makeRoom() time.Duration {
	l.mu.Lock()
	if len(l.spared) < l.room {
		l.mu.Unlock()
		return 0
	}
	var first *crowdedConn
	for c, until := range l.spared {
		if first == nil || until.Before(l.spared[first]) {
			first = c
		}
	}
	wait := time.Until(l.spared[first])
	l.mu.Unlock()
	if wait > 0 {
		return wait
	}
	first.Close()
	return 0
}

// spare keeps a connection from being closed for another one.
func (l *crowdedListener) spare(c *crowdedConn, length time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spared[c] = time.Now().Add(length)
}

// A crowdedConn is a connection that a crowdedListener has accepted.
type crowdedConn struct {
	net.Conn
	listener *crowdedListener
}

// Close makes room for another connection.
func (c *crowdedConn) Close() error {
	c.listener.mu.Lock()
	delete(c.listener.spared, c)
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

// sparing spares the connection of a request while it is answered.
func sparing(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, is := r.Context().Value(connKey{}).(*crowdedConn); is {
			c.listener.spare(c, sparedAnswered)
			defer c.listener.spare(c, sparedWaiting) // the answer is still to be sent
		}
		handler.ServeHTTP(w, r)
	})
}
