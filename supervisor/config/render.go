// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/lease"
)

// value is one line of the table of a timing.
type value struct {
	name, is, means string
}

func (t Timing) values() []value {
	d := time.Duration.String
	return []value{
		{"round_trip", d(t.RoundTrip), "assumed: longest normal round trip between two nodes"},
		{"late", d(t.Late), "assumed: longest normal delay of a process on a busy machine"},
		{"disk_sync", d(t.DiskSync), "assumed: longest normal fsync of the log"},
		{"beat", d(t.Beat), "between two heartbeats of a node"},
		{"missed", fmt.Sprint(t.Missed), "heartbeats that may be lost in a row"},
		{"suspect_after", d(t.SuspectAfter), "silence after which a node is suspected"},
		{"fresh_within", d(t.FreshWithin), "how recently a majority must have been heard to act on a suspicion"},
		{"vote_ttl", d(t.VoteTTL), "how long a vote counts when it is not said again"},
		{"quorum_age", d(t.QuorumAge), "age of the newest heartbeat acknowledged by a majority, beyond which a node may not act"},
		{"hold", d(t.Hold), "age of the same heartbeat, beyond which a node holds no address any more"},
		{"pause", d(t.Pause), "assumed where the kernel has no gate: longest delay of the guard between a look at the clock and what it does"},
		{"margin", d(t.Margin), "for clocks that are read in steps and timers that fire late"},
		{"lapse", d(t.Terms().Lapse(lease.Gate)), "silence after which voters call the rights of a condemned node over, of class gate"},
		{"lapse_timed_set", d(t.Terms().Lapse(lease.TimedSet)), "the same where a packet filter ends them, of class timed-set"},
		{"lapse_address", d(t.Terms().Lapse(lease.Address)), "the same where the lifetime of an address does, of class address"},
		{"stale_after", d(t.StaleAfter), "age beyond which a node's report is not relied on"},
		{"pulse", d(t.Pulse), fmt.Sprintf("between two looks of the node loop at its clock (%d in a beat); unit of raft's clock", t.PulsesPerBeat)},
		{"slack", d(t.Slack), "by how much a beat may wait for the leader's, so that the nodes beat together; least time between beats with news"},
		{"raft_election", d(t.RaftElection()), fmt.Sprintf("without a leader before an election, to twice that (%d pulses)", t.ElectionPulses)},
		{"bus_ping", d(t.BusPing), "between two pings on a route of the bus"},
		{"pings_out", fmt.Sprint(t.BusPingsOut), "pings without an answer after which a route is closed"},
		{"takeover_within", d(t.TakeoverWithin), "promised: a dead node, be it the leader, is condemned within this"},
	}
}

// RenderTiming writes the timing as plain text: its values, what to expect of
// it, and the inequalities that it obeys, each with its reason.
func RenderTiming(w io.Writer, t Timing) error {
	tab := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	p := &printer{w: tab}
	p.printf("timing %s\n\n", t.Profile)
	for _, v := range t.values() {
		p.printf("%s\t%s\t%s\n", v.name, v.is, v.means)
	}
	p.printf("\nwhat to expect\n")
	for _, e := range t.Estimates() {
		p.printf("%s\t%s to %s\t%s\n", e.Name, e.From, e.To, e.Sum)
	}
	p.printf("\nwhat must hold\n")
	for _, q := range t.Inequalities() {
		mark := "holds"
		if !q.Holds {
			mark = "BROKEN"
		}
		p.printf("%s\t%s\t%s >= %s\t%s >= %s\n", mark, q.Name, q.LeftD, q.RightD, q.Left, q.Right)
	}
	p.printf("\notherwise\n")
	for _, q := range t.Inequalities() {
		p.printf("%s\t%s\n", q.Name, q.Why)
	}
	if p.err != nil {
		return fmt.Errorf("render timing: %w", p.err)
	}
	if err := tab.Flush(); err != nil {
		return fmt.Errorf("render timing: %w", err)
	}
	return nil
}

// printer keeps the first error of many prints.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

// TimingReport is the timing for programs. Spans of time read as "1.5s".
type TimingReport struct {
	Profile      string             `json:"profile"`
	Values       []ReportValue      `json:"values"`
	Estimates    []ReportEstimate   `json:"estimates"`
	Inequalities []ReportInequality `json:"inequalities"`
}

// ReportValue is one value of a timing: a span of time or a count.
type ReportValue struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Means string `json:"means"`
}

// ReportEstimate is an Estimate for programs.
type ReportEstimate struct {
	Name string           `json:"name"`
	From cluster.Duration `json:"from"`
	To   cluster.Duration `json:"to"`
	Sum  string           `json:"sum"`
}

// ReportInequality is an Inequality for programs.
type ReportInequality struct {
	Name       string           `json:"name"`
	Left       string           `json:"left"`
	Right      string           `json:"right"`
	LeftValue  cluster.Duration `json:"left_value"`
	RightValue cluster.Duration `json:"right_value"`
	Holds      bool             `json:"holds"`
	Why        string           `json:"why"`
}

// Report returns what RenderTiming prints, as data.
func (t Timing) Report() TimingReport {
	r := TimingReport{Profile: t.Profile}
	for _, v := range t.values() {
		r.Values = append(r.Values, ReportValue{v.name, v.is, v.means})
	}
	for _, e := range t.Estimates() {
		r.Estimates = append(r.Estimates, ReportEstimate{e.Name, cluster.Duration(e.From), cluster.Duration(e.To), e.Sum})
	}
	for _, q := range t.Inequalities() {
		r.Inequalities = append(r.Inequalities, ReportInequality{q.Name, q.Left, q.Right, cluster.Duration(q.LeftD), cluster.Duration(q.RightD), q.Holds, q.Why})
	}
	return r
}

// MarshalJSON implements json.Marshaler by Report.
func (t Timing) MarshalJSON() ([]byte, error) { return json.Marshal(t.Report()) }
