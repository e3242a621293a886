// Package text formats values for people, and sets them in tables that fit a width.
package text
