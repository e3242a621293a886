// Package flows decodes packets down to TCP segments and says which connection each belongs to.
package flows
