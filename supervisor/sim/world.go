// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/lease"
)

// World is a cluster and all that it runs on.
type World struct {
	opt      Options
	spec     cluster.Spec
	rng      *rand.Rand
	dice     *rand.ChaCha8
	now      time.Duration
	queue    queue
	seq      uint64
	machines []*machine
	nodes    []*machine // those with Evenkeel
	net      *network
	sealer   bus.Sealer
	checks   *checkers
	tally    Tally
	trace    trace
	asked    map[string]asked // requests under way

	strangers map[string]bool // resources whose addresses somebody else has
	requests  int
	broken    *Violation
	steps     uint64
	wiped     bool     // a disk is lost already
	assault   *assault // under way; nil = none
	calm      bool     // no process is started again by itself
	byHand    bool     // nobody starts a process again that ended by itself
	journal   *journal // nil = nobody reads what nodes tell
}

// New makes a world; nothing has happened in it yet.
func New(o Options) *World {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], o.Seed)
	w := &World{
		opt: o, spec: o.spec(), rng: rand.New(rand.NewPCG(o.Seed, 2)), dice: rand.NewChaCha8(key),
		asked: map[string]asked{}, strangers: map[string]bool{},
	}
	w.trace.verbose = o.Verbose
	sealer, err := bus.NewSealer(key[:], "sim")
	w.must(err)
	w.sealer = sealer
	w.net = newNetwork(o.nodes()+o.Plain, o.Rails+1)
	for _, n := range w.spec.Nodes {
		m := w.addMachine(n.Name)
		w.nodes = append(w.nodes, m)
		if n.Labels["role"] == "web" {
			m.app = &app{w: w, on: m}
		}
	}
	for i := range o.Plain {
		m := w.addMachine(cluster.NodeID(fmt.Sprintf("app%d", i+1)))
		m.app = &app{w: w, on: m}
	}
	if o.Resources > 0 {
		for _, m := range w.nodes {
			m.guard = w.newGuardian(m)
		}
	}
	for i := range o.Balancers {
		m := w.nodes[o.Web+i]
		m.proxy = newProxy(w, m)
	}
	w.checks = newCheckers(w)
	for _, m := range w.nodes {
		w.in(w.some(time.Second), event{what: evStart, to: m})
	}
	return w
}

// Dice is where raft must draw its random numbers from: put it into crypto/rand.Reader before the world runs.
func (w *World) Dice() io.Reader { return w.dice }

func (w *World) addMachine(name cluster.NodeID) *machine {
	m := &machine{w: w, index: len(w.machines), name: name}
	m.disk = disk{install: w.rng.Uint64() | 1, sync: w.opt.Sync}
	ppm := int64(0)
	if w.opt.ClockPPM > 0 {
		ppm = w.rng.Int64N(2*w.opt.ClockPPM) - w.opt.ClockPPM
	}
	m.clock = newClock(w.some(time.Hour), ppm)
	m.newer = w.opt.Codec && w.rng.IntN(2) == 0
	w.machines = append(w.machines, m)
	return m
}

// class draws what keeps deadlines in the kernel of a machine.
func (w *World) class() lease.Class {
	if !w.opt.Weak {
		return lease.Gate
	}
	return []lease.Class{lease.Gate, lease.TimedSet, lease.Address}[w.rng.IntN(3)]
}

// addresses are those of a resource.
func (w *World) addresses(resource string) []netip.Addr {
	spec, ok := w.spec.Resource(resource)
	if !ok {
		return nil
	}
	var out []netip.Addr
	for _, p := range spec.VIP.Prefixes() {
		out = append(out, p.Addr())
	}
	return out
}

// resourceOf is the resource that an address is of.
func (w *World) resourceOf(a netip.Addr) string {
	for _, r := range w.spec.Resources {
		if slices.Contains(w.addresses(r.Name), a) {
			return r.Name
		}
	}
	return ""
}

func (w *World) machine(name string) *machine {
	for _, m := range w.machines {
		if string(m.name) == name {
			return m
		}
	}
	return nil
}

// some is a part of a time, drawn.
func (w *World) some(d time.Duration) time.Duration { return w.net.some(w.rng, d) }

// id is a name that was never used before.
func (w *World) id() string {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:8], w.rng.Uint64())
	binary.LittleEndian.PutUint64(b[8:], w.rng.Uint64())
	return hex.EncodeToString(b[:])
}

func (w *World) at(t time.Duration, e event) {
	w.seq++
	e.at, e.seq = t, w.seq
	w.queue.push(e)
}

func (w *World) in(d time.Duration, e event) { w.at(w.now+d, e) }

// do calls a function at a later moment.
func (w *World) do(d time.Duration, f func()) { w.in(d, event{what: evDo, data: f}) }

// pass lets the world go on until a moment, or until something is found broken.
func (w *World) pass(until time.Duration) {
	for w.broken == nil && len(w.queue) > 0 && w.queue[0].at <= until {
		e := w.queue.pop()
		w.now = e.at
		w.happen(e)
	}
	if w.broken == nil {
		w.now = max(w.now, until)
	}
}

func (w *World) happen(e event) {
	if e.life != 0 && e.life != e.to.life {
		return
	}
	w.trace.count(e)
	switch e.what {
	case evDeliver:
		e.to.hear(e.data.(*parcel)) //nolint:forcetypeassert // as queue.go says
	case evWake:
		e.to.wake()
	case evDisk:
		e.to.written()
	case evProbe:
		e.to.probed(e.data.(*check)) //nolint:forcetypeassert // as queue.go says
	case evLook:
		if e.to.keeper == e.data.(*keeper) { //nolint:forcetypeassert // as queue.go says
			e.to.keeper.look()
		}
	case evStart:
		e.to.start()
	case evResume:
		e.to.resume()
	case evRails:
		w.lookAtRails()
	case evDo:
		e.data.(func())() //nolint:forcetypeassert // as queue.go says
	}
}

// send puts what a node sends on its way to everybody whom it concerns.
func (w *World) send(from *machine, messages []core.Message) {
	p := &parcel{from: from, sent: w.now, shown: from.now(), messages: messages}
	if w.opt.Codec {
		p.messages = w.encode(from, messages)
	}
	for i := range messages {
		w.checks.sent(from, &messages[i])
	}
	for _, to := range w.nodes {
		if to == from || !concerns(messages, to.name) {
			continue
		}
		first, more, ok := w.net.route(w.rng, w.now, from.index, to.index)
		if !ok {
			continue
		}
		w.at(first, event{what: evDeliver, to: to, data: p})
		for _, at := range more {
			w.at(at, event{what: evDeliver, to: to, data: p})
		}
	}
}

func concerns(messages []core.Message, name cluster.NodeID) bool {
	for i := range messages {
		if messages[i].To == "" || messages[i].To == string(name) {
			return true
		}
	}
	return false
}

// news is what a later version of the codec might add to a heartbeat.
const news = `,"next":{"of":[1,{"later":"versions"}]},"l2":7}`

// encode is what becomes of messages that are sealed as frames and read again. All receivers of a message read the same
// bytes, and none changes what it reads, so it is done once.
func (w *World) encode(from *machine, messages []core.Message) []core.Message {
	out := make([]core.Message, 0, len(messages))
	for _, m := range messages {
		payload, err := bus.EncodeBody(m.Body)
		w.must(err)
		if from.newer && m.Envelope.Kind == bus.KindHeartbeat {
			payload = append(payload[:len(payload)-1], news...)
		}
		m.Envelope.Payload = payload
		frame, err := w.sealer.Seal(m.Envelope)
		w.must(err)
		if m.Envelope, err = w.sealer.Open(frame); err == nil {
			m.Body, err = bus.DecodeBody(m.Envelope.Kind, m.Envelope.Payload)
		}
		if err != nil {
			w.violate("a frame of ours cannot be read", "from %s: %v", from.name, err)
			continue
		}
		out = append(out, m)
	}
	return out
}

// restart starts a process that ended by itself again, as an init system does.
func (w *World) restart(m *machine) {
	if w.byHand {
		return
	}
	w.in(500*time.Millisecond+w.some(4*time.Second), event{what: evStart, to: m})
}

// railsChanged lets the nodes see, in a while, what became of their rails.
func (w *World) railsChanged() { w.in(w.opt.Times.SuspectAfter, event{what: evRails}) }

func (w *World) lookAtRails() {
	for _, m := range w.nodes {
		if m.acts() {
			if news := m.railed(); len(news) > 0 {
				m.step(news...)
			}
		}
	}
}

// must is for what cannot fail in a world that is right; if it does, the world is wrong, or what it stands on.
func (w *World) must(err error) {
	if err != nil {
		w.violate("the world itself", "%v", err)
	}
}
