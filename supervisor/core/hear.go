// SPDX-License-Identifier: Apache-2.0

package core

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/converge"
	"github.com/evenkeel-ha/evenkeel/supervisor/failover"
)

// hear takes a message of another node.
func (c *Core) hear(in Heard) {
	if c.strangeCluster(in) {
		return
	}
	c.sighted(in.Envelope)
	switch body := in.Body.(type) {
	case *bus.Heartbeat:
		c.heartbeat(in, body)
	case *bus.Vote:
		c.consider(failover.VoteCast{
			Voter: cluster.NodeID(in.Envelope.From), Install: in.Envelope.Install, Boot: in.Envelope.Boot,
			Vote: failover.Vote{
				Target: cluster.NodeID(body.Target), Install: body.TargetInstall, Boot: body.TargetBoot,
				Epoch: body.TargetEpoch, Down: body.Down, Seq: body.BeatSeq,
			},
		})
	case bus.Raft:
		c.raftFrame(in.Envelope, body)
	case bus.Proposal:
		if c.leads {
			c.propose(body)
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
func (c *Core) strangeCluster(in Heard) bool {
	id := in.Envelope.Cluster
	if id == "" || id == c.clusterID {
		return false
	}
	s, known := c.foreign[id]
	if !known && len(c.foreign) >= strangersMax {
		maps.DeleteFunc(c.foreign, func(_ string, s stranger) bool { return in.At.Sub(s.heard) > strangerKept })
	}
	if !known && len(c.foreign) >= strangersMax {
		return true
	}
	if s.heard = in.At; c.clusterID == "" {
		c.foreign[id] = s
		return in.Envelope.Kind != bus.KindRaft // we may be invited
	}
	if !known || in.At.Sub(s.told) > strangerKept {
		s.told = in.At
		c.notice("cluster.stranger", in.Envelope.From, fmt.Sprintf(
			"another cluster with our name and key is heard here: %s (ours is %s); the two stay apart", id, c.clusterID))
	}
	c.foreign[id] = s
	return true
}

// stranger returns the id of another cluster that was heard lately, if any.
func (c *Core) stranger(now time.Time) string {
	for _, id := range slices.Sorted(maps.Keys(c.foreign)) {
		if id != c.clusterID && now.Sub(c.foreign[id].heard) <= strangerKept {
			return id
		}
	}
	return ""
}

// memberChanged takes a new verdict of our prober: it goes out at once.
func (c *Core) memberChanged(in Probed) {
	if !c.probes(in.Member) {
		return // it came from a check that was stopped meanwhile
	}
	at, known := c.own(in.Member)
	if !known {
		c.mine = slices.Insert(c.mine, at, memberHealth{id: in.Member})
	}
	h := &c.mine[at]
	h.condition, h.reason, h.since = cluster.Condition(in.Change.To.String()), in.Change.Reason, in.Change.At
	h.n++
	c.dirty, c.urgent = true, true
	c.notice("member.probe", in.Member.String(), in.Change.Reason)
}

// own finds the place of what our prober says about a member, or where it belongs.
func (c *Core) own(id cluster.MemberID) (int, bool) {
	return slices.BinarySearchFunc(c.mine, id, func(h memberHealth, id cluster.MemberID) int { return h.id.Compare(id) })
}

func (c *Core) balancerChanged(r converge.Report) {
	for _, e := range r.Notices {
		c.out.Notices = append(c.out.Notices, cluster.Notice{Node: c.cfg.Name, Event: e})
	}
	old, ok := c.reports[r.Name]
	r.Notices = nil
	c.reports[r.Name] = r
	if !ok || old.InStep != r.InStep || old.Lost != r.Lost {
		c.urgent = true
	}
}

func (c *Core) castVote(v failover.Vote) {
	st, _ := c.detector.State(c.now, string(v.Target))
	c.send("", &bus.Vote{
		Target: string(v.Target), TargetInstall: v.Install, TargetBoot: v.Boot, TargetEpoch: v.Epoch,
		Down: v.Down, SilenceMs: st.Silence.Milliseconds(), BeatSeq: v.Seq,
	})
}
