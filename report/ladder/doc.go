// Package ladder draws the life of one connection segment by segment: the client on the left, the server on the
// right, and beside each segment the states it leads to and the rule of RFC 9293 behind them.
//
// A Choice picks the connections worth a ladder. A Collector takes in their segments while the capture is read again,
// and makes an Explanation's ladders of them.
package ladder
