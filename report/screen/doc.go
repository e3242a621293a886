// Package screen draws what the live view shows: the vitals of a capture that goes on, and a list of its connections.
package screen
