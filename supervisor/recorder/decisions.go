// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"fmt"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
	"github.com/evenkeel-ha/evenkeel/supervisor/converge"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
)

// voteForgotten is after how long a vote that is not repeated is told again when it comes once more.
const voteForgotten = 2 * time.Second

// Teller tells what a core decided, step by step, in the words of the event stream. Make one with NewTeller for each
// recording.
type Teller struct {
	node   cluster.NodeID
	votes  map[string]told
	duties map[string]string
	out    []cluster.Notice
	at     time.Time
}

// told is a vote, and when it was cast last.
type told struct {
	vote bus.Vote
	at   time.Time
}

// NewTeller returns a teller of what a node decided.
func NewTeller(node string) *Teller {
	return &Teller{node: cluster.NodeID(node), votes: map[string]told{}}
}

// Tell returns what was asked and decided in a step. It has to see every step.
func (t *Teller) Tell(m Moment) []cluster.Notice {
	t.out, t.at = nil, m.At
	for _, in := range m.Inputs {
		switch in := in.(type) {
		case core.Submit:
			subject, what := summary(in.Command.Body)
			t.say(cluster.Event{Kind: "asked", Subject: subject, Reason: what, By: in.Command.By})
		case core.Leave:
			t.say(cluster.Event{Kind: "asked", Subject: string(t.node), Reason: "the process is to stop"})
		case core.Heard, core.Stored, core.Born, core.Joined, core.Probed, core.Balanced, core.Railed, core.Guarded:
		}
	}
	t.out = append(t.out, m.Out.Notices...)
	for _, s := range m.Out.Send {
		t.sent(s)
	}
	for _, j := range m.Out.Disk {
		t.ordered(j, m.Core)
	}
	for _, e := range m.Out.Events {
		if !e.Old {
			e.At = t.at.UnixMilli() // when this node applied it
			t.out = append(t.out, cluster.Notice{Event: e.Event})
		}
	}
	t.rest(m.Out)
	return t.out
}

func (t *Teller) rest(out core.Output) {
	if out.NewDuties {
		t.owed(out.Duties)
	}
	for _, a := range out.Answers {
		what := fmt.Sprint(a.Outcome.Result, " ", a.Outcome.Reason)
		if a.Err != nil {
			what = a.Err.Error()
		}
		t.say(cluster.Event{Kind: "answered", Subject: a.ID, Reason: strings.TrimSpace(what)})
	}
	for _, n := range out.Notes {
		if n.Level >= core.Info {
			t.say(cluster.Event{Kind: "note", Subject: string(t.node), Reason: n.Text})
		}
	}
	if out.Err != nil {
		t.say(cluster.Event{Kind: "failed", Subject: string(t.node), Reason: out.Err.Error()})
	}
}

func (t *Teller) say(e cluster.Event) {
	e.At = t.at.UnixMilli()
	t.out = append(t.out, cluster.Notice{Event: e, Node: t.node})
}

// sent tells of votes and of proposals for the leader. A vote is said again at every beat, and told once.
func (t *Teller) sent(m core.Message) {
	switch b := m.Body.(type) {
	case *bus.Vote:
		vote := *b
		vote.SilenceMs, vote.BeatSeq = 0, 0
		last := t.votes[vote.Target]
		t.votes[vote.Target] = told{vote, t.at}
		if last.vote == vote && t.at.Sub(last.at) < voteForgotten {
			return
		}
		e := cluster.Event{Kind: "vote", Subject: b.Target, To: "alive", Epoch: b.TargetEpoch}
		if b.Down {
			e.To, e.Reason = "down", fmt.Sprintf("silent for %s", time.Duration(b.SilenceMs)*time.Millisecond)
		}
		t.say(e)
	case bus.Proposal:
		if cmd, err := cluster.DecodeCommand(b); err == nil {
			subject, what := summary(cmd.Body)
			t.say(cluster.Event{Kind: "proposed", Subject: subject, To: m.To, Reason: what, By: cmd.By})
		}
	case *bus.Heartbeat, bus.Raft:
	}
}

// ordered tells which entries of the log the disk is to keep.
func (t *Teller) ordered(j core.Job, c *core.Core) {
	switch j := j.(type) {
	case core.Append:
		kind := "log.received"
		if c.Leader() == t.node {
			kind = "log.proposed"
		}
		for _, e := range j.Entries {
			if cmd, err := cluster.DecodeCommand(e.Data); err == nil && e.Kind == consensus.EntryData {
				subject, what := summary(cmd.Body)
				t.say(cluster.Event{Index: e.Index, Kind: kind, Subject: subject, Reason: what, By: cmd.By})
			}
		}
	case core.NewLife, core.Join: // which are told when they are done
	}
}

// owed tells which duties changed.
func (t *Teller) owed(duties []converge.Duty) {
	now := map[string]string{}
	for _, d := range duties {
		free := "may be changed"
		if d.Frozen != "" {
			free = "frozen"
		}
		t.changed(now, d.Balancer.Name, free, d.Frozen)
		for _, s := range d.Servers {
			t.changed(now, d.Balancer.Name+" "+s.Member.String(), string(s.Service), s.Reason)
		}
	}
	t.duties = now
}

func (t *Teller) changed(now map[string]string, subject, to, reason string) {
	now[subject] = to
	if was := t.duties[subject]; was != to {
		t.say(cluster.Event{Kind: "duty", Subject: subject, From: was, To: to, Reason: reason})
	}
}

// summary tells what a command is about, and what it asks for.
func summary(b cluster.Body) (subject, what string) {
	switch b := b.(type) {
	case cluster.SetSpec:
		return b.Spec.Cluster, "another cluster file"
	case cluster.Admit:
		return string(b.Node), "admit: " + b.Reason
	case cluster.Condemn:
		return string(b.Node), fmt.Sprintf("condemn its life of epoch %d: %s", b.Epoch, b.Reason)
	case cluster.Leave:
		return string(b.Node), fmt.Sprintf("its life of epoch %d leaves", b.Epoch)
	case cluster.SetMode:
		return string(b.Node), strings.TrimSuffix(fmt.Sprintf("mode %s: %s", b.Mode, b.Reason), ": ")
	case cluster.SetMember:
		return b.Member.String(), strings.TrimSuffix(fmt.Sprintf("%s: %s", b.Admin, b.Reason), ": ")
	case cluster.Judge:
		return b.Member.String(), fmt.Sprintf("%s: %s", b.Condition, b.Reason)
	case cluster.Give:
		return b.Resource, fmt.Sprintf("give it to node %s: %s", b.Node, b.Reason)
	case cluster.Recall:
		return b.Resource, "take it back: " + b.Reason
	case cluster.LetGo:
		return b.Resource, fmt.Sprintf("node %s let go of epoch %d", b.Node, b.Epoch)
	case cluster.SetResource:
		return b.Resource, strings.TrimSpace(fmt.Sprintf("%s %s", b.Verb, b.Node))
	}
	return "", fmt.Sprintf("%T", b)
}
