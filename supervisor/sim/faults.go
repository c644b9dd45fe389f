// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"time"
)

// Kind is a kind of fault.
type Kind uint8

// The kinds. Which of them exist in a world is drawn; each happens again and again, with numbers drawn anew.
const (
	KillSupervisor Kind = iota // kill -9; an init system starts it again
	StopSupervisor             // in good order
	PowerLoss                  // of one machine; unsynced writes may be lost
	BlackOut                   // of all machines at once
	PauseProcess               // its clock runs
	FreezeMachine              // its clock stands still
	SlowMachine                // it is woken late for a while
	PauseGuard                 // the process that holds addresses stands still
	CutNode                    // from everybody, on all networks
	CutPair                    // two from each other
	CutOneWay                  // one does not hear another
	CutRail                    // one rail, of one node or of all
	CutHalves                  // into two halves
	CutService                 // the service network of one machine, with all rails whole
	LoseFrames
	DelayFrames
	RepeatFrames
	ShuffleFrames
	HoldFrames  // keep everything for seconds, then deliver it all
	SlowDisk    // writes take up to seconds
	BreakDisk   // a write fails once; the process ends
	WipeDisk    // of one node, once
	BendClock   // another rate
	SetClock    // the wall clock shows another time, and perhaps the right one again later
	CrashApp    // it comes back after a while
	HangApp     // likewise
	FailApp     // likewise
	FlapApp     // it dies and comes back quickly, some times
	ReloadProxy // or restart it
	HangProxy   // it does not answer for a while
	Meddle      // somebody changes a server by hand
	Operate     // an operator asks for something
	Reconfigure // an operator applies another cluster file
	KillGuard   // kill -9 of the process that holds addresses
	BalkKernel  // it refuses what the guard asks for, or does it and says that it failed
	Stranger    // somebody else has an address for a while
	TakeAway    // somebody takes an address away by hand
	Attack      // a holder is lost at its worst instant; only where worlds are about that
	kinds
)

// String names the kind.
func (k Kind) String() string {
	names := [kinds]string{
		"kill", "stop", "power loss", "black-out", "pause", "freeze", "slow machine", "guard pause", "cut node", "cut pair", "cut one-way",
		"cut rail", "cut halves", "cut service", "loss", "delay", "repeat", "shuffle", "hold", "slow disk", "broken disk",
		"wiped disk", "clock rate", "wall clock", "app crash", "app hang", "app failure", "app flapping", "haproxy reload", "haproxy hang",
		"meddling", "operator", "new cluster file", "guard kill", "kernel balks", "stranger", "address taken away", "attack",
	}
	if k < kinds {
		return names[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// plague makes faults happen from now on.
func (w *World) plague() {
	if len(w.opt.Kinds) == 0 {
		return
	}
	w.do(time.Duration(w.rng.ExpFloat64()*float64(w.opt.Every)), func() {
		if w.calm {
			return
		}
		// Everything is drawn also when the fault does not happen, so that a world with fewer faults is the same up to there.
		k := w.opt.Kinds[w.rng.IntN(len(w.opt.Kinds))]
		if w.opt.MaxFaults < 0 || w.tally.Total < w.opt.MaxFaults {
			w.tally.Total++
			w.tally.Faults[k]++
			w.inflict(k)
		}
		w.plague()
	})
}

// undo ends a fault after a time, unless everything was healed meanwhile: what happens then is for good.
func (w *World) undo(d time.Duration, f func()) {
	w.do(d, func() {
		if !w.calm {
			f()
		}
	})
}

// anyNode draws a node.
func (w *World) anyNode() *machine { return w.nodes[w.rng.IntN(len(w.nodes))] }

// victim draws a node, the leader and the balancers' nodes more often than others.
func (w *World) victim() *machine {
	if w.rng.IntN(3) == 0 {
		if l := w.leader(); l != nil {
			return l
		}
	}
	return w.anyNode()
}

// leader is the node that most of the running ones take for the leader.
func (w *World) leader() *machine {
	votes := map[*machine]int{}
	var best *machine
	for _, m := range w.nodes {
		if !m.acts() {
			continue
		}
		l := w.machine(string(m.core.Leader()))
		if l == nil {
			continue
		}
		if votes[l]++; best == nil || votes[l] > votes[best] {
			best = l
		}
	}
	return best
}

func (w *World) anyApp() *app {
	var apps []*app
	for _, m := range w.machines {
		if m.app != nil && !m.off {
			apps = append(apps, m.app)
		}
	}
	if len(apps) == 0 {
		return nil
	}
	return apps[w.rng.IntN(len(apps))]
}

func (w *World) anyProxy() *proxy {
	var all []*proxy
	for _, m := range w.machines {
		if m.proxy != nil && !m.off {
			all = append(all, m.proxy)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[w.rng.IntN(len(all))]
}

// span draws how long a fault lasts: often short, sometimes long.
func (w *World) span() time.Duration {
	switch w.rng.IntN(4) {
	case 0:
		return w.some(300 * time.Millisecond)
	case 1:
		return w.some(2 * time.Second)
	case 2:
		return w.some(10 * time.Second)
	default:
		return w.some(60 * time.Second)
	}
}

// inflict lets one fault happen.
func (w *World) inflict(k Kind) {
	switch {
	case k <= PauseGuard:
		w.inflictMachine(k)
	case k <= HoldFrames:
		w.inflictNetwork(k)
	case k <= WipeDisk:
		w.inflictDisk(k)
	case k <= SetClock:
		w.inflictClock(k)
	case k <= FlapApp:
		w.inflictApp(k)
	case k <= Meddle:
		w.inflictProxy(k)
	case k == Operate:
		w.operate()
	case k == Reconfigure:
		w.reconfigure()
	case k == Attack:
		if !w.attack() {
			w.tally.Total--
			w.tally.Faults[k]--
		}
	default:
		w.inflictAddress(k)
	}
}

func (w *World) inflictMachine(k Kind) {
	m, d := w.victim(), w.span()
	w.say("FAULT", fmt.Sprintf("%s %s for %s", k, m.name, d))
	switch k { //nolint:exhaustive // the others are not of this group
	case KillSupervisor:
		m.end()
		w.in(d, event{what: evStart, to: m})
	case StopSupervisor:
		w.leave(m)
		w.in(2*time.Second+d, event{what: evStart, to: m})
	case PowerLoss:
		w.powerCycle(m, d)
	case BlackOut:
		for _, m := range w.nodes {
			w.powerCycle(m, w.some(d))
		}
	case PauseProcess:
		m.pause(d, false)
	case FreezeMachine:
		m.pause(d, true)
	case SlowMachine:
		m.slow = w.some(200 * time.Millisecond)
		w.undo(d, func() { m.slow = 0 })
	case PauseGuard:
		switch inAct := w.rng.IntN(2) == 0; {
		case m.guard == nil:
		case inAct:
			m.guard.trap(func() { m.guard.pauseFor(d) })
		default:
			m.guard.pauseFor(d)
		}
	}
}

func (w *World) powerCycle(m *machine, d time.Duration) {
	m.powerOff()
	w.undo(d, func() {
		m.powerOn()
		w.in(w.some(2*time.Second), event{what: evStart, to: m})
	})
}

func (w *World) inflictDisk(k Kind) {
	m, d := w.victim(), w.span()
	w.say("FAULT", fmt.Sprintf("%s %s for %s", k, m.name, d))
	switch k { //nolint:exhaustive // the others are not of this group
	case SlowDisk:
		m.disk.sync = w.some(3 * time.Second)
		w.undo(d, func() { m.disk.sync = w.opt.Sync })
	case BreakDisk:
		m.disk.broken = true
	case WipeDisk:
		if l := w.leader(); !w.wiped && l != nil && l.acts() && len(l.core.Voters()) == len(w.spec.Voters()) {
			w.wiped = true // once: a majority of disks must stay
			m.end()
			m.wipe()
			w.in(d, event{what: evStart, to: m})
		}
	}
}

func (w *World) inflictClock(k Kind) {
	m, d := w.victim(), w.span()
	ppm, wrong := w.rng.Int64N(2*max(1, w.opt.ClockPPM))-w.opt.ClockPPM, w.far()
	w.say("FAULT", fmt.Sprintf("%s %s, %+d ppm, %s, for %s", k, m.name, ppm, wrong, d))
	switch k { //nolint:exhaustive // the others are not of this group
	case BendClock:
		m.bend(ppm)
	case SetClock:
		m.clock.setWall(wrong)
		w.undo(d, func() { m.clock.setWall(0) })
	}
}

// bend gives the clock of a machine another rate.
func (m *machine) bend(ppm int64) {
	if m.clock.stopped {
		return
	}
	m.clock.set(m.w.now, ppm)
	m.armed = 0
	if m.acts() {
		m.arm()
	}
	m.guard.bent()
}

// far draws by how much a wall clock is wrong: milliseconds, or years.
func (w *World) far() time.Duration {
	d := w.some([]time.Duration{time.Second, time.Minute, time.Hour, 3 * 365 * 24 * time.Hour}[w.rng.IntN(4)])
	if w.rng.IntN(2) == 0 {
		return -d
	}
	return d
}

func (w *World) inflictApp(k Kind) {
	a, d := w.anyApp(), w.span()
	if a == nil {
		return
	}
	w.say("FAULT", fmt.Sprintf("%s %s for %s", k, a.on.name, d))
	back := func() {
		if !a.on.off {
			a.set(appRuns)
		}
	}
	switch k { //nolint:exhaustive // the others are not of this group
	case CrashApp:
		a.set(appDead)
	case HangApp:
		a.set(appHangs)
	case FailApp:
		a.set(appFails)
	case FlapApp:
		for i := range 3 + w.rng.IntN(10) {
			at := time.Duration(i) * 4 * time.Second
			w.undo(at, func() {
				if !a.on.off {
					a.set(appDead)
				}
			})
			w.undo(at+2*time.Second, back)
		}
		return
	}
	w.undo(d, back)
}

func (w *World) inflictProxy(k Kind) {
	p, d := w.anyProxy(), w.span()
	if p == nil {
		return
	}
	w.say("FAULT", fmt.Sprintf("%s %s for %s", k, p.on.name, d))
	switch k { //nolint:exhaustive // the others are not of this group
	case ReloadProxy:
		if p.runs {
			p.reload()
		}
		if p.on.keeper != nil {
			p.on.keeper.soon(lookEvery)
		}
	case HangProxy:
		p.hangs = true
		w.undo(d, func() { p.hangs = false })
	case Meddle:
		if a := w.anyApp(); a != nil && p.runs {
			p.meddle(key(a.on), w.rng.IntN(3))
		}
	}
}

// Kinds returns all kinds of faults, in their order.
func Kinds() []Kind {
	var out []Kind
	for k := range kinds {
		out = append(out, k)
	}
	return out
}
