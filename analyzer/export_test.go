package analyzer

import "github.com/tcplife/tcplife/analyzer/tcpstate"

// Targets is how many targets of connections an Analyzer has room for.
func Targets(a *Analyzer) int { return len(a.floods.targets) }

// CountLive counts one by one what Live keeps account of.
func CountLive(a *Analyzer) Live {
	var live Live
	for _, p := range a.table {
		if p&embryoPlace != 0 {
			live.Connections++
			live.Client[tcpstate.SynSent]++
			continue
		}
		for c := a.places[p]; c != nil; c = c.older {
			live.Connections++
			if c.tcp.HalfOpen != nil {
				live.HalfOpen++
			}
			for i := range c.tcp.Ends {
				if e := &c.tcp.Ends[i]; e.Known() && i == c.opener {
					live.Client[e.State()]++
				} else if e.Known() {
					live.Server[e.State()]++
				}
			}
		}
	}
	return live
}
