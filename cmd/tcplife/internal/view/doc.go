// Package view is the screen of `tcplife live` on a terminal: vitals, the list of connections, ladders, and what its
// keys do.
//
// The view is a bubbletea model. It sees scenes, values that nothing changes any more, which the tracker's goroutine
// leaves behind for it a few times a second (Watch). For the list the watch looks at connections for 10 ms a scene at
// most and keeps the first 500 by the order that is asked for, so that a million connections cost it no more than
// some thousand; they only take longer to come round. Each scene holds the last packets: ladders and captures are
// made of them by the view's own goroutine, by the same code as explain.
package view
