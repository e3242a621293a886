//go:build linux

package main

import (
	"fmt"
	"slices"
	"time"
)

// A series has the costs of the runs of one command.
type series struct {
	*command
	costs []cost
	err   error // why there are no more costs
}

// inTurn runs the commands one after the other, several times, so that a disturbance of the machine affects all of
// them. It does not run a command again that failed.
func (b *bench) inTurn(runs int, commands ...*command) []*series {
	all := make([]*series, len(commands))
	for i, c := range commands {
		all[i] = &series{command: c}
	}
	for round := range runs {
		for _, s := range all {
			if s.err != nil || round > 0 && (s.once || s.tenth) {
				continue
			}
			cost, err := s.run()
			if err != nil {
				s.err = err
				fmt.Fprintf(b.log, "  %s: %v\n", s.name, err)
				continue
			}
			s.costs = append(s.costs, cost)
			fmt.Fprintf(b.log, "  %d/%d %s: %s, %s\n", round+1, runs, s.name, seconds(cost.wall), size(cost.peak))
		}
	}
	return all
}

// known reports whether there is anything to compare.
func known(all ...*series) bool {
	return !slices.ContainsFunc(all, func(s *series) bool { return s.err != nil || len(s.costs) == 0 })
}

func (c cost) time() time.Duration      { return c.wall }
func (c cost) processor() time.Duration { return c.cpu }

// all returns one cost of each run.
func (s *series) all(of func(cost) time.Duration) (list []time.Duration) {
	for _, c := range s.costs {
		list = append(list, of(c))
	}
	return list
}

func (s *series) walls() []time.Duration { return s.all(cost.time) }
func (s *series) cpus() []time.Duration  { return s.all(cost.processor) }

func (s *series) peak() (peak float64) {
	for _, c := range s.costs {
		peak = max(peak, c.peak)
	}
	return peak
}

func (s *series) pause() (pause time.Duration) {
	for _, c := range s.costs {
		pause = max(pause, c.pause)
	}
	return pause
}

// took is the median time and the median processor time of a run.
func (s *series) took() string {
	return seconds(median(s.walls())) + ", " + seconds(median(s.cpus()))
}

// ratio is the cost of a divided by that of b: the median over the turns, or the ratio of the medians if one has run
// less often.
func ratio(a, b *series, of func(cost) time.Duration) float64 {
	if len(a.costs) != len(b.costs) {
		return float64(median(a.all(of))) / float64(median(b.all(of)))
	}
	var ratios []float64
	for i := range a.costs {
		ratios = append(ratios, float64(of(a.costs[i]))/float64(of(b.costs[i])))
	}
	return median(ratios)
}

// median is the middle value, or the mean of the middle two.
func median[T ~int64 | ~float64](values []T) T {
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}
