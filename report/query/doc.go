// Package query asks about records: --where of a connection, --fail-on of the summary, and the filter of the live
// view. It is the language of github.com/expr-lang/expr with a null that does not compare.
package query
