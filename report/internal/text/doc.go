// Package text says values as a person reads them, and sets them in tables that fit a width.
package text
