// Package metrics exports the state of a running capture to Prometheus. The names follow its conventions
// (https://prometheus.io/docs/practices/naming/). Labels have the values of closed lists, so that no traffic makes more
// series; series with addresses (bounded.go) are at most 20. It does not listen on a port itself.
package metrics

import (
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/screen"
)

// Metrics are the metrics of one capture. One goroutine calls Connection and Vitals. It never waits for the goroutines
// that serve Handler.
type Metrics struct {
	registry *prometheus.Registry
	vitals   atomic.Pointer[screen.Vitals]

	outcomes  map[record.Outcome]prometheus.Counter
	teardowns map[record.TeardownKind]prometheus.Counter
	resets    map[record.Side]prometheus.Counter
	findings  map[string]prometheus.Counter
	server    prometheus.Observer
	client    prometheus.Observer
}

// handshakeBuckets are the limits of the histograms, in seconds: from a neighbour to the other side of a satellite.
var handshakeBuckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// New makes metrics in a registry of their own. The version is a label of tcplife_build_info.
func New(version string) *Metrics {
	m := &Metrics{
		registry:  prometheus.NewRegistry(),
		outcomes:  map[record.Outcome]prometheus.Counter{},
		teardowns: map[record.TeardownKind]prometheus.Counter{},
		resets:    map[record.Side]prometheus.Counter{},
		findings:  map[string]prometheus.Counter{},
	}
	m.vitals.Store(&screen.Vitals{})
	counters := func(name, help, label string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
		m.registry.MustRegister(v)
		return v
	}
	outcomes := counters("tcplife_connections_total", "Records of connections, by what became of the handshake.",
		"outcome")
	for _, o := range record.Outcomes() {
		m.outcomes[o] = outcomes.WithLabelValues(string(o))
	}
	teardowns := counters("tcplife_teardowns_total", "Records of connections, by how they were closed.", "kind")
	for _, k := range record.TeardownKinds() {
		m.teardowns[k] = teardowns.WithLabelValues(string(k))
	}
	resets := counters("tcplife_resets_total", "Connections and attempts that an RST ended, by who sent it.", "by")
	for _, s := range []record.Side{record.Client, record.Server} {
		m.resets[s] = resets.WithLabelValues(s.String())
	}
	findings := counters("tcplife_findings_total",
		"Findings in records of connections; tcplife findings explains the codes.", "code")
	for _, f := range record.Catalogue() {
		m.findings[f.Code] = findings.WithLabelValues(f.Code)
	}
	handshake := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "tcplife_handshake_seconds",
		Help: "Round trips of handshakes, by the part between the capture and the server (SYN to SYN-ACK) or the " +
			"client (SYN-ACK to ACK).",
		Buckets: handshakeBuckets,
	}, []string{"part"})
	m.server, m.client = handshake.WithLabelValues("server"), handshake.WithLabelValues("client")
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tcplife_build_info", Help: "Always 1; the version is a label.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	m.registry.MustRegister(handshake, build, vitals{&m.vitals},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Connection counts a record.
func (m *Metrics) Connection(c *record.Connection) {
	m.outcomes[c.Handshake.Outcome].Inc()
	m.teardowns[c.Teardown.Kind].Inc()
	if r := c.Teardown.Reset; r != nil && r.By != record.NoSide {
		m.resets[r.By].Inc()
	}
	for i := range c.Findings {
		m.findings[c.Findings[i].Code].Inc()
	}
	if rtt := c.Handshake.ServerRTT; rtt != record.NoDuration {
		m.server.Observe(float64(rtt) / 1e9)
	}
	if rtt := c.Handshake.ClientRTT; rtt != record.NoDuration {
		m.client.Observe(float64(rtt) / 1e9)
	}
}

// Vitals sets the values for the next scrape. They must not be changed afterwards.
func (m *Metrics) Vitals(v *screen.Vitals) { m.vitals.Store(v) }

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// vitals is a prometheus.Collector of the last screen.Vitals.
type vitals struct {
	last *atomic.Pointer[screen.Vitals]
}

var (
	packetsDesc = prometheus.NewDesc("tcplife_packets_total", "Packets captured.", nil, nil)
	bytesDesc   = prometheus.NewDesc("tcplife_bytes_total", "Bytes that the packets captured had on the wire.", nil,
		nil)
	droppedDesc = prometheus.NewDesc("tcplife_dropped_packets_total",
		"Packets that were on the wire and are not in the capture, by who dropped them.", []string{"by"}, nil)
	evictedDesc = prometheus.NewDesc("tcplife_evicted_total",
		"Connections evicted to stay within the limit of memory.", nil, nil)
	shedDesc = prometheus.NewDesc("tcplife_shed_records_total",
		"Records that were counted but not written: of failed attempts under overload, and any that nobody read.",
		nil, nil)
	begunDesc = prometheus.NewDesc("tcplife_connections_begun_total", "Connections and attempts that began.", nil,
		nil)
	followedDesc = prometheus.NewDesc("tcplife_followed_connections",
		"Connections followed now, closed ones as long as late segments may come.", nil, nil)
	halfOpenDesc = prometheus.NewDesc("tcplife_half_open_connections",
		"Connections followed now that one side has lost without the other's knowledge (RFC 9293, section 3.5.1).", nil,
		nil)
	endpointsDesc = prometheus.NewDesc("tcplife_endpoints",
		"Endpoints of the connections followed now, by their state and side.", []string{"state", "side"}, nil)
	eventsDesc = prometheus.NewDesc("tcplife_events_total",
		"Records for which live --on held, by what became of the command of --exec.",
		[]string{"command"}, nil)
	dumpsDesc = prometheus.NewDesc("tcplife_dumps_total",
		"Records for which live --on held, by what became of the file of --dump.", []string{"file"}, nil)
	floodsDesc = prometheus.NewDesc("tcplife_syn_floods",
		"Targets whose backlog filled with connections that nobody completed, so far, by what that was taken for.",
		[]string{"verdict"}, nil)
)

// floodVerdicts are the verdicts of record.SynFlood.
var floodVerdicts = []string{"spoofed_flood", "single_source_flood", "flash_crowd", "suspicious"}

// Describe is for prometheus.Collector.
func (v vitals) Describe(descs chan<- *prometheus.Desc) { prometheus.DescribeByCollect(v, descs) }

// Collect is for prometheus.Collector.
func (v vitals) Collect(metrics chan<- prometheus.Metric) {
	now := v.last.Load()
	give := func(desc *prometheus.Desc, kind prometheus.ValueType, n uint64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(desc, kind, float64(n), labels...)
	}
	give(packetsDesc, prometheus.CounterValue, now.Packets)
	give(bytesDesc, prometheus.CounterValue, now.Bytes)
	if now.Dropped.Kernel != nil {
		give(droppedDesc, prometheus.CounterValue, *now.Dropped.Kernel, "kernel")
	}
	if now.Dropped.Interface != nil {
		give(droppedDesc, prometheus.CounterValue, *now.Dropped.Interface, "interface")
	}
	give(evictedDesc, prometheus.CounterValue, now.Evicted)
	give(shedDesc, prometheus.CounterValue, now.Shed)
	events := now.Events
	if events == nil {
		events = &report.Events{}
	}
	give(eventsDesc, prometheus.CounterValue, events.Run-events.Failed-events.Killed, "done")
	give(eventsDesc, prometheus.CounterValue, events.Failed, "failed")
	give(eventsDesc, prometheus.CounterValue, events.Killed, "killed")
	give(eventsDesc, prometheus.CounterValue, events.Dropped, "dropped")
	give(dumpsDesc, prometheus.CounterValue, events.Dumps, "written")
	give(dumpsDesc, prometheus.CounterValue, events.DumpsDropped, "dropped")
	give(begunDesc, prometheus.CounterValue, now.Live.Begun)
	give(followedDesc, prometheus.GaugeValue, now.Live.Connections)
	give(halfOpenDesc, prometheus.GaugeValue, now.Live.HalfOpen)
	for state := range now.Live.Client {
		if s := tcpstate.State(state); s != tcpstate.Listen { // no connection is in it
			give(endpointsDesc, prometheus.GaugeValue, now.Live.Client[s], s.String(), "client")
			give(endpointsDesc, prometheus.GaugeValue, now.Live.Server[s], s.String(), "server")
		}
	}
	bounded(now, func(desc *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	})
	floods := map[string]uint64{}
	for i := range now.Floods {
		floods[now.Floods[i].Verdict]++
	}
	for _, verdict := range floodVerdicts {
		give(floodsDesc, prometheus.GaugeValue, floods[verdict], verdict)
	}
}
