// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/health"
	"github.com/evenkeel-ha/evenkeel/health/probe"
	"github.com/evenkeel-ha/evenkeel/lbsync"
	"github.com/evenkeel-ha/evenkeel/lbsync/haproxy"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/config"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
)

// startGraceBeats is for how many beats after our own start a node that was
// never heard is not suspected: machines that were powered on together do not
// start together.
const startGraceBeats = 30

// When a network is back, the servers of the bus find each other within two seconds, not all at once. Until they have, whoever
// heard no majority does not vote against those who are later than others.
const (
	holidayLeast = 2500 * time.Millisecond
	holidayBeats = 25
)

func nodeTimes(t config.Timing) core.Times {
	return core.Times{
		Profile: t.Profile, Beat: t.Beat, Missed: t.Missed, Pulse: t.Pulse, Slack: t.Slack, SuspectAfter: t.SuspectAfter,
		VoteTTL: t.VoteTTL, FreshWithin: t.FreshWithin, QuorumAge: t.QuorumAge, Terms: t.Terms(), StartGrace: startGraceBeats * t.Beat,
		Holiday:        max(holidayLeast, holidayBeats*t.Beat),
		ElectionPulses: t.ElectionPulses,
	}
}

// openBalancer makes the driver of a balancer; the cluster file was checked to name one that exists.
func openBalancer(log zerolog.Logger) func(b cluster.BalancerSpec) (lbsync.Driver, error) {
	return func(b cluster.BalancerSpec) (lbsync.Driver, error) {
		return haproxy.New(haproxy.Options{Socket: b.Socket, StateFile: b.StateFile, Ring: b.Ring, Log: log})
	}
}

// Defaults of checks, as the cluster file's documentation states them.
const (
	defaultInterval    = time.Second
	defaultTimeout     = time.Second
	defaultRise        = 2
	defaultFall        = 3
	defaultFlapChanges = 6
	defaultFlapWindow  = time.Minute
	defaultFlapHold    = time.Minute
	fastestProbe       = 100 * time.Millisecond
)

// prober joins the node and the checks.
type prober struct {
	self cluster.NodeID
	log  zerolog.Logger

	mu      sync.Mutex
	members []core.Probe
	news    chan struct{} // holds one: the members changed
}

func newProber(self cluster.NodeID, log zerolog.Logger) *prober {
	return &prober{self: self, log: log, news: make(chan struct{}, 1)}
}

// Watch implements node.Prober.
func (p *prober) Watch(members []core.Probe) {
	p.mu.Lock()
	p.members = members
	p.mu.Unlock()
	select {
	case p.news <- struct{}{}:
	default:
	}
}

// Run implements node.Prober.
func (p *prober) Run(ctx context.Context, report func(cluster.MemberID, health.Change)) error {
	set := probe.NewSet(func(key string, c health.Change) {
		if id, err := cluster.ParseMemberID(key); err == nil {
			report(id, c)
		}
	}, p.log)
	defer set.Close()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.news:
		}
		p.mu.Lock()
		members := p.members
		p.mu.Unlock()
		specs := map[string]probe.Spec{}
		for _, m := range members {
			specs[m.ID.String()] = checkOf(m, m.Node == p.self)
		}
		if err := set.Replace(ctx, specs); err != nil && ctx.Err() == nil {
			p.log.Error().Err(err).Msg("a check cannot be run")
		}
	}
}

// checkOf turns a member of the cluster file into a check. Where the member is
// ours, what happens on this machine wakes the check at once.
func checkOf(m core.Probe, ours bool) probe.Spec {
	c, f := m.Pool.Check, m.Pool.Flap
	interval := orDefault(c.Interval.D(), defaultInterval)
	s := probe.Spec{
		Name: m.ID.String(), Address: m.Address, Port: m.Port, Interval: interval,
		FastInterval: min(interval, max(interval/4, fastestProbe)),
		Timeout:      orDefault(c.Timeout.D(), defaultTimeout),
		Quiet:        m.Quiet,
		Judge: health.JudgeParams{
			Rise: orDefault(c.Rise, defaultRise), Fall: orDefault(c.Fall, defaultFall),
			MaxFlips: orDefault(f.Changes, defaultFlapChanges), FlipWindow: orDefault(f.Window.D(), defaultFlapWindow),
			HoldDown: orDefault(f.Hold.D(), defaultFlapHold),
		},
	}
	switch {
	case c.HTTP != nil:
		s.HTTP = httpCheck(*c.HTTP)
	case c.Exec != nil:
		s.Exec = &probe.Exec{Command: c.Exec.Command, Env: []string{
			"EVENKEEL_POOL=" + m.ID.Pool, "EVENKEEL_MEMBER=" + m.ID.Member,
			"EVENKEEL_ADDRESS=" + m.Address, fmt.Sprintf("EVENKEEL_PORT=%d", m.Port),
		}}
	default:
		s.TCP = &probe.TCP{}
	}
	if w := m.Pool.Watch; ours {
		s.Watch = &probe.Watch{Connection: w.KeepsConnection(), PIDFile: w.PIDFile, Unit: w.Systemd}
	}
	return s
}

func httpCheck(h cluster.HTTPCheck) *probe.HTTP {
	out := &probe.HTTP{Method: h.Method, Path: h.Path, Host: h.Host, Status: h.Status, Matches: h.Body}
	if h.TLS {
		out.TLS = &probe.TLS{SkipVerify: h.SkipVerify, ServerName: h.ServerName}
	}
	return out
}

func orDefault[T comparable](v, other T) T {
	var zero T
	if v == zero {
		return other
	}
	return v
}
