//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// markdown is the text with all measurements.
func (b *bench) markdown(cpus int) string {
	var text strings.Builder
	text.WriteString(b.conditions(machine(cpus)))
	text.WriteString("\n### Goals\n\n")

	goals := [][]string{{"", "tcplife: time, processor time", "against", "result", "goal", ""}}
	for _, g := range b.goals {
		goals = append(goals, []string{g.what, g.tcplife, g.against, g.result, g.limit, g.verdict})
	}
	writeTable(&text, goals)

	for _, g := range b.groups {
		fmt.Fprintf(&text, "\n### %s\n\n", g.title)
		rows := [][]string{{"", "median", "from", "to", "runs", "a packet", "processor time", "peak memory"}}
		for _, s := range g.series {
			if !known(s) {
				rows = append(rows, []string{s.name, s.err.Error(), "", "", "", "", "", ""})
				continue
			}
			walls := s.walls()
			middle := median(walls)
			rows = append(rows, []string{
				s.name, seconds(middle), seconds(slices.Min(walls)), seconds(slices.Max(walls)), fmt.Sprint(len(walls)),
				nanoseconds(float64(middle) / float64(g.packets)), seconds(median(s.cpus())), size(s.peak()),
			})
		}
		writeTable(&text, rows)
	}

	if len(b.loads) > 0 {
		text.WriteString("\n### Concurrent connections, packets at random over all of them\n\n")
		rows := [][]string{{"connections", "packets after the handshakes", "median", "a packet of these",
			"processor time", "peak memory", "a connection", "longest pause"}}
		for _, l := range b.loads {
			row := []string{count(l.connections), count(l.packets)}
			if known(l.opening, l.all) {
				row = append(row, seconds(median(l.all.walls())), nanoseconds(l.perPacket),
					seconds(median(l.all.cpus())), size(l.all.peak()),
					fmt.Sprintf("%.0f bytes", l.perConnection), milliseconds(l.all.pause()))
			} else {
				for _, s := range []*series{l.opening, l.all} {
					if s.err != nil {
						row = append(row, s.err.Error(), "", "", "", "", "")
						break
					}
				}
			}
			rows = append(rows, row)
		}
		writeTable(&text, rows)
	}
	return text.String()
}

// conditions is the paragraph that names the machine, and the scale below 1.
func (b *bench) conditions(machine string) string {
	s := "Measured on " + machine
	if b.scale < 1 {
		s += fmt.Sprintf(" at a scale of %v, at which nothing is promised", b.scale)
	}
	return paragraph(s + ".")
}

// paragraph breaks s into lines of at most 120 characters.
func paragraph(s string) string {
	var lines strings.Builder
	width := 0
	for i, word := range strings.Fields(s) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case width+1+n > 120:
			lines.WriteByte('\n')
			width = 0
		default:
			lines.WriteByte(' ')
			width++
		}
		lines.WriteString(word)
		width += n
	}
	return lines.String() + "\n"
}

// writeTable writes rows as a Markdown table that is readable as plain text too. The first row is the heading.
func writeTable(text *strings.Builder, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell), 3)
		}
	}
	for n, row := range rows {
		for i, width := range widths {
			space := strings.Repeat(" ", width-utf8.RuneCountInString(row[i]))
			if i == 0 {
				fmt.Fprintf(text, "| %s%s |", row[i], space)
			} else {
				fmt.Fprintf(text, " %s%s |", space, row[i])
			}
		}
		text.WriteString("\n")
		if n > 0 {
			continue
		}
		for i, width := range widths {
			if i == 0 {
				fmt.Fprintf(text, "|%s|", strings.Repeat("-", width+2))
			} else {
				fmt.Fprintf(text, "%s:|", strings.Repeat("-", width+1))
			}
		}
		text.WriteString("\n")
	}
}

// replaceBetweenMarks replaces the text that a target of make wrote into a file before.
func replaceBetweenMarks(name, target, text string) error {
	beginMark, endMark := "<!-- make "+target+" writes from here -->\n", "<!-- to here -->\n"
	old, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	before, rest, begun := bytes.Cut(old, []byte(beginMark))
	_, after, ended := bytes.Cut(rest, []byte(endMark))
	if !begun || !ended {
		return fmt.Errorf("%s has no place for the tables: write the lines %q and %q", name,
			strings.TrimSpace(beginMark), strings.TrimSpace(endMark))
	}
	return os.WriteFile(name, []byte(string(before)+beginMark+"\n"+text+"\n"+endMark+string(after)), 0o644)
}

func seconds(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%.3f s", d.Seconds())
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", d.Seconds()*1e3)
}

func nanoseconds(ns float64) string {
	return fmt.Sprintf("%.0f ns", ns)
}

func size(bytes float64) string {
	if bytes < 1e9 {
		return fmt.Sprintf("%.0f MB", bytes/1e6)
	}
	return fmt.Sprintf("%.2f GB", bytes/1e9)
}

// count is n with commas.
func count(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
