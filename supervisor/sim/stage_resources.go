// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/moments"
	"github.com/evenkeel-ha/evenkeel/scenarios/orders"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// unusedFor is how long nobody must have asked for an address that is idle.
const unusedFor = time.Second

// errNoGuard is why a guard cannot be hit.
var errNoGuard = errors.New("no guard runs there")

// hands are what the script did to the guards, and by hand to addresses.
type hands struct {
	dumb      []time.Duration // by machine: until when its guard is paused
	strangers map[string][]*machine
}

// give adds the resources of a script to the cluster file, and a guard to every node.
func (s *Stage) give(c script.Cluster) {
	if len(c.Resources) == 0 {
		return
	}
	s.w.spec.Resources = orders.Resources(c, orders.Ground{
		Balancer: balancerName, Interface: "eth0", Address: func(i int) string { return fmt.Sprintf("10.0.2.%d/24", i+1) },
	})
	machines := len(s.w.machines)
	s.hands = hands{dumb: make([]time.Duration, machines), strangers: map[string][]*machine{}}
	for _, m := range s.w.nodes {
		g := s.w.newGuardian(m)
		g.idle = s.idle
		g.stranger = func(resource string) bool { return s.strange(m, resource) }
		g.replaced = func() { s.tell(moments.OfReplaced(s.Now(), guardOf(m))) }
		m.guard = g
	}
}

// elsewhere moves a resource to where the script is to find it, and tells which one was not there.
func (s *Stage) elsewhere() string {
	for _, r := range s.cluster.Resources {
		m, begins := s.w.nodes[0], cluster.NodeID(s.cluster.Begins(r))
		if !m.runs() {
			return string(m.name) + " does not run"
		}
		st := m.core.State().Resource(r.Name)
		if st.Holder == begins && !st.Leaving {
			continue
		}
		if st.Holder != "" && !st.Leaving {
			s.w.ask(m, cluster.SetResource{Resource: r.Name, Verb: cluster.VerbMove, Node: begins, Reason: "the script begins there"}, nil)
		}
		return fmt.Sprintf("%s is on %q and not on %s", r.Name, st.Holder, begins)
	}
	return ""
}

// idle tells whether nobody has asked for a resource for a while.
func (s *Stage) idle(resource string) bool {
	if s.client == nil {
		return true
	}
	at, asked := s.client.used[resource]
	return !asked || s.w.now-at > unusedFor
}

// strange tells whether a machine meets with a stranger that has the address of a resource.
func (s *Stage) strange(m *machine, resource string) bool {
	return slices.ContainsFunc(s.hands.strangers[resource], func(o *machine) bool {
		return o == m || !o.off && s.reaches(m, o)
	})
}

// answering is the machine that answers whoever asks for a resource. Where a stranger has its address, that one does, which is
// of no use to anybody.
func (s *Stage) answering(resource string) *machine {
	if slices.ContainsFunc(s.hands.strangers[resource], func(o *machine) bool { return !o.off && !s.cuts.fromOutside(s.w.now, o) }) {
		return nil
	}
	for _, m := range s.w.nodes {
		if m.guard.serves(resource) && !s.cuts.fromOutside(s.w.now, m) {
			return m
		}
	}
	return nil
}

// runningGuard returns the machine of that name, which has a guard that runs, be it paused.
func (s *Stage) runningGuard(name string) (*machine, error) {
	m, err := s.node(name)
	switch {
	case err != nil:
		return nil, err
	case m.off || !slices.ContainsFunc(s.cluster.Resources, func(r script.Resource) bool { return slices.Contains(s.cluster.MayHold(r), name) }):
		return nil, errNoGuard
	}
	return m, nil
}

// killGuard ends a guard. What it did stands in the kernel until its deadline, and the supervisor begins another one.
func (s *Stage) killGuard(f script.Fault) error {
	m, err := s.runningGuard(f.Node)
	if err == nil {
		m.guard.kill()
	}
	return err
}

// pauseGuard lets a guard stand still. Its supervisor does not bear that for long.
func (s *Stage) pauseGuard(f script.Fault) error {
	m, err := s.runningGuard(f.Node)
	if err != nil {
		return err
	}
	p, until := m.guard.proc, &s.hands.dumb[m.index]
	if p == nil {
		return errNoGuard // it was killed just now
	}
	*until = longer(m.guard.paused, *until, s.w.now+f.For)
	m.guard.pause()
	s.w.do(f.For, func() {
		if m.guard.proc == p && m.guard.paused && *until <= s.w.now {
			m.guard.resume()
			s.tellResumed(guardOf(m))
		}
	})
	return nil
}

// forget ends what a machine that loses its power had of addresses.
func (s *Stage) forget(m *machine) {
	for _, r := range s.cluster.Resources {
		s.hands.strangers[r.Name] = slices.DeleteFunc(s.hands.strangers[r.Name], func(o *machine) bool { return o == m })
	}
	if m.guard != nil {
		s.hands.dumb[m.index] = 0 // the next one begins with the next supervisor
	}
}

func guardOf(m *machine) string { return moments.GuardOf(string(m.name)) }

// byHand returns the machine that is given an address by hand, or loses it.
func (s *Stage) byHand(f script.Fault) (*machine, error) {
	if _, known := s.cluster.Resource(f.Peer); !known {
		return nil, fmt.Errorf("there is no resource %q", f.Peer)
	}
	return s.machine(f.Node)
}

// addByHand makes a machine a stranger that has an address.
func (s *Stage) addByHand(f script.Fault) error {
	m, err := s.byHand(f)
	switch {
	case err != nil:
		return err
	case m.off:
		return errNoPower
	case s.hasIt(m, f.Peer):
		return fmt.Errorf("%s has it already", f.Node)
	}
	s.hands.strangers[f.Peer] = append(s.hands.strangers[f.Peer], m)
	return nil
}

func (s *Stage) hasIt(m *machine, resource string) bool {
	return m.guard.serves(resource) || slices.Contains(s.hands.strangers[resource], m)
}

// delByHand takes an address away from whoever has it. A guard takes it again.
func (s *Stage) delByHand(f script.Fault) error {
	m, err := s.byHand(f)
	if err != nil {
		return err
	}
	if m.guard.serves(f.Peer) {
		for _, a := range slices.Clone(m.guard.kernel.addrs) {
			if s.w.resourceOf(a.Prefix.Addr()) == f.Peer {
				m.guard.takeAway(a.Address)
			}
		}
		return nil
	}
	i := slices.Index(s.hands.strangers[f.Peer], m)
	if i < 0 {
		return fmt.Errorf("%s does not have it", f.Node)
	}
	s.hands.strangers[f.Peer] = slices.Delete(s.hands.strangers[f.Peer], i, i+1)
	return nil
}
