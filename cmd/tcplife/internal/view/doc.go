// Package view is the screen of `tcplife live` on a terminal: vitals, the list of connections, ladders, and what its
// keys do.
//
// The view is a bubbletea model. It sees scenes: immutable values that the tracker's goroutine makes a few times a
// second (Watch). For the list the watch looks at connections for at most 10 ms a scene and keeps the first 500 in the
// chosen order. So a million connections cost it no more than some thousand; a round only takes longer. Each scene has
// the last packets: the view's own goroutine makes ladders and captures of them, with the code of explain.
package view
