// Package query evaluates conditions on records: --where on connections, --fail-on on the summary, --on on events, and
// the filter of the live view. Its language is that of github.com/expr-lang/expr, except that comparisons with null are
// false.
package query
