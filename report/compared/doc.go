// Package compared writes what captures from several points of one path say together: as tables, JSON, JSON Lines, and
// as a ladder with a lane for each stretch.
//
// Each format is a type with the same two methods, Connection for each connection as it ends, and Finish for what is
// known at the end.
package compared
