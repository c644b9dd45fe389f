// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/script"
)

// TestStorm does one fault after the other, whatever was before, and gives orders and looks between them. Faults may hit
// nobody, and orders may be refused; but no checker finds anything, and in the end the cluster is well again.
func TestStorm(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 7))
			c := script.Cluster{Web: 3, Balancers: 2, Plain: 1, Clients: 20, NoState: seed%2 == 0}
			if seed%4 != 0 {
				c.Resources = []script.Resource{
					{Name: "vip", Nodes: []string{"lb1", "lb2"}, Balancer: seed%4 == 1}, {Name: "ip-2", Nodes: []string{"web1", "web2", "web3"}, Failback: "after 2s", Pool: seed%4 == 2},
				}
			}
			if seed%4 == 1 {
				c.ClientsTo = "vip"
			}
			s := opened(t, c)
			for range 60 {
				s.gust(t, rng)
			}
			s.calm(t)
		})
	}
}

// gust does one fault, gives perhaps an order, and looks at everything.
func (s *Stage) gust(t *testing.T, rng *rand.Rand) {
	t.Helper()
	one := func(names []string) string { return names[rng.IntN(len(names))] }
	kinds := slices.DeleteFunc(slices.Sorted(maps.Keys(strikes())), func(k script.FaultKind) bool {
		return k == script.Wipe // a majority of disks must stay
	})
	all := s.cluster.Machines()
	f := script.Fault{
		Kind: kinds[rng.IntN(len(kinds))], Node: one(all), Peer: one(all), Rail: 1 + rng.IntN(2), Percent: rng.IntN(6),
		For: time.Duration(1+rng.IntN(4000)) * time.Millisecond,
	}
	switch f.Kind { //nolint:exhaustive // the others hit machines
	case script.MeddleProxy:
		f.Peer = one(s.cluster.Members())
	case script.AddByHand, script.DelByHand:
		f.Peer = "vip"
	}
	err := s.Fault(t.Context(), f)
	if err == nil && rng.IntN(3) == 0 {
		verb := []script.Verb{script.Drain, script.Ready, script.Maint}[rng.IntN(3)]
		err = s.Order(t.Context(), script.Order{Verb: verb, Target: one(s.cluster.Members())})
	}
	if err == nil && len(s.cluster.Resources) > 0 && rng.IntN(3) == 0 {
		verb := []script.Verb{script.Move, script.Restart, script.Ban, script.Clear, script.Enable, script.Disable}[rng.IntN(6)]
		err = s.Order(t.Context(), script.Order{Verb: verb, Target: one([]string{"vip", "ip-2"}), Node: one(s.cluster.Holders())})
	}
	for _, k := range conditions(len(s.cluster.Resources) > 0) {
		c := script.Cond{Kind: k, Target: "web1"}
		switch k { //nolint:exhaustive // the others are about nodes
		case script.MemberIs:
			c.Target = "web/web1"
		case script.ResourceOn, script.ResourceGone, script.ResourceNobody, script.ResourceTwice, script.ResourceIs:
			c.Target, c.On = "vip", "lb1"
		}
		if _, seen, err := s.Look(t.Context(), c); err != nil || seen == "" {
			t.Fatalf("after %s: %s: %q, %v", f, c, seen, err)
		}
	}
	if s.w.broken != nil {
		t.Fatalf("after %s: %v", f, err)
	}
	if err := s.Pass(t.Context(), time.Duration(rng.IntN(2000))*time.Millisecond); err != nil {
		t.Fatalf("after %s: %v", f, err)
	}
}

// conditions are all that can be looked at.
func conditions(resources bool) []script.CondKind {
	out := []script.CondKind{
		script.AllWell, script.HasLeader, script.LeaderIsNot, script.NodeIs, script.Quorum, script.NoQuorum, script.InMode,
		script.MemberIs, script.InStep, script.NotInStep, script.Unchanged, script.ClientLost, script.Condemned,
		script.Answered,
	}
	if resources {
		out = append(out, script.ResourceOn, script.ResourceNobody, script.ResourceTwice, script.ResourceGone, script.ResourceIs)
	}
	return out
}

// calm mends everything, and waits until all is well.
func (s *Stage) calm(t *testing.T) {
	t.Helper()
	do := func(kind script.FaultKind, names []string) {
		for _, name := range names {
			if err := s.Fault(t.Context(), script.Fault{Kind: kind, Node: name, Peer: "vip"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Pass(t.Context(), 5*time.Second); err != nil { // what lasts for a time is over
		t.Fatal(err)
	}
	do(script.Heal, []string{""})
	do(script.ClockRate, s.cluster.Nodes())
	do(script.MendDisk, s.cluster.Nodes())
	do(script.StartAll, []string{""})
	do(script.StartApp, s.cluster.Apps())
	s.await(t, func() string {
		holds, seen, err := s.Look(t.Context(), script.Cond{Kind: script.Quorum})
		if err != nil {
			t.Fatal(err)
		}
		if holds {
			return ""
		}
		return seen
	})
	for _, name := range s.cluster.Members() {
		if err := s.Order(t.Context(), script.Order{Verb: script.Ready, Target: name, At: "web2"}); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range s.cluster.Resources {
		for _, name := range s.cluster.Machines() {
			if slices.Contains(s.hands.strangers[r.Name], s.w.machine(name)) {
				do(script.DelByHand, []string{name})
			}
		}
		for _, verb := range []script.Verb{script.Enable, script.Clear} {
			if err := s.Order(t.Context(), script.Order{Verb: verb, Target: r.Name, At: "web2"}); err != nil && !errors.Is(err, script.ErrRefused) {
				t.Fatal(err)
			}
		}
	}
	s.await(t, s.unwell)
	moments, err := s.Moments(t.Context())
	if err != nil || !slices.IsSortedFunc(moments, func(a, b script.Moment) int { return int(a.At - b.At) }) {
		t.Errorf("%d moments: %v", len(moments), err)
	}
}

// await lets time pass until there is nothing more to say against it.
func (s *Stage) await(t *testing.T, against func() string) {
	t.Helper()
	why := ""
	for range 90 {
		if why = against(); why == "" {
			return
		}
		if err := s.Pass(t.Context(), time.Second); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("at %s: %s", s.Now(), why)
}
