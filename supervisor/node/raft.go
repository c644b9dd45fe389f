// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
	"github.com/evenkeel-ha/evenkeel/supervisor/failover"
)

// restore starts the replica from what the disk holds, if it holds anything.
func (n *Node) restore() error {
	r, err := n.store.Load()
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	if n.clusterID == "" || r.Blank() {
		return nil
	}
	return n.startReplica(r)
}

func (n *Node) startReplica(r consensus.Restored) error {
	replica, err := consensus.New(consensus.Config{
		ID: n.install, Cluster: n.clusterID,
		ElectionTicks: n.cfg.Times.ElectionTicks, HeartbeatTicks: n.cfg.Times.BeatTicks,
	}, r)
	if err != nil {
		return fmt.Errorf("start consensus: %w", err)
	}
	n.replica = replica
	return nil
}

// writeDisk writes what the replica wants to be durable, one after the other.
func (n *Node) writeDisk(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case a := <-n.disk:
			n.post(ctx, storedIn{a, n.store.Append(a)})
		}
	}
}

// tickReplica moves raft's clock on. Ticks that were missed while the process
// stood still are made up for by one: nobody may be voted out for our pause.
func (n *Node) tickReplica(now time.Time) {
	if n.replica == nil || now.Sub(n.lastRaftTick) < n.cfg.Times.RaftTick {
		return
	}
	n.lastRaftTick = n.lastRaftTick.Add(n.cfg.Times.RaftTick)
	if now.Sub(n.lastRaftTick) > n.cfg.Times.RaftTick {
		n.lastRaftTick = now
	}
	n.replica.Tick()
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
	if env.Cluster == "" || !n.adopt(env) {
		return
	}
	if err := n.replica.Step(env.Install, env.Payload); err != nil && !errors.Is(err, consensus.ErrFailed) {
		n.log.Debug().Err(err).Str("from", env.From).Msg("raft frame refused")
	}
}

// pump carries out what the replica asks for, until it asks for nothing.
func (n *Node) pump(ctx context.Context) {
	if n.replica == nil {
		return
	}
	applied := false
	for {
		out, ok := n.replica.Ready()
		if !ok {
			break
		}
		n.send(out.Send)
		if out.Append != nil {
			select {
			case n.disk <- out.Append:
			case <-ctx.Done():
				return
			}
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
	if failed := n.replica.Status().Failed; failed != "" && n.halted == "" {
		n.halt("consensus stopped on this node: " + failed)
	}
}

func (n *Node) send(frames []consensus.Frame) {
	if len(frames) == 0 {
		return
	}
	st := n.replica.Status()
	for _, f := range frames {
		to, ok := st.Node(f.To)
		if !ok {
			to, ok = n.whoIs(f.To)
		}
		if !ok {
			n.replica.ReportUnreachable(f.To)
			continue
		}
		n.bus.Send(to, bus.KindRaft, f.Data)
	}
}

// whoIs finds a node by its installation among those heard: one that was just
// let in does not know the members yet, and has to answer its leader.
func (n *Node) whoIs(install uint64) (string, bool) {
	for _, p := range n.peers {
		if p.env.Install == install {
			return p.env.From, true
		}
	}
	return "", false
}

// applyOutput applies what was committed. It tells whether the state changed.
func (n *Node) applyOutput(out consensus.Output) bool {
	changed := false
	if out.Restore != nil {
		changed = n.loadSnapshot(out.Restore)
	}
	for _, e := range out.Committed {
		if n.halted != "" {
			return changed
		}
		if len(e.Data) > 0 {
			n.apply(e)
			changed = true
		}
		n.replica.Applied(e.Index)
		if n.applied = e.Index; e.Change != nil {
			n.lastChange = e.Index
			n.beat(time.Now()) // the leader waits for us to have it
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
	for _, ev := range out.Events {
		n.log.Info().Str("event", ev.Kind).Str("subject", ev.Subject).Str("from", ev.From).Str("to", ev.To).
			Uint64("index", ev.Index).Uint64("epoch", ev.Epoch).Msg(ev.Reason)
	}
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
	n.hub.committed(n.state.Events)
	if n.state.Revision != n.specRevision {
		n.specRevision = n.state.Revision
		n.specChanged()
	}
	n.step(now, failover.Committed{State: n.state})
}

// specChanged tells everybody in the process that the cluster file is another one.
func (n *Node) specChanged() {
	n.members = n.state.Spec.Members()
	n.probeMembers()
	for name := range n.watched {
		if _, ok := n.state.Spec.Node(name); !ok {
			delete(n.watched, name)
			n.detector.Forget(string(name))
		}
	}
}

func (n *Node) leadership(out consensus.Output) {
	leader := cluster.NodeID("")
	if name, ok := n.replica.Status().Node(out.Leader); ok {
		leader = cluster.NodeID(name)
	}
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
	data, err := json.Marshal(n.state)
	if err == nil {
		err = n.replica.Snapshot(n.replica.Status().Applied, data)
	}
	if err != nil {
		n.log.Warn().Err(err).Msg("no snapshot now")
	}
}
