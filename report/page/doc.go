// Package page writes a report as one HTML file that needs nothing else: for a ticket, for the artifacts of a build,
// for someone without tcplife. It opens from disk, makes no request, and runs only its own script.
//
// The file has the connections as compressed columns of numbers, and plain ES modules (in web) that draw them. Up to
// MostWhole connections have all data. If there are more, each has a row, but only those with findings and the first
// FirstWhole have the times of their states. If there are more than MostRows, only a sample has rows. Sums and
// populations always count all.
package page
