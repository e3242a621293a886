// Package pulse measures the vitals of a running capture.
package pulse
