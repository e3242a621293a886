//go:build !race

package main

// raceRoom is how many times the memory is needed that a program without the race detector takes (5 to 10 times, says
// its manual).
const raceRoom = 1
