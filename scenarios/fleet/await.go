// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

const (
	// WellWithin bounds the wait for all to be well, and for whatever else a cluster does by itself. The product needs
	// seconds; the rest is for machines that are slow or busy.
	WellWithin = 90 * time.Second
	// lookEvery is the time between two looks at what is waited for.
	lookEvery = 50 * time.Millisecond
)

// Await looks until there is nothing missing any more. What is missing is told by look in a few words, or empty.
func Await(ctx context.Context, within time.Duration, what string, look func(context.Context) string) error {
	deadline := time.Now().Add(within)
	for {
		missing := look(ctx)
		if missing == "" {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not within %s: %s: %s", within, what, missing)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(lookEvery):
		}
	}
}

// AwaitWell returns when every node says that all is well and every HAProxy sends requests to every server. A program that
// ended although nobody stopped it ends the wait.
func (f *Fleet) AwaitWell(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	return Await(ctx, WellWithin, "all is well", func(ctx context.Context) string {
		for _, m := range f.machines {
			for _, p := range m.Programs() {
				if p.Started() && !p.Running() {
					cancel(fmt.Errorf("%s ended on %s; its log says why", p.Name(), m.Name))
					return p.Name() + " ended"
				}
			}
			if m.Supervisor == nil {
				continue
			}
			if missing := m.NotWell(ctx); missing != "" {
				return missing
			}
		}
		for _, m := range f.Balancers() {
			for _, p := range m.Proxies {
				if missing := p.notServing(ctx); missing != "" {
					return missing
				}
			}
		}
		return ""
	})
}

// NotWell tells what the machine's Evenkeel finds wrong; empty is nothing. What it merely remarks, such as a strange cluster
// nearby, is nothing wrong.
func (m *Machine) NotWell(ctx context.Context) string {
	view, err := m.View(ctx)
	switch {
	case err != nil:
		return err.Error()
	case view.Verdict != cluster.WellVerdict:
		return fmt.Sprintf("%s says that the cluster is %s: %s", m.Name, view.Verdict, strings.Join(view.Problems, "; "))
	}
	for _, pool := range view.Pools {
		if pool.Serving < len(pool.Members) {
			return fmt.Sprintf("%s says: %d of %d members serve", m.Name, pool.Serving, len(pool.Members))
		}
	}
	return ""
}

// notServing tells which server gets no requests.
func (p *Proxy) notServing(ctx context.Context) string {
	servers, err := p.Servers(ctx)
	if err != nil {
		return err.Error()
	}
	for name, s := range servers {
		if !s.Serves() {
			return fmt.Sprintf("%s of %s: %s is %s", p.name, p.machine.Name, name, s.Status)
		}
	}
	return ""
}

// AwaitMember returns when a machine's member is in one of some phases on every balancer, as the nodes tell it: ready,
// draining, drained, out, held and so on. The first balancer machine whose Evenkeel runs is asked.
func (f *Fleet) AwaitMember(ctx context.Context, member *Machine, phases ...string) error {
	return Await(ctx, WellWithin, fmt.Sprintf("%s is %v on all balancers", member.Name, phases), func(ctx context.Context) string {
		asked := slices.IndexFunc(f.Balancers(), func(m *Machine) bool { return m.Supervisor.Running() })
		if asked < 0 {
			return "no balancer machine can be asked"
		}
		view, err := f.Balancers()[asked].View(ctx)
		if err != nil {
			return err.Error()
		}
		seen := 0
		for _, s := range ServersOf(view, member.Member()) {
			if !slices.Contains(phases, s.Phase) {
				return fmt.Sprintf("it is %s on %s: %s", s.Phase, s.Node, s.Reason)
			}
			seen++
		}
		if seen < len(f.Balancers()) {
			return fmt.Sprintf("%d of %d balancers tell of it", seen, len(f.Balancers()))
		}
		return ""
	})
}

// ServersOf returns a member on each balancer, as a view tells it.
func ServersOf(view cluster.View, id cluster.MemberID) []cluster.ServerView {
	for _, pool := range view.Pools {
		for _, m := range pool.Members {
			if pool.Name == id.Pool && m.Name == id.Member {
				return m.Servers
			}
		}
	}
	return nil
}

// AwaitStatus returns when the HAProxies that Evenkeel keeps show a machine's server as accept wants it.
func (f *Fleet) AwaitStatus(ctx context.Context, member *Machine, what string, accept func(Server) bool) error {
	return Await(ctx, WellWithin, member.Name+" is "+what+" in every HAProxy", func(ctx context.Context) string {
		for _, m := range f.Balancers() {
			servers, err := m.Kept().Servers(ctx)
			if err != nil {
				return err.Error()
			}
			if s := servers[member.Name]; !accept(s) {
				return fmt.Sprintf("it is %s with weight %d in that of %s", s.Status, s.Weight, m.Name)
			}
		}
		return ""
	})
}
