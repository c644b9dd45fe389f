// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/api"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

const (
	// lookEvery is the time between two looks at what is waited for.
	lookEvery = 300 * time.Millisecond
	// looksNeeded is how many looks in a row must find it done. What other nodes
	// report is a heartbeat old, and may still be about the time before the command.
	looksNeeded = 2
)

// phase is a phase of a server, in the words of the package lbsync.
type phase string

// The phases that waits and tables tell apart.
const (
	phaseReady   phase = "ready"
	phaseDrained phase = "drained"
	phaseOut     phase = "out"
	phaseHeld    phase = "held"
	phaseLeft    phase = "left"
	phaseMissing phase = "missing"
)

// stuck tells that the balancer does not do, or cannot do, what was asked.
func (p phase) stuck() bool { return p == phaseHeld || p == phaseMissing || p == phaseLeft }

// tell says what is going on with the server.
func (p phase) tell(s cluster.ServerView) string {
	text := string(p)
	switch p {
	case phaseHeld:
		text = "keeps it in service: the drain floor"
	case phaseMissing:
		text = "does not know the server"
	case phaseLeft:
		text = "is told not to touch it"
	case phaseReady, phaseDrained, phaseOut:
	default:
		text += ", " + count(s.Sessions, "session")
	}
	if s.Reason != "" && p.stuck() {
		text += ": " + s.Reason
	}
	return text
}

// errand is something that balancers have to get done.
type errand struct {
	title   string // what the errand is about, such as web/n3 or node n3
	verb    string // what was asked, such as drain
	done    []phase
	members []cluster.MemberID
	only    cluster.Admin           // members that were asked for something else are not waited for; empty = all are
	stands  func(cluster.View) bool // whether what was asked is still asked
}

// carriers returns the balancers that carry the pool, on each of their nodes.
func carriers(spec cluster.Spec, pool string) []cluster.BalancerView {
	p, _ := spec.Pool(pool)
	var out []cluster.BalancerView
	for _, b := range spec.Balancers {
		if p.On(b.Name) {
			for _, n := range b.Nodes {
				out = append(out, cluster.BalancerView{Name: b.Name, Node: n})
			}
		}
	}
	return out
}

// look is what one view says about an errand.
type look struct {
	done  bool
	still string // what is missing
	where []string
}

// lookAt judges a view. An errand is done when every balancer that carries a
// member says so, is in step, and this node knows it from a quorum.
func (e errand) lookAt(spec cluster.Spec, view cluster.View) look {
	var l look
	var missing []string
	if !view.Quorum.Holds {
		missing = append(missing, orWords(view.Quorum.Reason, "this node has no quorum")+": nothing is changed until it is back")
	}
	for _, id := range e.members {
		if m, ok := memberOf(view, id); ok && e.only != "" && m.Admin != e.only {
			continue
		}
		for _, c := range carriers(spec, id.Pool) {
			at := place(c.Name, c.Node)
			if !slices.Contains(l.where, at) {
				l.where = append(l.where, at)
			}
			if why := e.missingAt(view, id, c); why != "" {
				if len(e.members) > 1 {
					at = id.String() + " on " + at
				}
				missing = append(missing, at+" "+why)
			}
		}
	}
	l.done, l.still = len(missing) == 0, strings.Join(missing, "; ")
	return l
}

// missingAt tells what the balancer has yet to do for the member.
func (e errand) missingAt(view cluster.View, id cluster.MemberID, c cluster.BalancerView) string {
	i := slices.IndexFunc(view.Balancers, func(b cluster.BalancerView) bool { return b.Name == c.Name && b.Node == c.Node })
	if i < 0 {
		return "is not heard of"
	}
	if b := view.Balancers[i]; !b.InStep {
		return "is not in step: " + orWords(b.Reason, "no reason was given")
	}
	server, ok := serverOf(view, id, c)
	if !ok {
		return "says nothing about it yet"
	}
	if slices.Contains(e.done, phase(server.Phase)) {
		return ""
	}
	return phase(server.Phase).tell(server)
}

func serverOf(view cluster.View, id cluster.MemberID, c cluster.BalancerView) (cluster.ServerView, bool) {
	m, ok := memberOf(view, id)
	if !ok {
		return cluster.ServerView{}, false
	}
	i := slices.IndexFunc(m.Servers, func(s cluster.ServerView) bool { return s.Balancer == c.Name && s.Node == c.Node })
	if i < 0 {
		return cluster.ServerView{}, false
	}
	return m.Servers[i], true
}

func memberOf(view cluster.View, id cluster.MemberID) (cluster.MemberView, bool) {
	for _, p := range view.Pools {
		for _, m := range p.Members {
			if p.Name == id.Pool && m.Name == id.Member {
				return m, true
			}
		}
	}
	return cluster.MemberView{}, false
}

// await looks at the cluster until the errand is done. It says how to go on
// when it gives up; what was asked stays asked.
func (env *environment) await(ctx context.Context, client *api.Client, e errand, most time.Duration) error {
	answer, err := client.Spec(ctx)
	if err != nil {
		return err
	}
	begin := time.Now()
	show := env.newProgress()
	defer show.end()
	stood, inRow, last := false, 0, look{still: "no answer yet"}
	for {
		view, err := client.Status(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			inRow = 0
			last.still = "no answer: " + err.Error()
		case e.stands(view):
			stood = true
			last = e.lookAt(answer.Spec, view)
			inRow++
		case stood:
			show.end()
			return fmt.Errorf("%s: somebody asked for something else meanwhile, so there is no more waiting for %s", e.title, e.verb)
		}
		if !last.done {
			inRow = 0
		}
		if inRow >= looksNeeded {
			show.end()
			return env.print("%s: %s done on %s, after %s", e.title, e.verb, orWords(strings.Join(last.where, ", "), "no balancer: none carries it"), span(time.Since(begin)))
		}
		if last.still != "" {
			show.update(e.title+": "+last.still, span(time.Since(begin)))
		}
		pause := lookEvery
		if most > 0 {
			if pause = min(pause, most-time.Since(begin)); pause <= 0 {
				show.end()
				return hintedError{fmt.Errorf("%s: %s is not done after %s: %s", e.title, e.verb, most, last.still), goesOn}
			}
		}
		select {
		case <-ctx.Done():
			show.end()
			return hintedError{errors.New(e.title + ": detached; " + e.verb + " goes on"), follow}
		case <-time.After(pause):
		}
	}
}

const (
	follow = "follow it with: evenkeel status -w"
	goesOn = "it goes on; " + follow
)

func orWords(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
