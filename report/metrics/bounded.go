package metrics

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/report/screen"
)

// most bounds the series whose labels are addresses.
const most = 20

func listenerDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("tcplife_listener_"+name, help+" Of the 20 listeners with most attempts.",
		[]string{"listener"}, nil)
}

// listenerGauges are the metrics of a listener. They are gauges, because a listener can leave the 20.
var listenerGauges = []struct {
	desc  *prometheus.Desc
	value func(*record.Listener) float64
}{
	{listenerDesc("attempts", "SYNs that began an attempt, so far."),
		func(l *record.Listener) float64 { return float64(l.Attempts) }},
	{listenerDesc("completed", "Attempts whose handshake was completed, so far."),
		func(l *record.Listener) float64 { return float64(l.Completed) }},
	{listenerDesc("pending", "Attempts in SYN_RCVD now."),
		func(l *record.Listener) float64 { return float64(l.Embryonic) }},
	{listenerDesc("backlog_needed", "The most attempts unresolved at one time: the backlog that would have held them."),
		func(l *record.Listener) float64 { return float64(l.BacklogNeeded) }},
	{listenerDesc("ignored_syns", "SYNs without an answer though the listener held others, so far."),
		func(l *record.Listener) float64 { return float64(l.Ignored) }},
	{listenerDesc("accept_queue_overflows", "SYN-ACKs sent after the ACK had passed, so far: mostly a full accept "+
		"queue."),
		func(l *record.Listener) float64 { return float64(l.FellBack) }},
	{listenerDesc("syn_cookies", "1 once SYN-ACKs were SYN cookies."),
		func(l *record.Listener) float64 {
			if l.SynCookies == nil {
				return 0
			}
			return 1
		}},
}

var (
	unansweredDesc = prometheus.NewDesc("tcplife_unanswered_attempts",
		"Attempts followed now that nothing has answered yet.", nil, nil)
	unresolvedDesc = prometheus.NewDesc("tcplife_flood_unresolved_peak",
		"The most attempts unresolved at one time, of the 20 targets of floods with most.", []string{"target"}, nil)
	lockedDesc = prometheus.NewDesc("tcplife_client_ports_locked",
		"Ports that TIME_WAIT keeps a client from using again towards a server, of the 20 pairs with most.",
		[]string{"client", "server"}, nil)
	exhaustedDesc = prometheus.NewDesc("tcplife_client_ports_exhausting",
		"Pairs of a client and a server whose ports all become locked at the present rate, if TIME_WAIT lasts as "+
			"--msl says.",
		nil, nil)
)

// bounded collects the series whose labels are addresses, and those that belong to them.
func bounded(now *screen.Vitals, give func(*prometheus.Desc, float64, ...string)) {
	sent, received := now.Live.Client[tcpstate.SynSent], now.Live.Server[tcpstate.SynRcvd]
	give(unansweredDesc, float64(sent-min(sent, received)))

	listeners := slices.Clone(now.Listeners)
	slices.SortFunc(listeners, func(a, b record.Listener) int {
		return cmp.Or(cmp.Compare(b.Attempts, a.Attempts), a.IP.Compare(b.IP), cmp.Compare(a.Port, b.Port))
	})
	for i := range listeners[:min(len(listeners), most)] {
		l := &listeners[i]
		for _, g := range listenerGauges {
			give(g.desc, g.value(l), netip.AddrPortFrom(l.IP, l.Port).String())
		}
	}

	floods := slices.Clone(now.Floods)
	slices.SortStableFunc(floods, func(a, b record.SynFlood) int {
		return cmp.Compare(b.UnresolvedPeak, a.UnresolvedPeak)
	})
	told := map[string]bool{} // one target can be flooded again
	for i := range floods {
		target := floods[i].Target.IP.String()
		if port := floods[i].Target.Port; port != nil {
			target = netip.AddrPortFrom(floods[i].Target.IP, *port).String()
		}
		if !told[target] && len(told) < most {
			told[target] = true
			give(unresolvedDesc, float64(floods[i].UnresolvedPeak), target)
		}
	}

	exhausting := 0
	holdings := slices.Clone(now.Holdings)
	slices.SortStableFunc(holdings, func(a, b record.TimeWaitHolding) int {
		return cmp.Compare(b.Ports.Locked, a.Ports.Locked)
	})
	for i := range holdings {
		h := &holdings[i]
		if h.Ports.ExhaustedAt != record.NoTime {
			exhausting++
		}
		if i < most && h.Ports.Locked > 0 {
			give(lockedDesc, float64(h.Ports.Locked), h.Client.IP.String(),
				netip.AddrPortFrom(h.Server.IP, *h.Server.Port).String())
		}
	}
	give(exhaustedDesc, float64(exhausting))
}
