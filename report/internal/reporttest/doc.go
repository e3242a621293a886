// Package reporttest has what tests of the report's packages share.
package reporttest
