package main

import (
	"fmt"
	"strings"
	"time"
)

// mslProfiles are the maximum segment lifetimes of systems, which keep TIME_WAIT for 2MSL. Few systems use the RFC's 2
// minutes.
var mslProfiles = []struct {
	name string
	msl  time.Duration
}{
	{"rfc", 2 * time.Minute},      // RFC 9293 §3.4.2
	{"linux", 30 * time.Second},   // TCP_TIMEWAIT_LEN, 60 s
	{"bsd", 30 * time.Second},     // net.inet.tcp.msl
	{"macos", 15 * time.Second},   // net.inet.tcp.msl
	{"windows", 60 * time.Second}, // TcpTimedWaitDelay, 120 s
	{"solaris", 30 * time.Second}, // tcp_time_wait_interval, 60 s
}

func mslNames() []string {
	var list []string
	for _, p := range mslProfiles {
		list = append(list, p.name)
	}
	return list
}

// parseMSL parses the names of mslProfiles and what time.ParseDuration parses.
func parseMSL(s string) (time.Duration, error) {
	for _, p := range mslProfiles {
		if s == p.name {
			return p.msl, nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 || d > 24*time.Hour {
		return 0, fmt.Errorf("it must be a duration up to 24h, such as 30s, or one of %s",
			strings.Join(mslNames(), ", "))
	}
	return d, nil
}
