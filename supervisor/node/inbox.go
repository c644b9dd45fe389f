// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/health"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
	"github.com/evenkeel-ha/evenkeel/supervisor/converge"
	"github.com/evenkeel-ha/evenkeel/supervisor/failover"
)

// input is anything that comes to the loop.
//
//sumtype:decl
type input interface{ input() }

type envelopeIn struct {
	env  bus.Envelope
	rail int
	at   time.Time
}

type storedIn struct {
	a   *consensus.Append
	err error
}

// bornIn tells that a new life is durable.
type bornIn struct {
	boot   uint64
	reason string
	err    error
}

type healthIn struct {
	id     cluster.MemberID
	change health.Change
}

type balancerIn struct{ report converge.Report }

type submitIn struct {
	cmd    cluster.Command
	until  time.Time
	answer chan answer
}

type viewIn struct{ answer chan cluster.View }

type specIn struct{ answer chan specAnswer }

func (envelopeIn) input() {}
func (storedIn) input()   {}
func (bornIn) input()     {}
func (healthIn) input()   {}
func (balancerIn) input() {}
func (submitIn) input()   {}
func (viewIn) input()     {}
func (specIn) input()     {}

func (n *Node) handle(in input) {
	now := time.Now()
	switch in := in.(type) {
	case envelopeIn:
		n.envelope(in)
	case storedIn:
		if in.err != nil {
			n.fail(fmt.Errorf("%w: %w", ErrStorage, in.err))
			return
		}
		n.replica.Appended(in.a)
	case bornIn:
		n.born(in)
	case healthIn:
		n.memberChanged(now, in)
	case balancerIn:
		n.balancerChanged(in.report)
	case submitIn:
		n.submit(now, in)
	case viewIn:
		in.answer <- n.view(now)
	case specIn:
		in.answer <- specAnswer{n.state.Spec, n.state.Revision}
	}
}

// envelope takes a message of another node.
func (n *Node) envelope(in envelopeIn) {
	env := in.env
	if n.strangeCluster(in) {
		return
	}
	from := cluster.NodeID(env.From)
	n.sighted(env)
	switch env.Kind {
	case bus.KindHeartbeat:
		n.heartbeat(in)
	case bus.KindVote:
		v, err := bus.DecodeVote(env.Payload)
		if err != nil {
			n.log.Debug().Err(err).Str("from", env.From).Msg("bad vote dropped")
			return
		}
		n.step(in.at, failover.VoteCast{Voter: from, Install: env.Install, Boot: env.Boot, Vote: failover.Vote{
			Target: cluster.NodeID(v.Target), Install: v.TargetInstall, Boot: v.TargetBoot,
			Epoch: v.TargetEpoch, Down: v.Down, Seq: v.BeatSeq,
		}})
	case bus.KindRaft:
		n.raftFrame(env)
	case bus.KindProposal:
		if n.leads {
			n.propose(env.Payload)
		}
	}
}

// strangerKept is for how long another cluster counts as heard, and how often
// people are told about it; strangersMax bounds how many are remembered.
const (
	strangerKept = time.Minute
	strangersMax = 16
)

// strangeCluster drops what another cluster says, and tells people about it.
func (n *Node) strangeCluster(in envelopeIn) bool {
	id := in.env.Cluster
	if id == "" || id == n.clusterID {
		return false
	}
	s, known := n.foreign[id]
	if !known && len(n.foreign) >= strangersMax {
		maps.DeleteFunc(n.foreign, func(_ string, s stranger) bool { return in.at.Sub(s.heard) > strangerKept })
	}
	if !known && len(n.foreign) >= strangersMax {
		return true
	}
	if s.heard = in.at; n.clusterID == "" {
		n.foreign[id] = s
		return in.env.Kind != bus.KindRaft // we may be invited
	}
	if !known || in.at.Sub(s.told) > strangerKept {
		s.told = in.at
		n.notice(in.at, "cluster.stranger", in.env.From, fmt.Sprintf(
			"another cluster with our name and key is heard here: %s (ours is %s); the two stay apart", id, n.clusterID))
	}
	n.foreign[id] = s
	return true
}

// stranger returns the id of another cluster that was heard lately, if any.
func (n *Node) stranger(now time.Time) string {
	for _, id := range slices.Sorted(maps.Keys(n.foreign)) {
		if id != n.clusterID && now.Sub(n.foreign[id].heard) <= strangerKept {
			return id
		}
	}
	return ""
}

// memberChanged takes a new verdict of our prober: it goes out at once.
func (n *Node) memberChanged(now time.Time, in healthIn) {
	if !n.probing[in.id] {
		return // it came from a check that was stopped meanwhile
	}
	old := n.mine[in.id]
	n.mine[in.id] = memberHealth{
		condition: cluster.Condition(in.change.To.String()), reason: in.change.Reason, since: in.change.At, n: old.n + 1,
	}
	n.dirty, n.urgent = true, true
	n.notice(now, "member.probe", in.id.String(), in.change.Reason)
}

func (n *Node) balancerChanged(r converge.Report) {
	for _, e := range r.Notices {
		n.log.Info().Str("event", e.Kind).Str("subject", e.Subject).Msg(e.Reason)
		n.hub.local(cluster.Notice{Node: n.cfg.Name, Event: e})
	}
	old, ok := n.reports[r.Name]
	r.Notices = nil
	n.reports[r.Name] = r
	if !ok || old.InStep != r.InStep {
		n.urgent = true
	}
}

// step lets the machine judge and carries out what it asks for.
func (n *Node) step(now time.Time, ev failover.Event) {
	for _, a := range n.machine.Step(now, ev) {
		switch a := a.(type) {
		case failover.CastVote:
			n.castVote(now, a.Vote)
		case failover.Propose:
			n.proposeOwn(now, a.Body)
		case failover.Explain:
			n.dirty = true
			n.notice(now, a.Kind, a.Subject, a.Reason)
		case failover.NewLife:
			n.newLife(a.Reason)
		}
	}
}

func (n *Node) castVote(now time.Time, v failover.Vote) {
	st, _ := n.detector.State(now, string(v.Target))
	payload, err := bus.EncodeVote(bus.Vote{
		Target: string(v.Target), TargetInstall: v.Install, TargetBoot: v.Boot, TargetEpoch: v.Epoch,
		Down: v.Down, SilenceMs: st.Silence.Milliseconds(), BeatSeq: v.Seq,
	})
	if err != nil {
		n.log.Error().Err(err).Msg("a vote could not be sent")
		return
	}
	n.bus.Send("", bus.KindVote, payload)
}
