// Package capture reads packets out of capture files, in order of time. It does not look inside them.
package capture
