// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// Result is what became of a world.
type Result struct {
	Options   Options
	Violation *Violation
	Tally     Tally
	Trace     uint64 // two runs of one seed have the same
	Lines     []string
}

// lookAgain is how often the cluster is looked at while it settles.
const lookAgain = 250 * time.Millisecond

// Run lets a world live its whole life: faults, then a time to become right, then the loss of a minority for good and
// a time to live with it, and then quiet. Put its Dice in place before.
func (w *World) Run() Result {
	w.plague()
	w.pass(w.opt.Chaos)
	w.heal()
	w.settle("after the faults")
	w.bury()
	w.settle("after a minority is lost for good")
	w.stayQuiet()
	w.finish()
	w.tally.Worlds, w.tally.Simulated, w.tally.Events, w.tally.Steps = 1, w.now, w.trace.events, w.steps
	w.trace.mix(w.steps)
	return Result{Options: w.opt, Violation: w.broken, Tally: w.tally, Trace: w.trace.sum, Lines: w.trace.lines}
}

// heal ends every fault.
func (w *World) heal() {
	if w.broken != nil {
		return
	}
	w.say("FAULT", "everything is healed")
	w.calm = true
	w.net.heal()
	clear(w.strangers)
	for _, m := range w.machines {
		if m.guard != nil {
			m.guard.balks = false
		}
		m.powerOn()
		m.slow, m.disk.sync, m.disk.broken = 0, w.opt.Sync, false
		m.resume()
		if m.app != nil {
			m.app.set(appRuns)
		}
		if p := m.proxy; p != nil {
			if !p.runs {
				p.start()
			}
			p.hangs = false
		}
	}
	for _, m := range w.nodes {
		w.in(w.some(time.Second), event{what: evStart, to: m})
	}
	w.railsChanged()
}

// settle waits until all is right.
func (w *World) settle(when string) {
	began := w.now
	for w.broken == nil {
		w.pass(w.now + lookAgain)
		why := w.wrong()
		if why == "" {
			w.tally.Settling = max(w.tally.Settling, w.now-began)
			w.say("CHECK", "all is right "+when)
			return
		}
		if w.now-began > w.opt.Settle {
			w.violate("the cluster becomes right (L6, L11)", "%s %s: %s", w.now-began, when, why)
		}
	}
}

// bury takes a minority of the voters, applications, and perhaps a rail, for good.
func (w *World) bury() {
	if w.broken != nil {
		return
	}
	voters := w.voters()
	for range w.rng.IntN((len(voters)-1)/2 + 1) {
		m := w.anyNode()
		if m.acts() && slices.Contains(voters, m.name) && w.running(voters)-1 > len(voters)/2 {
			w.say("FAULT", string(m.name)+" is lost for good")
			m.buried = true
			m.powerOff()
		}
	}
	for range w.rng.IntN(3) {
		if a := w.anyApp(); a != nil {
			w.say("FAULT", "the application of "+string(a.on.name)+" is dead for good")
			a.set(appDead)
		}
	}
	if w.opt.Rails > 1 && w.rng.IntN(2) == 0 {
		w.say("FAULT", "a rail is cut for good")
		w.allWays(1, func(w *way) { w.cut = true })
		w.railsChanged()
	}
	w.pass(w.now + 2*w.opt.Times.SuspectAfter) // until then nobody has noticed
}

// voters returns who votes by the newest cluster file that anybody runs.
func (w *World) voters() []cluster.NodeID {
	spec, newest := w.spec, uint64(0)
	for _, m := range w.nodes {
		if !m.acts() {
			continue
		}
		if s, revision := m.core.Spec(); revision > newest {
			spec, newest = s, revision
		}
	}
	return spec.Voters()
}

// running counts the voters that run.
func (w *World) running(voters []cluster.NodeID) int {
	n := 0
	for _, m := range w.nodes {
		if m.acts() && slices.Contains(voters, m.name) {
			n++
		}
	}
	return n
}

// underWay is how long what was proposed before all was right may still be on its way into the log.
const underWay = 5 * time.Second

// stayQuiet wants nothing to be decided and no balancer to be touched (L11).
func (w *World) stayQuiet() {
	if w.broken != nil {
		return
	}
	w.pass(w.now + underWay)
	began, commands, leaders := w.now, w.tally.Commands, w.tally.Leaders
	states := map[cluster.NodeID]uint64{}
	for _, m := range w.nodes {
		if m.acts() {
			states[m.name] = m.core.State().Index
		}
	}
	w.pass(max(w.now+w.opt.Quiet, w.opt.Life))
	for _, m := range w.nodes {
		if m.acts() && m.core.State().Index != states[m.name] {
			w.violate("quiet is quiet (L11)", "%s decides within %s of quiet: from %d to %d", m.name, w.now-began, states[m.name], m.core.State().Index)
		}
	}
	if w.tally.Commands != commands {
		w.violate("quiet is quiet (L11)", "%d commands to balancers within %s of quiet", w.tally.Commands-commands, w.now-began)
	}
	if w.tally.Leaders != leaders {
		w.violate("quiet is quiet (L11)", "another leads")
	}
	if why := w.wrong(); why != "" {
		w.violate("quiet is quiet (L11)", "%s", why)
	}
}

// finish looks at what can be judged at the end only.
func (w *World) finish() {
	if w.broken != nil {
		return
	}
	w.checks.kept()
	for id, r := range sorted(w.asked) {
		if r.on.life == r.life {
			w.violate("every request is answered once", "%s never answered %s", r.on.name, id)
			return
		}
	}
}
