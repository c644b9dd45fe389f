// SPDX-License-Identifier: Apache-2.0

package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/health"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
	"github.com/evenkeel-ha/evenkeel/supervisor/converge"
	"github.com/evenkeel-ha/evenkeel/supervisor/failover"
)

// restore starts the replica from what the disk holds, if it holds anything.
func (n *Node) restore() error {
	r, err := n.store.Load()
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	if r.Blank() {
		return nil
	}
	if n.clusterID == "" {
		return n.restoreFounding(r)
	}
	return n.startReplica(r)
}

func (n *Node) newReplica(clusterID string, r consensus.Restored) (*consensus.Replica, error) {
	replica, err := consensus.New(consensus.Config{
		ID: n.install, Cluster: clusterID,
		ElectionTicks: n.cfg.Times.ElectionPulses, HeartbeatTicks: int(n.cfg.Times.Beat / n.cfg.Times.Pulse),
	}, r)
	if err != nil {
		return nil, fmt.Errorf("start consensus: %w", err)
	}
	return replica, nil
}

func (n *Node) startReplica(r consensus.Restored) error {
	replica, err := n.newReplica(n.clusterID, r)
	if err != nil {
		return err
	}
	n.replica, n.replayTo = replica, r.Hard.Commit
	n.roster = replica.Status().Members
	return nil
}

// tickReplica moves raft's clock on.
func (n *Node) tickReplica(now time.Time) {
	if n.replica == nil {
		return
	}
	if n.diskFull() && !n.replica.Status().IsLeader {
		return // a leader's clock goes on, so that it gives leadership up
	}
	n.replica.Tick()
	if failed := n.replica.Status().Failed; failed != "" && n.halted == "" {
		n.halt("consensus stopped on this node: " + failed)
	}
	if n.leads {
		n.reconcileVoters(now)
	}
}

// reconcileVoters takes one step toward the voters of the cluster file. It waits
// until every member of the log that is heard has applied the former step: who
// is two steps behind could count a majority that meets none of ours.
func (n *Node) reconcileVoters(now time.Time) {
	st := n.replica.Status()
	for _, m := range st.Members {
		p, ok := n.peers[cluster.NodeID(m.Node)]
		if ok && p.env.Install == m.ID && now.Sub(p.at) <= n.cfg.Times.SuspectAfter && p.beat.Applied < n.lastChange {
			return
		}
	}
	var want []consensus.Seat
	for _, s := range n.state.Spec.Nodes {
		if st := n.state.Node(s.Name); st.Install != 0 {
			want = append(want, consensus.Seat{ID: st.Install, Node: string(s.Name), Learner: !s.Votes()})
		}
	}
	c, ok := consensus.NextChange(st, want)
	if !ok {
		return
	}
	if err := n.replica.ChangeVoters(c); err != nil {
		if !errors.Is(err, consensus.ErrPending) {
			n.log.Warn().Err(err).Stringer("change", c).Msg("change of voters not possible now")
		}
		return
	}
	n.log.Info().Stringer("change", c).Msg("change of voters proposed")
}

func (n *Node) raftFrame(env bus.Envelope) {
	if env.Cluster == "" || n.diskFull() || !n.adopt(env) {
		return
	}
	if err := n.replica.Step(env.Install, env.Payload); err != nil && !errors.Is(err, consensus.ErrFailed) {
		n.log.Debug().Err(err).Str("from", env.From).Msg("raft frame refused")
	}
}

// pump carries out what the replica asks for, until it asks for nothing.
func (n *Node) pump() {
	if n.replica == nil {
		return
	}
	applied := false
	for !n.diskFull() {
		out, ok := n.replica.Ready()
		if !ok {
			break
		}
		n.send(out.Send)
		if out.Append != nil {
			n.write(out.Append)
		}
		applied = n.applyOutput(out) || applied
		n.leadership(out)
		if out.WantSnapshot {
			n.snapshot()
		}
	}
	if applied {
		n.stateChanged()
	}
}

func (n *Node) send(frames []consensus.Frame) {
	for _, f := range frames {
		to, ok := n.nodeOf(f.To)
		if !ok {
			n.replica.ReportUnreachable(f.To)
			continue
		}
		n.bus.Send(string(to), bus.KindRaft, f.Data)
	}
}

// applyOutput applies what was committed. It tells whether the state changed.
func (n *Node) applyOutput(out consensus.Output) bool {
	changed := false
	if out.Restore != nil {
		changed = n.loadSnapshot(out.Restore)
	}
	for _, e := range out.Committed {
		if len(e.Data) > 0 && n.halted == "" {
			n.apply(e)
			changed = true
		}
		if n.halted != "" {
			return changed // an entry that was not applied is never called applied
		}
		n.replica.Applied(e.Index)
		if n.applied = e.Index; e.Change != nil {
			n.roster = n.replica.Status().Members
			n.lastChange = e.Index
			n.urgent = true // the leader waits for us to have it
		}
	}
	return changed
}

func (n *Node) loadSnapshot(s *consensus.Snapshot) bool {
	var st cluster.State
	if err := json.Unmarshal(s.Data, &st); err != nil {
		n.halt(fmt.Sprintf("the snapshot at %d cannot be read (%v); remove the data directory and let the node join anew", s.Index, err))
		return false
	}
	n.state = st.Clone() // which has no nil maps
	n.applied = max(n.applied, s.Index)
	n.roster, n.lastChange = s.Members, s.Index
	n.hub.committed(st.Events)
	return true
}

func (n *Node) apply(e consensus.Committed) {
	cmd, err := cluster.DecodeCommand(e.Data)
	if errors.Is(err, cluster.ErrNewer) {
		n.halt(err.Error())
		return
	}
	if err != nil {
		n.log.Warn().Err(err).Uint64("index", e.Index).Msg("an entry of the log is no command; passed over")
		return
	}
	next, out := cluster.Apply(n.state, e.Index, cmd)
	n.state = next
	if out.Result == cluster.Rejected {
		n.log.Debug().Str("reason", out.Reason).Uint64("index", e.Index).Msg("command rejected")
	}
	level := zerolog.InfoLevel
	if e.Index <= n.replayTo {
		level = zerolog.DebugLevel // it was told in a former life
	}
	for _, ev := range out.Events {
		n.log.WithLevel(level).Str("event", ev.Kind).Str("subject", ev.Subject).Str("from", ev.From).Str("to", ev.To).
			Uint64("index", ev.Index).Uint64("epoch", ev.Epoch).Msg(ev.Reason)
	}
	n.hub.committed(out.Events)
	n.answer(out)
}

// halt stops applying entries: guessing would let this node drift apart from the others.
func (n *Node) halt(why string) {
	n.halted = why
	n.dirty = true
	n.notice(time.Now(), "node.halted", string(n.cfg.Name), why)
}

// stateChanged tells everybody in the process that the log went on.
func (n *Node) stateChanged() {
	now := time.Now()
	n.dirty = true
	if n.state.Revision != n.specRevision {
		n.specRevision, n.specAt = n.state.Revision, now
		n.specChanged()
	}
	n.newLives(now)
	n.step(now, failover.Committed{State: n.state})
}

// newLives begins to listen anew to the nodes that were admitted in another life:
// the silence so far was the former life's.
func (n *Node) newLives(now time.Time) {
	for _, s := range n.state.Spec.Nodes {
		st := n.state.Node(s.Name)
		former, known := n.lives[s.Name]
		n.lives[s.Name] = st.Epoch
		if !known || former == st.Epoch || st.Life != cluster.LifeAlive || !n.watched[s.Name] {
			continue
		}
		n.detector.Forget(string(s.Name))
		n.detector.Watch(now, string(s.Name))
		n.verdict(now, health.Verdict{
			Node: string(s.Name), Boot: st.Boot, State: health.Alive, At: now, Reason: "admitted in a new life: " + st.Reason,
		})
	}
}

// specChanged tells everybody in the process that the cluster file is another one.
func (n *Node) specChanged() {
	n.members, n.voters = n.state.Spec.Members(), cluster.Names(n.state.Spec.Voters())
	n.probeMembers()
	for name := range n.reports {
		if !n.carries(name) {
			delete(n.reports, name)
		}
	}
	maps.DeleteFunc(n.peers, func(id cluster.NodeID, _ peer) bool { return !n.concerns(id) })
	maps.DeleteFunc(n.lastDown, func(id cluster.MemberID, _ converge.Health) bool { return !n.isMember(id) })
	maps.DeleteFunc(n.lives, func(id cluster.NodeID, _ uint64) bool { return !n.inFile(id) })
	maps.DeleteFunc(n.seen, func(id cluster.NodeID, _ sighting) bool { return !n.inFile(id) })
	for name := range n.watched {
		if _, ok := n.state.Spec.Node(name); !ok {
			delete(n.watched, name)
			n.detector.Forget(string(name))
		}
	}
}

// isMember tells whether the cluster file has the member.
func (n *Node) isMember(id cluster.MemberID) bool {
	return slices.ContainsFunc(n.members, func(m cluster.Member) bool { return m.ID == id })
}

// carries tells whether the named balancer is one of this node's.
func (n *Node) carries(balancer string) bool {
	return slices.ContainsFunc(n.state.Spec.BalancersOf(n.cfg.Name), func(b cluster.BalancerSpec) bool { return b.Name == balancer })
}

// concerns tells whether we keep what a node says: it is in the cluster file, or
// still in the log. As long as there is no cluster file, everybody may be.
func (n *Node) concerns(id cluster.NodeID) bool {
	return n.specRevision == 0 || n.inFile(id) ||
		slices.ContainsFunc(n.roster, func(m consensus.Member) bool { return m.Node == string(id) })
}

func (n *Node) leadership(out consensus.Output) {
	leader, _ := n.nodeOf(out.Leader)
	if leader != n.leader {
		n.leader = leader
		n.notice(time.Now(), "cluster.leader", orElse(string(leader), n.cfg.Cluster),
			orElse(map[bool]string{true: "leads the cluster"}[leader != ""], "the cluster has no leader"))
		n.resubmit()
	}
	if out.IsLeader != n.leads {
		n.leads = out.IsLeader
		n.step(time.Now(), failover.LeaderChanged{Leads: n.leads})
	}
}

// snapshot gives the replica the state, so that the log before it can go.
func (n *Node) snapshot() {
	if n.halted != "" {
		return // our state is not that of the index
	}
	data, err := json.Marshal(n.state)
	if err == nil {
		err = n.replica.Snapshot(n.replica.Status().Applied, data)
	}
	if err != nil {
		n.log.Warn().Err(err).Msg("no snapshot now")
	}
}
