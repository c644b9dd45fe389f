// SPDX-License-Identifier: Apache-2.0

package core

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
	"github.com/evenkeel-ha/evenkeel/supervisor/converge"
	"github.com/evenkeel-ha/evenkeel/supervisor/failover"
)

// diskBacklog is how many orders may wait for the disk. Beyond it the replica is
// asked for no further work and hears nobody: raft sends everything again.
const diskBacklog = 1024

// diskFull tells whether the disk is so far behind that raft has to wait. The
// node itself never waits: heartbeats and detection go on.
func (c *Core) diskFull() bool { return c.disk >= diskBacklog }

// restore starts the replica from what the disk holds, if it holds anything.
func (c *Core) restore(r consensus.Restored) error {
	if r.Blank() {
		return nil
	}
	if c.clusterID == "" {
		return c.restoreFounding(r)
	}
	if !c.startReplica(r) {
		return c.out.Err
	}
	return nil
}

func (c *Core) newReplica(clusterID string, r consensus.Restored) (*consensus.Replica, error) {
	replica, err := consensus.New(consensus.Config{
		ID: c.install, Cluster: clusterID,
		ElectionTicks: c.cfg.Times.ElectionPulses, HeartbeatTicks: int(c.cfg.Times.Beat / c.cfg.Times.Pulse),
		SnapshotEntries: c.cfg.SnapshotEntries, TailEntries: c.cfg.TailEntries,
	}, r)
	if err != nil {
		return nil, fmt.Errorf("start consensus: %w", err)
	}
	return replica, nil
}

// startReplica tells whether it could; if not, the node ends.
func (c *Core) startReplica(r consensus.Restored) bool {
	replica, err := c.newReplica(c.clusterID, r)
	if err != nil {
		c.fail(fmt.Errorf("cluster %s: %w", c.clusterID, err))
		return false
	}
	c.replica, c.replayTo = replica, r.Hard.Commit
	st := replica.Status()
	c.roster, c.heldTo = st.Members, st.LastIndex
	return true
}

// tickReplica moves raft's clock on.
func (c *Core) tickReplica(now time.Time) {
	if c.replica == nil {
		return
	}
	if c.diskFull() && !c.leads {
		return // a leader's clock goes on, so that it gives leadership up
	}
	c.replica.Tick()
	if failed := c.replica.Failed(); failed != "" && c.halted == "" {
		c.halt("consensus stopped on this node: " + failed)
	}
	if c.leads && c.pacer.beatDue(now) {
		c.reconcileVoters(now)
	}
}

// reconcileVoters takes one step toward the voters of the cluster file. It waits
// until every member of the log that is heard has applied the former step: who
// is two steps behind could count a majority that meets none of ours.
func (c *Core) reconcileVoters(now time.Time) {
	st := c.replica.Status()
	for _, m := range st.Members {
		p, ok := c.peers[cluster.NodeID(m.Node)]
		if ok && p.env.Install == m.ID && now.Sub(p.at) <= c.cfg.Times.SuspectAfter && p.beat.Applied < c.lastChange {
			return
		}
	}
	var want []consensus.Seat
	for _, s := range c.state.Spec.Nodes {
		if st := c.state.Node(s.Name); st.Install != 0 {
			want = append(want, consensus.Seat{ID: st.Install, Node: string(s.Name), Learner: !s.Votes()})
		}
	}
	change, ok := consensus.NextChange(st, want)
	if !ok {
		return
	}
	if err := c.replica.ChangeVoters(change); err != nil {
		if !errors.Is(err, consensus.ErrPending) {
			c.note(Warn, "change of voters not possible now: %v: %v", change, err)
		}
		return
	}
	c.note(Info, "change of voters proposed: %v", change)
}

func (c *Core) raftFrame(env bus.Envelope, frame bus.Raft) {
	if env.Cluster == "" || c.diskFull() || !c.adopt(env, frame) {
		return
	}
	err := c.replica.Step(env.Install, frame)
	if err != nil && !errors.Is(err, consensus.ErrFailed) {
		c.note(Debug, "raft frame of %s refused: %v", env.From, err)
	}
	switch {
	case err == nil:
		c.elsewhere = elsewhere{}
	case errors.Is(err, consensus.ErrElsewhere):
		c.replacedHere()
	}
}

// pump carries out what the replica asks for, until it asks for nothing.
func (c *Core) pump() {
	if c.replica == nil {
		return
	}
	applied := false
	for !c.diskFull() {
		out, ok := c.replica.Ready()
		if !ok {
			break
		}
		c.sendFrames(out.Send)
		if out.Append != nil {
			c.order(Append{out.Append})
		}
		applied = c.applyOutput(out) || applied
		c.leadership(out)
		if out.WantSnapshot {
			c.snapshot()
		}
	}
	if applied {
		c.stateChanged()
	}
	if !c.caughtUp {
		c.caughtUp = c.applied >= min(c.heldTo, c.replica.Status().LastIndex)
	}
}

func (c *Core) sendFrames(frames []consensus.Frame) {
	for _, f := range frames {
		to, ok := c.nodeOf(f.To)
		if !ok {
			c.replica.ReportUnreachable(f.To)
			continue
		}
		c.send(string(to), bus.Raft(f.Data))
	}
}

func (c *Core) votesInLog(install uint64) bool {
	for _, m := range c.roster {
		if m.ID == install {
			return m.Role == consensus.RoleVoter
		}
	}
	return false
}

// nodeOf finds the node of an installation: a member of the log, or one that is
// heard. Who was just let in does not know the members yet, and has to answer.
func (c *Core) nodeOf(install uint64) (cluster.NodeID, bool) {
	for _, m := range c.roster {
		if m.ID == install {
			return cluster.NodeID(m.Node), true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.peers)) {
		if c.peers[name].env.Install == install {
			return name, true
		}
	}
	return "", false
}

// applyOutput applies what was committed. It tells whether the state changed.
func (c *Core) applyOutput(out consensus.Output) bool {
	changed := false
	if out.Restore != nil {
		changed = c.loadSnapshot(out.Restore)
	}
	for _, e := range out.Committed {
		if len(e.Data) > 0 && c.halted == "" {
			c.apply(e)
			changed = true
		}
		if c.halted != "" {
			return changed // an entry that was not applied is never called applied
		}
		c.replica.Applied(e.Index)
		if c.applied = e.Index; e.Change != nil {
			c.roster = c.replica.Status().Members
			c.lastChange = e.Index
			c.urgent = true // the leader waits for us to have it
		}
	}
	return changed
}

func (c *Core) loadSnapshot(s *consensus.Snapshot) bool {
	var st cluster.State
	if err := json.Unmarshal(s.Data, &st); err != nil {
		c.halt(fmt.Sprintf("the snapshot at %d cannot be read (%v); remove the data directory and let the node join anew", s.Index, err))
		return false
	}
	c.state = st.Clone() // which has no nil maps
	c.applied = max(c.applied, s.Index)
	c.roster, c.lastChange = s.Members, s.Index
	for _, e := range st.Events {
		c.out.Events = append(c.out.Events, Event{e, true})
	}
	return true
}

func (c *Core) apply(e consensus.Committed) {
	cmd, err := cluster.DecodeCommand(e.Data)
	if errors.Is(err, cluster.ErrNewer) {
		c.halt(err.Error())
		return
	}
	if err != nil {
		c.note(Warn, "entry %d of the log is no command (%v); passed over", e.Index, err)
		return
	}
	next, out := cluster.Apply(c.state, e.Index, cmd)
	c.state = next
	if out.Result == cluster.Rejected {
		c.note(Debug, "command %d rejected: %s", e.Index, out.Reason)
	}
	for _, ev := range out.Events {
		c.out.Events = append(c.out.Events, Event{ev, e.Index <= c.replayTo})
	}
	c.decided(out)
}

// halt stops applying entries: guessing would let this node drift apart from the others.
func (c *Core) halt(why string) {
	c.halted = why
	c.dirty, c.rightsChanged = true, true
	c.notice("node.halted", string(c.cfg.Name), why)
}

// stateChanged tells everybody in the process that the log went on.
func (c *Core) stateChanged() {
	c.dirty, c.rightsChanged = true, true
	c.resources = slices.Sorted(maps.Keys(c.state.Resources))
	if c.state.Revision != c.specRevision {
		c.specRevision, c.specAt = c.state.Revision, c.now
		c.specChanged()
	} else if c.quietChanged() {
		c.probeMembers()
	}
	c.newLives(c.now)
	if c.state.Node(c.cfg.Name).Replaced(c.install, c.boot) {
		c.liveAnew()
	}
	c.consider(failover.Committed{State: c.state})
}

// specChanged tells everybody in the process that the cluster file is another one.
func (c *Core) specChanged() {
	c.members, c.voters = c.state.Spec.Members(), cluster.Names(c.state.Spec.Voters())
	c.balancers = nil
	for _, b := range c.state.Spec.BalancersOf(c.cfg.Name) {
		c.balancers = append(c.balancers, b.Name)
	}
	slices.Sort(c.balancers)
	c.probeMembers()
	maps.DeleteFunc(c.reports, func(name string, _ converge.Report) bool { return !slices.Contains(c.balancers, name) })
	maps.DeleteFunc(c.peers, func(id cluster.NodeID, _ peer) bool { return !c.concerns(id) })
	maps.DeleteFunc(c.lastDown, func(id cluster.MemberID, _ converge.Health) bool { return !c.isMember(id) })
	maps.DeleteFunc(c.lives, func(id cluster.NodeID, _ uint64) bool { return !c.inFile(id) })
	maps.DeleteFunc(c.spoke, func(id cluster.NodeID, _ []sighting) bool { return !c.concerns(id) })
	maps.DeleteFunc(c.seen, func(id cluster.NodeID, _ sighting) bool { return !c.inFile(id) })
	c.others = len(c.state.Spec.Nodes)
	if c.inFile(c.cfg.Name) {
		c.others--
	}
	for _, name := range slices.Sorted(maps.Keys(c.watched)) {
		if !c.inFile(name) {
			delete(c.watched, name)
			c.detector.Forget(string(name))
		}
	}
}

// probeMembers tells the prober which members are this node's to probe: its own,
// and the agentless ones of the pools that its balancers carry.
func (c *Core) probeMembers() {
	var probes []Probe
	clear(c.probing)
	for _, m := range c.members {
		if m.Node == c.cfg.Name || (m.Agentless() && slices.Contains(c.state.Spec.BalancerNodes(m.Pool), c.cfg.Name)) {
			quiet := c.outOnPurpose(m)
			probes = append(probes, Probe{m, quiet})
			c.probing[m.ID] = quiet
		}
	}
	c.out.Members, c.out.NewMembers = probes, true
	c.mine = slices.DeleteFunc(c.mine, func(h memberHealth) bool { return !c.probes(h.id) })
}

// probes tells whether a member is ours to probe.
func (c *Core) probes(id cluster.MemberID) bool {
	_, ok := c.probing[id]
	return ok
}

// quietChanged tells whether a member that we probe went out of service on
// purpose, or came back.
func (c *Core) quietChanged() bool {
	return slices.ContainsFunc(c.members, func(m cluster.Member) bool {
		was, ok := c.probing[m.ID]
		return ok && was != c.outOnPurpose(m)
	})
}

func (c *Core) outOnPurpose(m cluster.Member) bool {
	return c.state.Member(m.ID).Admin != cluster.AdminReady || c.state.Node(m.Node).Mode == cluster.ModeStandby
}

// isMember tells whether the cluster file has the member.
func (c *Core) isMember(id cluster.MemberID) bool {
	return slices.ContainsFunc(c.members, func(m cluster.Member) bool { return m.ID == id })
}

// concerns tells whether we keep what a node says: it is in the cluster file, or
// still in the log. As long as there is no cluster file, everybody may be.
func (c *Core) concerns(id cluster.NodeID) bool {
	return c.specRevision == 0 || c.inFile(id) ||
		slices.ContainsFunc(c.roster, func(m consensus.Member) bool { return m.Node == string(id) })
}

func (c *Core) leadership(out consensus.Output) {
	leader, _ := c.nodeOf(out.Leader)
	changed := leader != c.leader
	if changed {
		c.leader = leader
		c.notice("cluster.leader", cmp.Or(string(leader), c.cfg.Cluster),
			cmp.Or(map[bool]string{true: "leads the cluster"}[leader != ""], "the cluster has no leader"))
	}
	if out.IsLeader != c.leads {
		c.leads = out.IsLeader
		c.consider(failover.LeaderChanged{Leads: c.leads})
	}
	if changed {
		c.resubmit() // to ourselves, if we lead
	}
}

// snapshot gives the replica the state, so that the log before it can go.
func (c *Core) snapshot() {
	if c.halted != "" {
		return // our state is not that of the index
	}
	data, err := json.Marshal(c.state)
	if err == nil {
		err = c.replica.Snapshot(c.replica.Status().Applied, data)
	}
	if err != nil {
		c.note(Warn, "no snapshot now: %v", err)
	}
}
