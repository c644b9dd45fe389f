// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// finding is whether a condition holds, and what is seen.
type finding struct {
	holds bool
	seen  string
}

// look judges a condition.
type look func(*Stage, context.Context, script.Cond) (finding, error)

// looks returns how each kind of condition is judged.
func looks() map[script.CondKind]look {
	return map[script.CondKind]look{
		script.AllWell:     (*Stage).allWell,
		script.HasLeader:   (*Stage).hasLeader,
		script.LeaderIsNot: (*Stage).leaderIsNot,
		script.NodeIs:      (*Stage).nodeIs,
		script.Quorum:      (*Stage).quorum,
		script.NoQuorum:    (*Stage).noQuorum,
		script.InMode:      (*Stage).inMode,
		script.MemberIs:    (*Stage).memberIs,
		script.InStep:      (*Stage).inStep,
		script.NotInStep:   (*Stage).notInStep,
		script.Unchanged:   (*Stage).unchanged,
		script.ClientLost:  (*Stage).clientLost,
		script.Condemned:   (*Stage).condemned,
	}
}

// Look tells whether a condition holds, and what is seen. It fails only for what cannot be asked; who does not answer makes
// no condition hold.
func (s *Stage) Look(ctx context.Context, c script.Cond) (holds bool, seen string, err error) {
	judge, ok := looks()[c.Kind]
	if !ok {
		return false, "", fmt.Errorf("%s: %w", c.Kind, script.ErrNotHere)
	}
	found, err := judge(s, ctx, c)
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return found.holds, found.seen, err
}

// every judges all voices: the condition holds if it does for each, and there is one. What is seen is that of the first for
// which it does not hold, or of the last.
func every(voices []voice, nobody string, judge func(cluster.View) finding) finding {
	last := finding{seen: nobody}
	for _, v := range voices {
		if v.err != nil {
			return finding{seen: v.err.Error()}
		}
		if last = judge(v.view); !last.holds {
			return last
		}
	}
	return last
}

const (
	nobodyRuns  = "no node runs"
	nobodyKnows = "no node that runs has quorum"
)

func (s *Stage) allWell(ctx context.Context, c script.Cond) (finding, error) {
	voices, err := s.voices(ctx, c.On)
	return every(voices, nobodyRuns, func(v cluster.View) finding {
		if v.Verdict == cluster.WellVerdict {
			return finding{true, "all is well"}
		}
		return finding{seen: fmt.Sprintf("%s says %s: %s", v.Node, v.Verdict, strings.Join(v.Problems, "; "))}
	}), err
}

func (s *Stage) hasLeader(ctx context.Context, c script.Cond) (finding, error) {
	leader, found, err := s.leader(ctx, c.On)
	if err != nil || !found.holds {
		return found, err
	}
	return finding{c.Target == "" || leader == c.Target, leader + " leads"}, nil
}

func (s *Stage) leaderIsNot(ctx context.Context, c script.Cond) (finding, error) {
	leader, found, err := s.leader(ctx, c.On)
	if err != nil || !found.holds {
		return found, err
	}
	return finding{leader != c.Target, leader + " leads"}, nil
}

// leader returns whom the nodes agree on, if that one runs.
func (s *Stage) leader(ctx context.Context, on string) (string, finding, error) {
	voices, err := s.knowing(ctx, on)
	if err != nil {
		return "", finding{}, err
	}
	leader := ""
	found := every(voices, nobodyKnows, func(v cluster.View) finding {
		says := string(v.Leader)
		switch {
		case says == "":
			return finding{seen: fmt.Sprintf("%s knows no leader", v.Node)}
		case leader != "" && says != leader:
			return finding{seen: fmt.Sprintf("%s says that %s leads, and another one %s", v.Node, says, leader)}
		}
		leader = says
		return finding{holds: true}
	})
	if m := s.fleet.Machine(leader); found.holds && (m == nil || !s.runs(m.Supervisor)) {
		found = finding{seen: leader + " leads, and does not run"}
	}
	return leader, found, nil
}

func (s *Stage) nodeIs(ctx context.Context, c script.Cond) (finding, error) {
	if _, err := s.node(c.Target); err != nil {
		return finding{}, err
	}
	voices, err := s.knowing(ctx, c.On)
	if c.On == "" && c.State != "alive" {
		voices = without(voices, c.Target)
	}
	return every(voices, nobodyKnows, func(v cluster.View) finding {
		n, ok := nodeOf(v, c.Target)
		if !ok {
			return finding{seen: fmt.Sprintf("%s does not know %s", v.Node, c.Target)}
		}
		return finding{n.Life == c.State, toldBy(fmt.Sprintf("%s is %s on %s", c.Target, n.Life, v.Node), n.Reason)}
	}), err
}

// without leaves one node out.
func without(voices []voice, name string) []voice {
	var out []voice
	for _, v := range voices {
		if v.node.Name != name {
			out = append(out, v)
		}
	}
	return out
}

func nodeOf(view cluster.View, name string) (cluster.NodeView, bool) {
	for _, n := range view.Nodes {
		if string(n.Name) == name {
			return n, true
		}
	}
	return cluster.NodeView{}, false
}

func (s *Stage) quorum(ctx context.Context, c script.Cond) (finding, error) {
	voices, err := s.voices(ctx, c.On)
	return every(voices, nobodyRuns, func(v cluster.View) finding { return finding{v.Quorum.Holds, quorumOf(v)} }), err
}

func (s *Stage) noQuorum(ctx context.Context, c script.Cond) (finding, error) {
	voices, err := s.voices(ctx, c.On)
	return every(voices, nobodyRuns, func(v cluster.View) finding { return finding{!v.Quorum.Holds, quorumOf(v)} }), err
}

func quorumOf(v cluster.View) string {
	if v.Quorum.Holds {
		return fmt.Sprintf("%s has quorum", v.Node)
	}
	return toldBy(fmt.Sprintf("%s has no quorum", v.Node), strings.TrimPrefix(v.Quorum.Reason, "no quorum: "))
}

func (s *Stage) inMode(ctx context.Context, c script.Cond) (finding, error) {
	if _, err := s.node(c.Target); err != nil {
		return finding{}, err
	}
	voices, err := s.knowing(ctx, c.On)
	return every(voices, nobodyKnows, func(v cluster.View) finding {
		n, ok := nodeOf(v, c.Target)
		if !ok {
			return finding{seen: fmt.Sprintf("%s does not know %s", v.Node, c.Target)}
		}
		return finding{string(n.Mode) == c.State, fmt.Sprintf("%s is in %s on %s", c.Target, n.Mode, v.Node)}
	}), err
}

// condemned asks the record of what was committed.
func (s *Stage) condemned(_ context.Context, c script.Cond) (finding, error) {
	for _, n := range s.journal.all() {
		if n.Kind == cluster.EventCondemned && !s.before(n) && (c.Target == "" || c.Target == n.Subject) {
			return finding{true, toldBy(n.Subject+" was condemned", n.Reason)}, nil
		}
	}
	return finding{seen: "nobody of them was condemned"}, nil
}

// toldBy adds a reason, if there is one.
func toldBy(what, reason string) string {
	if reason == "" {
		return what
	}
	return what + ": " + reason
}
