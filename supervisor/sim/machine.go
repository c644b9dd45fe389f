// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"strconv"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
)

const (
	// inboxMax bounds what a process that stands still finds when it goes on; the network gives up the oldest.
	inboxMax = 2048
)

// machine is one computer: it has power or not, its disk, its clock, and what runs on it.
type machine struct {
	w     *World
	index int
	name  cluster.NodeID
	disk  disk
	clock clock

	off    bool // without power
	core   *core.Core
	life   uint32 // counts the processes, so that what was meant for a former one does not reach this
	lives  uint32
	paused bool
	asleep bool          // with its machine
	slept  time.Duration // by how much the boot clock is ahead of the monotonic one
	slow   time.Duration // added to each waking, for a machine that is too busy
	inbox  []*parcel
	opened []core.Input // what the last parcel held
	window bus.Window
	armed  time.Duration // when the core is woken; 0 = not at all
	leaves bool          // the process was asked to end in good order
	left   bool          // it did
	rails  []core.Rail

	app    *app // nil = none
	checks []*check
	proxy  *proxy // nil = none
	keeper *keeper
	guard  *guardian // nil = nothing to hold
	newer  bool      // its frames are those of a later version of the codec

	// What the checkers know.
	heard   []sighting                // by place of whom it heard
	heardOf map[installation]sighting // the same, by installation
	number  number                    // the newest that it used
	words   *lastWords                // that its process heard
	backing *backing                  // who stands behind its process
	logged  []cluster.NodeID          // who voted in the log when it last read something in it
	former  []cluster.NodeID          // who did before that changed last
	wiped   uint64                    // up to where the log went that was lost with a former disk
	began   time.Time                 // of the process, by its clock
	backed  time.Time                 // until when it last said that a majority stands behind it, and we found it true
	stopped time.Time                 // when the process was last kept from running, by its clock
	fault   string                    // why the process ended by itself, if it did
	buried  bool                      // it is lost for good
}

// sighting is the newest heartbeat of a life that reached a process.
type sighting struct {
	install, boot, seq uint64

	at time.Time // by the clock of who heard it
}

// installation is one of a machine.
type installation struct {
	machine int
	install uint64
}

func (m *machine) runs() bool { return m.core != nil }

// acts tells whether the process can do anything now.
func (m *machine) acts() bool { return m.core != nil && !m.paused }

func (m *machine) now() time.Time { return m.clock.at(m.w.now) }

// start starts the supervisor, in a new life.
func (m *machine) start() {
	if m.off || m.core != nil {
		return
	}
	m.disk.boot++
	m.disk.broken = false
	m.lives++
	m.life = m.lives
	m.window, m.inbox, m.leaves, m.left, m.fault, m.paused = bus.Window{}, nil, false, false, "", false
	m.heard, m.began, m.backed, m.words = make([]sighting, len(m.w.machines)), m.now(), time.Time{}, newLastWords()
	m.backing = &backing{told: map[string]bus.Seen{}}
	m.heardOf = map[installation]sighting{}
	c, err := core.New(m.now(), core.Config{
		Name: m.name, Cluster: m.w.spec.Cluster, Version: "sim", Times: m.w.opt.Times, Bootstrap: &m.w.spec,
		FoundAs: m.w.id(), SnapshotEntries: m.w.opt.Snapshots, TailEntries: m.w.opt.Snapshots / 2,
	}, core.Identity{Install: m.disk.install, Boot: m.disk.boot}, core.Held{Cluster: m.disk.cluster, Log: m.disk.log})
	if err != nil {
		m.w.violate("a node cannot read its own disk", "%s: %v", m.name, err)
		return
	}
	m.core = c
	m.guard.boots()
	m.disk.orders, m.disk.busy = nil, false
	if m.proxy != nil {
		m.keeper = newKeeper(m)
	}
	m.rails = nil
	m.step(m.railed()...)
}

// end ends the process without a word. What the disk has in hand is done, half done, or not.
func (m *machine) end() {
	if m.core == nil {
		return
	}
	if m.disk.busy {
		switch m.w.rng.IntN(3) {
		case 0:
			_, err := m.disk.carryOut(m.disk.orders[0])
			m.w.must(err)
		case 1:
			m.disk.half(m.disk.orders[0])
		}
	}
	m.core, m.life, m.inbox, m.armed, m.checks, m.keeper = nil, 0, nil, 0, nil, nil
	m.guard.orphaned()
	m.disk.orders, m.disk.busy = nil, false
	m.paused = false
	m.thaw()
}

// hear takes a parcel that arrived.
func (m *machine) hear(p *parcel) {
	if m.core == nil {
		return
	}
	if m.paused {
		if len(m.inbox) == inboxMax {
			m.inbox = m.inbox[1:]
		}
		m.inbox = append(m.inbox, p)
		return
	}
	m.opened = m.open(p, m.opened[:0])
	if len(m.opened) > 0 {
		m.step(m.opened...)
	}
}

// open takes out of a parcel what is for this machine and comes for the first time.
func (m *machine) open(p *parcel, inputs []core.Input) []core.Input {
	now := m.now()
	for i := range p.messages {
		msg := &p.messages[i]
		if msg.To != "" && msg.To != string(m.name) {
			continue
		}
		env := msg.Envelope
		if !m.window.Accept(env.From, env.Install, env.Boot, env.Seq) {
			continue
		}
		m.w.checks.heard(m, p, env)
		inputs = append(inputs, core.Heard{Envelope: env, Body: msg.Body, At: now})
	}
	return inputs
}

// step lets the core take what came, and carries out what it asks for.
func (m *machine) step(inputs ...core.Input) {
	if m.core == nil {
		return
	}
	now := m.now()
	m.guard.sample()
	out := m.core.Step(now, inputs...)
	m.w.steps++
	m.w.checks.output(m, &out)
	if out.Err != nil {
		m.w.violate("a node gives up", "%s: %v", m.name, out.Err)
		m.end()
		return
	}
	if len(out.Send) > 0 {
		m.w.send(m, out.Send)
	}
	for _, j := range out.Disk {
		m.disk.orders = append(m.disk.orders, j)
		m.write()
		m.w.interrupt(m, j)
	}
	if out.NewMembers {
		m.probe(out.Members)
	}
	if m.keeper != nil {
		m.keeper.until = out.Until
		if out.NewDuties {
			m.keeper.take(out.Duties)
		}
	}
	m.guard.tell(&out)
	for _, a := range out.Answers {
		m.w.answered(m, a)
	}
	if m.core.Left(now) {
		m.end()
		m.left = true
		if m.w.calm && !m.w.byHand {
			m.w.restart(m) // it was asked to before all was healed
		}
		return
	}
	m.arm()
}

// arm makes sure that the core is woken when it is due.
func (m *machine) arm() {
	at := max(m.clock.when(m.core.Due()), m.w.now)
	if m.armed != 0 && m.armed <= at {
		return // it is looked at again then
	}
	m.armed = at
	m.w.at(at, event{what: evWake, to: m, life: m.life})
}

func (m *machine) wake() {
	if m.armed == 0 || m.w.now < m.armed || m.paused {
		return
	}
	m.armed = 0
	if late := m.slow; late > 0 {
		m.armed = m.w.now + m.w.some(late)
		m.w.at(m.armed, event{what: evWake, to: m, life: m.life})
		m.slow = -late // it was late once; the next waking is looked at anew
		return
	}
	if m.slow < 0 {
		m.slow = -m.slow
	}
	if m.now().Before(m.core.Due()) {
		m.arm()
		return
	}
	m.step()
}

// write lets the disk begin with its oldest order.
func (m *machine) write() {
	if m.disk.busy || len(m.disk.orders) == 0 {
		return
	}
	m.disk.busy = true
	m.doneIn(m.disk.sync + m.w.some(m.disk.sync))
}

// doneIn lets the order under way be done in a while, whatever was said of it before.
func (m *machine) doneIn(d time.Duration) {
	m.disk.done = m.w.now + d
	m.w.at(m.disk.done, event{what: evDisk, to: m, life: m.life})
}

func (m *machine) written() {
	if !m.disk.busy || m.w.now < m.disk.done {
		return
	}
	if m.paused {
		m.w.in(time.Millisecond, event{what: evDisk, to: m, life: m.life}) // the process does not see it yet
		return
	}
	if m.disk.broken {
		m.disk.busy = false
		m.end()
		m.fault = "the disk failed"
		m.w.restart(m)
		return
	}
	in, err := m.disk.carryOut(m.disk.orders[0])
	m.w.must(err)
	m.disk.orders, m.disk.busy = m.disk.orders[1:], false
	m.write()
	m.step(in)
}

// pause makes the process stand still, with or without its machine's clock.
func (m *machine) pause(d time.Duration, frozen bool) {
	if m.core == nil || m.paused {
		return
	}
	m.paused, m.stopped = true, m.now()
	if frozen {
		m.clock.stop(m.w.now)
	}
	m.w.in(d, event{what: evResume, to: m, life: m.life})
}

func (m *machine) resume() {
	if !m.paused {
		return
	}
	m.paused = false
	m.thaw()
	m.armed = 0
	m.waken()
	var inputs []core.Input
	for _, p := range m.inbox {
		inputs = m.open(p, inputs)
	}
	m.inbox = nil
	m.step(inputs...)
	m.guard.awake()
	if m.keeper != nil {
		m.keeper.soon(0)
	}
}

// waken lets what runs beside each other in a process go on before it has read what came meanwhile, or not.
func (m *machine) waken() {
	first := m.w.rng.IntN(3)
	if first == 1 && m.keeper != nil {
		m.keeper.next = m.w.now
		m.keeper.look()
	}
	if first > 0 {
		m.step()
	}
}

// powerOff takes everything that runs; the state of the balancer's servers is as its state file has it afterwards.
func (m *machine) powerOff() {
	m.end()
	m.off = true
	m.guard.powerOff()
	if m.app != nil {
		m.app.power(false)
	}
	if m.proxy != nil {
		m.proxy.stop()
	}
}

func (m *machine) powerOn() {
	if !m.off {
		return
	}
	m.off = false
	if m.app != nil {
		m.app.power(true)
	}
	if m.proxy != nil {
		m.proxy.start()
	}
}

// wipe replaces the disk by a blank one; the process must not run.
func (m *machine) wipe() {
	if m.core == nil {
		m.wiped = last(m.disk.log)
		m.disk = disk{install: m.w.rng.Uint64() | 1, sync: m.disk.sync}
	}
}

// railed tells the core how its rails stand, if that is news.
func (m *machine) railed() []core.Input {
	rails := make([]core.Rail, 0, m.w.opt.Rails)
	for r := 1; r <= m.w.opt.Rails; r++ {
		rail := core.Rail{Name: railName(r), Up: true, Since: m.clock.zero}
		for _, o := range m.w.machines {
			if o != m && o.acts() && m.w.net.reaches(o.index, m.index, r) {
				rail.Peers++
			}
		}
		rails = append(rails, rail)
	}
	for i := range m.rails {
		if m.rails[i] != rails[i] {
			m.rails = nil
			break
		}
	}
	if m.rails != nil {
		return nil
	}
	m.rails = rails
	return []core.Input{core.Railed{Rails: rails}}
}

// railName names a rail, counted from 1.
func railName(r int) string { return "rail" + strconv.Itoa(r) }
