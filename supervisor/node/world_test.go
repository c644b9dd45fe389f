// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/bus/membus"
	"github.com/evenkeel-ha/evenkeel/health"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus/memwal"
	"github.com/evenkeel-ha/evenkeel/supervisor/converge"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/holdings"
	"github.com/evenkeel-ha/evenkeel/supervisor/node"
)

// times are those of the lan profile. The tests run in a bubble, where time
// passes only when everybody waits, so no busy machine disturbs them.
var times = core.Times{
	Profile: "lan", Beat: 100 * time.Millisecond, Missed: 3, Pulse: 50 * time.Millisecond, Slack: 10 * time.Millisecond, SuspectAfter: 300 * time.Millisecond,
	VoteTTL: 300 * time.Millisecond, FreshWithin: 150 * time.Millisecond, QuorumAge: 500 * time.Millisecond,
	StartGrace: 3 * time.Second, ElectionPulses: 8,
}

// hands stand in for the parts of a node that touch applications and balancers.
type hands struct {
	mu     sync.Mutex
	duties []converge.Duty
	until  time.Time // when authority runs out
	report func(cluster.MemberID, health.Change)
	told   map[string][]string // every service that a duty asked for, by member, repeats left out
}

type proberHands struct{ *hands }

func (proberHands) Watch([]core.Probe) {}

func (h proberHands) Run(ctx context.Context, report func(cluster.MemberID, health.Change)) error {
	h.mu.Lock()
	h.report = report
	h.mu.Unlock()
	<-ctx.Done()
	return nil
}

type balancerHands struct{ *hands }

func (balancerHands) Run(ctx context.Context, report func(converge.Report)) error {
	report(converge.Report{Name: "lb", InStep: true, Epoch: "one"})
	<-ctx.Done()
	return nil
}

// guardHands hold nothing: what a node holds is decided by the core, and held by a guard, and both have tests of their own.
type guardHands struct{}

func (guardHands) Run(ctx context.Context, _ func(core.Guarded)) error {
	<-ctx.Done()
	return nil
}

func (guardHands) Sample()            {}
func (guardHands) Hold(holdings.Hold) {}

func (h balancerHands) Until(t time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.until = t
}

func (h balancerHands) Do(duties []converge.Duty) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.duties = duties
	for _, d := range duties {
		if d.Frozen != "" {
			continue
		}
		for _, s := range d.Servers {
			id := s.Member.String()
			if told := h.told[id]; len(told) == 0 || told[len(told)-1] != string(s.Service) {
				h.told[id] = append(told, string(s.Service))
			}
		}
	}
}

// service returns what the node's balancer should do with a member.
func (h *hands) service(id string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, d := range h.duties {
		if d.Frozen != "" {
			return "frozen"
		}
		for _, s := range d.Servers {
			if s.Member.String() == id {
				return string(s.Service)
			}
		}
	}
	return "no duty"
}

func (h *hands) history(id string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.told[id])
}

func (h *hands) say(id string, to health.Condition) {
	h.mu.Lock()
	report := h.report
	h.mu.Unlock()
	mid, err := cluster.ParseMemberID(id)
	if err != nil {
		panic(err)
	}
	report(mid, health.Change{To: to, At: time.Now(), Reason: "the test says " + to.String()})
}

// world is a cluster in one bubble: real nodes on a network and disks in memory.
type world struct {
	t    *testing.T
	net  *membus.Network
	spec cluster.Spec
	ms   []*machine
	// flight returns the flight recorder of a node that starts, if there is any.
	flight func(m *machine) node.Recorder
}

// machine is one machine, on which a node may run.
type machine struct {
	w    *world
	name string
	disk *memwal.Store
	gate gate // of the disk
	*hands
	node *node.Node
	stop context.CancelFunc
	done chan error
}

// gate holds up what is written while it is shut, and refuses it once broken.
type gate struct {
	mu     sync.Mutex
	shut   chan struct{}
	broken error
}

func (g *gate) smash(reason error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.broken = reason
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = make(chan struct{})
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.shut)
	g.shut = nil
}

// gatedDisk is a disk whose writes can be made to hang or to fail.
type gatedDisk struct {
	*memwal.Store
	gate *gate
}

func (d gatedDisk) Append(a *consensus.Append) error {
	d.gate.mu.Lock()
	shut, broken := d.gate.shut, d.gate.broken
	d.gate.mu.Unlock()
	if broken != nil {
		return broken
	}
	if shut != nil {
		<-shut
	}
	return d.Store.Append(a)
}

// inBubble runs a story about n machines in a bubble of its own.
func inBubble(t *testing.T, n int, story func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, net: membus.New(), spec: testSpec(n)}
		for i := range n {
			w.ms = append(w.ms, &machine{w: w, name: fmt.Sprintf("n%d", i+1), disk: memwal.New(uint64(1000 + i))})
		}
		defer func() {
			for _, m := range w.ms {
				m.shutDown()
			}
		}()
		story(w)
	})
}

func testSpec(n int) cluster.Spec {
	s := cluster.Spec{Cluster: "test", Pools: []cluster.PoolSpec{{
		Name: "web", Members: []cluster.MemberSpec{{Nodes: map[string]string{"role": "web"}, Port: 80}},
	}}}
	var all []cluster.NodeID
	for i := range n {
		id := cluster.NodeID(fmt.Sprintf("n%d", i+1))
		all = append(all, id)
		s.Nodes = append(s.Nodes, cluster.NodeSpec{Name: id, Address: fmt.Sprintf("10.0.0.%d", i+1), Labels: map[string]string{"role": "web"}})
	}
	s.Balancers = []cluster.BalancerSpec{{Name: "lb", Socket: "/none", Nodes: all}}
	return s
}

// start starts a node on the machine, in a new life.
func (m *machine) start() {
	boot, err := m.disk.NextBoot()
	if err != nil {
		m.w.t.Fatal(err)
	}
	port := m.w.net.Join(m.name)
	m.hands = &hands{told: map[string][]string{}}
	var flight node.Recorder
	if m.w.flight != nil {
		flight = m.w.flight(m)
	}
	m.node = node.New(core.Config{Name: cluster.NodeID(m.name), Cluster: "test", Version: "test", Times: times, Bootstrap: &m.w.spec, FoundAs: fmt.Sprintf("id-%d-%d", m.disk.Install(), boot)},
		core.Identity{Install: m.disk.Install(), Boot: boot},
		node.Ports{Bus: port, Store: gatedDisk{m.disk, &m.gate}, Prober: proberHands{m.hands}, Guard: guardHands{}, Balancers: balancerHands{m.hands}, Recorder: flight},
		zerolog.New(zerolog.NewTestWriter(m.w.t)).With().Str("node", m.name).Logger())
	ctx, stop := context.WithCancel(context.Background())
	m.stop, m.done = stop, make(chan error, 1)
	go func() { m.done <- m.node.Run(ctx) }()
	synctest.Wait()
}

// shutDown stops the node in good order, if one runs.
func (m *machine) shutDown() {
	if m.stop == nil {
		return
	}
	m.stop()
	if err := <-m.done; err != nil {
		m.w.t.Errorf("%s: %v", m.name, err)
	}
	m.stop = nil
}

// crash ends the node without a word to anybody.
func (m *machine) crash() {
	m.isolate()
	m.shutDown()
	m.disk.Crash()
	m.rejoin()
}

func (m *machine) isolate() { m.each(m.w.net.Cut) }
func (m *machine) rejoin()  { m.each(m.w.net.Heal) }

func (m *machine) each(do func(a, b string)) {
	for _, o := range m.w.ms {
		if o != m {
			do(m.name, o.name)
		}
	}
}

// form starts all machines, and brings every member up.
func (w *world) form() {
	for _, m := range w.ms {
		m.start()
	}
	w.eventually("the cluster forms", func() bool { return w.allAlive(w.ms...) })
	for _, m := range w.ms {
		m.say("web/"+m.name, health.Up)
	}
	for _, m := range w.ms {
		w.everywhere(w.ms, "web/"+m.name, "serve")
	}
}

// eventually waits at most a minute of the bubble's time.
func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	for range 6000 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	for _, m := range w.ms {
		if m.stop != nil {
			v := m.node.View()
			w.t.Logf("%s: %s %v, leader %q, nodes %+v", m.name, v.Verdict, v.Problems, v.Leader, v.Nodes)
		}
	}
	w.t.Fatalf("waited a minute in vain: %s", what)
}

// everywhere waits until the balancers of the machines do this with a member.
func (w *world) everywhere(on []*machine, member, service string) {
	w.t.Helper()
	w.eventually(fmt.Sprintf("%s is to be %s on %d balancers", member, service, len(on)), func() bool {
		return !slices.ContainsFunc(on, func(m *machine) bool { return m.service(member) != service })
	})
}

// allAlive tells whether all machines agree that all nodes live, and who leads.
func (w *world) allAlive(on ...*machine) bool {
	leader := on[0].node.View().Leader
	for _, m := range on {
		v := m.node.View()
		if len(v.Nodes) != len(w.spec.Nodes) || v.Leader == "" || v.Leader != leader || !v.Quorum.Holds {
			return false
		}
		if slices.ContainsFunc(v.Nodes, func(n cluster.NodeView) bool { return n.Life != "alive" || n.Log != "voter" }) {
			return false
		}
	}
	return true
}

func (w *world) leader() *machine {
	for _, m := range w.ms {
		if m.stop != nil {
			if l := m.node.View().Leader; l != "" {
				return w.machine(string(l))
			}
		}
	}
	w.t.Fatal("nobody leads")
	return nil
}

func (w *world) machine(name string) *machine {
	return w.ms[slices.IndexFunc(w.ms, func(m *machine) bool { return m.name == name })]
}

func (w *world) without(out *machine) []*machine {
	return slices.DeleteFunc(slices.Clone(w.ms), func(m *machine) bool { return m == out })
}

// notices returns what the node told people, as "kind subject".
func (m *machine) notices() []string {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	past, _ := m.node.Notices(ctx, 0)
	var out []string
	for _, n := range past {
		out = append(out, n.Kind+" "+n.Subject)
	}
	return out
}

func noticed(m *machine, what string) bool {
	return slices.ContainsFunc(m.notices(), func(s string) bool { return strings.HasPrefix(s, what) })
}
