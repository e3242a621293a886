package report

import (
	"net/netip"
	"strconv"

	"github.com/tcplife/tcplife/analyzer/record"
)

// Matters are the lines with which the tables begin: what is wrong in a capture, worst first.
type Matters struct{ matters matters }

// Matter is one of these lines.
type Matter struct {
	Severity record.Severity
	Text     string
	About    About
}

// About says which connections a Matter is about: those that match all fields that are set.
type About struct {
	ID      uint64         // one of them; 0 if none is known
	Finding string         // they have a finding of this code; empty: any
	Client  netip.Addr     // not valid: any client
	Server  netip.AddrPort // not valid: any server; port 0: any port of the address
}

// Add counts a connection.
func (m *Matters) Add(c *record.Connection) { m.matters.add(c) }

// Lines returns the lines. chosen says that a condition chose the connections: then the lines are only about these.
func (m *Matters) Lines(e *Ending, chosen bool) (list []Matter) {
	for _, l := range m.matters.lines(e, !chosen) {
		list = append(list, Matter{l.severity, l.text, l.about})
	}
	return list
}

// aboutTarget is about the connections of a client or of a server.
func aboutTarget(side record.Side, t record.Target) About {
	if side == record.Client {
		return About{Client: t.IP}
	}
	port := uint16(0)
	if t.Port != nil {
		port = *t.Port
	}
	return About{Server: netip.AddrPortFrom(t.IP, port)}
}

func aboutClient(client netip.Addr, server netip.AddrPort) About {
	return About{Client: client, Server: server}
}

// Next is the command that shows more, without "tcplife" and the files; empty if there is none.
func (a About) Next() string {
	switch {
	case a.ID != 0:
		return "explain --conn " + strconv.FormatUint(a.ID, 10)
	case a.Client.IsValid():
		return `read --where 'client.ip == "` + a.Client.String() + `"'`
	case !a.Server.IsValid():
		return ""
	}
	where := `server.ip == "` + a.Server.Addr().String() + `"`
	if port := a.Server.Port(); port != 0 {
		where += " and server.port == " + strconv.Itoa(int(port))
	}
	return "read --where '" + where + "'"
}
