// Package page writes a report as one HTML file that needs nothing else: for a ticket, for the artifacts of a build,
// for someone without tcplife. It opens from disk, asks nobody for anything, and runs no script but its own.
//
// The file holds the connections as columns of numbers, compressed, and plain ES modules (in web) that draw them. Up to
// MostWhole connections are there whole. Of more, all have a row, but only those with findings and the first FirstWhole
// have the times of their states. Of more than MostRows a sample has rows; sums and populations always count all.
package page
