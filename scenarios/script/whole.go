// SPDX-License-Identifier: Apache-2.0

package script

import (
	"cmp"
	"fmt"
	"slices"
)

// endHeader judges the header when the first step comes, or the end.
func (p *parser) endHeader(n int) {
	c := p.script.Cluster
	if _, ok := p.headers["promise"]; !ok {
		p.wrong(n, token{column: 1}, "a script begins with its promise: promise A dead node is drained on every balancer.")
	}
	if _, ok := p.headers["cluster"]; !ok {
		p.wrong(n, token{column: 1}, "a line such as cluster 3 web, 2 balancers is missing above the first step")
	}
	if len(p.script.Worlds) == 0 {
		p.script.Worlds = []World{Sim, Lab}
	}
	p.ground.cluster = c
	slices.SortStableFunc(p.later, func(a, b later) int { return cmp.Compare(b.first(), a.first()) }) // resources before clients
	for _, l := range p.later {
		p.setting(l.line, l.words)
		p.ground.cluster = p.script.Cluster
	}
	if !p.ground.known {
		return
	}
	if c.Floor > len(c.Members()) {
		p.wrong(p.headers["floor"], token{"floor", 1}, fmt.Sprintf("the pool has %d members", len(c.Members())))
	}
}

// whole judges the script when it is read.
func (p *parser) whole(lines int) {
	if !p.stepped {
		p.endHeader(lines)
	}
	proves := false
	for _, s := range p.script.Steps {
		switch s.Act.(type) {
		case Expect, Never:
			proves = true
		case Wait, Order, Fault:
		}
	}
	if len(p.mistakes) == 0 && !proves {
		p.wrong(lines, token{column: 1}, "nothing is proved; write a line such as expect well within 10s")
	}
	p.forbidTwice()
	if len(p.mistakes) == 0 {
		r := &running{parser: p, off: map[string]int{}}
		for i, s := range p.script.Steps {
			r.step(s, p.at[i])
		}
	}
}

// running follows what runs where, as far as the script decides it.
type running struct {
	*parser
	off map[string]int // what does not run, with the line that ended it; an HAProxy as lb1/haproxy
}

func (r *running) step(s Step, first token) {
	switch a := s.Act.(type) {
	case Fault:
		r.fault(s.Line, first, a)
	case Order:
		r.needs(s.Line, first, a.At)
	case Expect:
		if a.Cond.Kind == NodeIs || a.Cond.Kind == Quorum || a.Cond.Kind == NoQuorum {
			r.needs(s.Line, first, a.Cond.On)
		}
	case Wait, Never:
	}
}

// needs tells of a step that needs what does not run; an empty name is nothing.
func (r *running) needs(line int, first token, name string) {
	if ended := r.off[name]; ended > 0 {
		r.wrong(line, first, fmt.Sprintf("%s does not run: line %d ended it", name, ended))
	}
}

func (r *running) fault(line int, first token, f Fault) {
	proxy := f.Node + "/haproxy"
	needs := map[FaultKind]string{
		Kill: f.Node, StopNode: f.Node, Pause: f.Node,
		ReloadProxy: proxy, KillProxy: proxy, PauseProxy: proxy, MeddleProxy: proxy,
	}
	ends := map[FaultKind][]string{
		Kill: {f.Node}, StopNode: {f.Node}, KillAll: r.script.Cluster.Nodes(), PowerOff: {f.Node, proxy}, KillProxy: {proxy},
	}
	starts := map[FaultKind][]string{Start: {f.Node, proxy}, StartProxy: {proxy}}
	r.needs(line, first, needs[f.Kind])
	if f.Kind == Wipe && r.off[f.Node] == 0 {
		r.wrong(line, first, f.Node+" runs; kill or stop it first")
	}
	for _, name := range ends[f.Kind] {
		if r.off[name] == 0 {
			r.off[name] = line
		}
	}
	for _, name := range starts[f.Kind] {
		delete(r.off, name)
	}
	if f.Kind == StartAll {
		clear(r.off)
	}
}
