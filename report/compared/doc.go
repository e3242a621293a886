// Package compared writes the comparison of captures from several points of one path: as tables, JSON, JSON Lines, and
// as a ladder with a lane for each stretch.
//
// Each format is a type with the same two methods: Connection for each connection as it ends, and Finish for the totals
// at the end.
package compared
