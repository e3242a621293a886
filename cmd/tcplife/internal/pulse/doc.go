// Package pulse takes the vitals of a capture that goes on.
package pulse
