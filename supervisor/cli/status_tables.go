// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// only returns the text in the wide form, and nothing otherwise: the column is
// left out then.
func (p *page) only(text string) string {
	if p.wide {
		return clean(text)
	}
	return ""
}

func (p *page) nodes() *table {
	t := &table{heads: []string{"NODE", "STATE", "ROLE", "MODE", "HEARD", "RAILS", "ADDRESS", "EPOCH", "REVISION", "VERSION", "CLASS", "SINCE", "REASON"}}
	for _, n := range p.view.Nodes {
		t.add(clean(string(n.Name)), p.life(n.Life), role(n), p.mode(n.Mode), p.heard(n), p.railsUp(n),
			p.only(n.Address), p.only(fmt.Sprint(n.Epoch)), p.only(fmt.Sprint(n.Revision)), p.only(n.Version),
			p.only(n.Class), p.since(n.Since), clean(p.nodeReason(n)))
	}
	return t
}

func (p *page) life(life string) string {
	switch life {
	case string(cluster.LifeAlive):
		return p.style.good.Render("● alive")
	case "suspect":
		return p.style.warn.Render("▲ suspect")
	case string(cluster.LifeDown):
		return p.style.bad.Render("✖ down")
	case string(cluster.LifeLeft):
		return p.style.dim.Render("○ left")
	}
	return p.style.dim.Render("◌ " + clean(life))
}

// role tells what part the node has in decisions. Where the replicated log does
// not follow the cluster file yet, it says so.
func role(n cluster.NodeView) string {
	const voter = "voter"
	switch {
	case n.Leads:
		return "leader"
	case !n.Votes && n.Log == voter:
		return "no vote (still voter)"
	case !n.Votes:
		return "no vote"
	}
	name := voter
	if n.Witness {
		name = "witness"
	}
	switch n.Log {
	case voter, "":
		return name
	case "none":
		return name + " (not in the log yet)"
	}
	return fmt.Sprintf("%s (still %s)", name, clean(n.Log))
}

func (p *page) mode(m cluster.Mode) string {
	if m == cluster.ModeActive || m == "" {
		return string(cluster.ModeActive)
	}
	return p.style.warn.Render(clean(string(m)))
}

func (p *page) heard(n cluster.NodeView) string {
	switch {
	case n.Name == p.view.Node:
		return "answers"
	case n.SilenceMs < 0:
		return "never"
	case n.SilenceMs < 10_000:
		return fmt.Sprintf("%.1fs ago", float64(n.SilenceMs)/1000)
	}
	return span(time.Duration(n.SilenceMs)*time.Millisecond) + " ago"
}

func (p *page) railsUp(n cluster.NodeView) string {
	text := fmt.Sprintf("%d/%d", n.RailsUp, n.Rails)
	if n.RailsUp < n.Rails {
		return p.style.warn.Render(text)
	}
	return text
}

func (p *page) nodeReason(n cluster.NodeView) string {
	var parts []string
	if n.Reason != "" {
		parts = append(parts, n.Reason)
	}
	if n.Mode != cluster.ModeActive && n.ModeBy != "" {
		parts = append(parts, fmt.Sprintf("%s asked by %s", n.Mode, n.ModeBy))
	}
	if n.Lags {
		parts = append(parts, fmt.Sprintf("runs revision %d, not %d", n.Revision, p.view.Revision))
	}
	if p.wide && n.ClassReason != "" {
		parts = append(parts, fmt.Sprintf("class %s: %s", n.Class, n.ClassReason))
	}
	return strings.Join(parts, "; ")
}

func (p *page) rails() *table {
	t := &table{heads: []string{"RAIL", "STATE", "LISTENS ON", "PEERS", "SINCE", "REASON"}}
	for _, r := range p.view.Rails {
		state := p.style.good.Render("● up")
		if !r.Up {
			state = p.style.bad.Render("✖ down")
		}
		t.add(clean(r.Name), state, clean(r.Listen), fmt.Sprint(r.Peers), p.since(r.Since), clean(r.Error))
	}
	return t
}

func (p *page) balancers() *table {
	t := &table{heads: []string{"BALANCER", "NODE", "STATE", "DRIFT", "PROCESS", "SINCE", "REASON"}}
	for _, b := range p.view.Balancers {
		state := p.style.good.Render("● in step")
		if !b.InStep {
			state = p.style.warn.Render("▲ not in step")
		}
		drift := "none"
		if b.Drift > 0 {
			drift = fmt.Sprintf("%d undone", b.Drift)
		}
		t.add(clean(b.Name), clean(string(b.Node)), state, drift, p.only(b.Epoch), p.since(b.Since), clean(b.Reason))
	}
	return t
}

func (p *page) pools() {
	for _, pool := range p.view.Pools {
		p.lines = append(p.lines, "")
		head := fmt.Sprintf("Pool %s: %d of %d in service, floor %d", pool.Name, pool.Serving, len(pool.Members), pool.Floor)
		if pool.Backend != pool.Name {
			head += ", backend " + pool.Backend
		}
		p.lines = append(p.lines, p.style.bold.Render(clean(head)))
		p.lines = append(p.lines, p.members(pool).lines(p.at)...)
	}
}

func (p *page) members(pool cluster.PoolView) *table {
	t := &table{heads: []string{"MEMBER", "STATE", "SERVERS", "SESSIONS", "ADDRESS", "CHECK", "ADMIN", "SINCE", "REASON"}}
	for _, m := range pool.Members {
		var sessions int64
		for _, s := range m.Servers {
			sessions += s.Sessions
		}
		t.add(clean(m.Name), p.service(m.Service), clean(serversSummary(m.Servers)), fmt.Sprint(sessions),
			p.only(net.JoinHostPort(m.Address, strconv.Itoa(m.Port))), p.only(string(m.Condition)), p.only(string(m.Admin)),
			p.since(m.Since), clean(memberReason(m)))
		if p.wide {
			for _, s := range m.Servers {
				t.add("  "+clean(place(s.Balancer, s.Node)), "", clean(s.Phase), fmt.Sprint(s.Sessions), "",
					fmt.Sprintf("weight %d", s.Weight), clean(s.Admin), "", clean(s.Reason))
			}
		}
	}
	return t
}

func (p *page) service(s cluster.Service) string {
	switch s {
	case cluster.Serve:
		return p.style.good.Render("● serve")
	case cluster.Drain:
		return p.style.warn.Render("◑ drain")
	case cluster.Suspend:
		return p.style.warn.Render("▲ suspend")
	case cluster.Out:
		return p.style.bad.Render("✖ out")
	case cluster.Untouched:
	}
	return p.style.dim.Render("◌ " + clean(string(s)))
}

// place names a balancer on a node.
func place(balancer string, node cluster.NodeID) string { return balancer + "@" + string(node) }

// serversSummary counts the phases of a member over its balancers.
func serversSummary(servers []cluster.ServerView) string {
	var order []string
	count := map[string]int{}
	for _, s := range servers {
		if count[s.Phase] == 0 {
			order = append(order, s.Phase)
		}
		count[s.Phase]++
	}
	for i, phase := range order {
		order[i] = fmt.Sprintf("%d %s", count[phase], phase)
	}
	return strings.Join(order, ", ")
}

// memberReason adds to the member's reason what a balancer cannot do for it.
func memberReason(m cluster.MemberView) string {
	var parts []string
	if m.Reason != "" {
		parts = append(parts, m.Reason)
	}
	for _, s := range m.Servers {
		if is := phase(s.Phase); is.stuck() {
			parts = append(parts, place(s.Balancer, s.Node)+" "+is.tell(s))
		}
	}
	return strings.Join(parts, "; ")
}
