// Package screen draws the live view: the vitals of a running capture, and a list of its connections.
package screen
