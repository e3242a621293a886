//go:build race

package main

// raceRoom is the factor by which the race detector increases the memory of a program (5 to 10 by its manual).
const raceRoom = 8
