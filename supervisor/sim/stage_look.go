// SPDX-License-Identifier: Apache-2.0

package sim

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

// looks returns how each kind of condition is judged.
func looks() map[script.CondKind]func(*Stage, script.Cond) (finding, error) {
	return map[script.CondKind]func(*Stage, script.Cond) (finding, error){
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

// Look tells whether a condition holds, and what is seen. Who does not run makes no condition hold.
func (s *Stage) Look(ctx context.Context, c script.Cond) (holds bool, seen string, err error) {
	if err := s.ready(ctx); err != nil {
		return false, "", err
	}
	judge, ok := looks()[c.Kind]
	if !ok {
		return false, "", fmt.Errorf("%s: %w", c.Kind, script.ErrNotHere)
	}
	s.sample()
	found, err := judge(s, c)
	return found.holds, found.seen, err
}

const (
	nobodyRuns  = "no node runs"
	nobodyKnows = "no node that runs has quorum"
)

// voices are the nodes that are asked: the one that is named, or every one that runs.
func (s *Stage) voices(name string) ([]*machine, error) {
	if name != "" {
		m, err := s.node(name)
		return []*machine{m}, err
	}
	var out []*machine
	for _, m := range s.w.nodes {
		if m.acts() {
			out = append(out, m)
		}
	}
	return out, nil
}

// knowing are the node that is named, or of those that run the ones that have quorum: the others do not know.
func (s *Stage) knowing(name string) ([]*machine, error) {
	voices, err := s.voices(name)
	if err != nil || name != "" {
		return voices, err
	}
	var out []*machine
	for _, m := range voices {
		if m.core.Authority() == "" {
			out = append(out, m)
		}
	}
	return out, nil
}

// every asks all voices: the condition holds if it does for each, and there is one. What is seen is that of the first for
// which it does not hold, or of the last.
func every(voices []*machine, nobody string, judge func(*machine) finding) finding {
	last := finding{seen: nobody}
	for _, m := range voices {
		if !m.acts() {
			return finding{seen: fmt.Sprintf("%s: %s", m.name, errNoSupervisor)}
		}
		if last = judge(m); !last.holds {
			return last
		}
	}
	return last
}

func (s *Stage) allWell(c script.Cond) (finding, error) {
	voices, err := s.voices(c.On)
	return every(voices, nobodyRuns, func(m *machine) finding {
		v := m.core.View(m.now())
		if v.Verdict == cluster.WellVerdict {
			return finding{true, "all is well"}
		}
		return finding{seen: fmt.Sprintf("%s says %s: %s", v.Node, v.Verdict, strings.Join(v.Problems, "; "))}
	}), err
}

func (s *Stage) hasLeader(c script.Cond) (finding, error) {
	leader, found, err := s.agreedLeader(c.On)
	if err != nil || !found.holds {
		return found, err
	}
	return finding{c.Target == "" || leader == c.Target, leader + " leads"}, nil
}

func (s *Stage) leaderIsNot(c script.Cond) (finding, error) {
	leader, found, err := s.agreedLeader(c.On)
	if err != nil || !found.holds {
		return found, err
	}
	return finding{leader != c.Target, leader + " leads"}, nil
}

// agreedLeader returns whom the nodes agree on, if that one runs.
func (s *Stage) agreedLeader(on string) (string, finding, error) {
	voices, err := s.knowing(on)
	if err != nil {
		return "", finding{}, err
	}
	leader := ""
	found := every(voices, nobodyKnows, func(m *machine) finding {
		says := string(m.core.Leader())
		switch {
		case says == "":
			return finding{seen: fmt.Sprintf("%s knows no leader", m.name)}
		case leader != "" && says != leader:
			return finding{seen: fmt.Sprintf("%s says that %s leads, and another one %s", m.name, says, leader)}
		}
		leader = says
		return finding{holds: true}
	})
	if m := s.w.machine(leader); found.holds && (m == nil || !m.acts()) {
		found = finding{seen: leader + " leads, and does not run"}
	}
	return leader, found, nil
}

func (s *Stage) nodeIs(c script.Cond) (finding, error) {
	if _, err := s.node(c.Target); err != nil {
		return finding{}, err
	}
	voices, err := s.knowing(c.On)
	if c.On == "" && c.State != string(script.StateAlive) {
		voices = without(voices, c.Target)
	}
	return every(voices, nobodyKnows, func(m *machine) finding {
		v := m.core.View(m.now())
		for _, n := range v.Nodes {
			if string(n.Name) == c.Target {
				return finding{n.Life == c.State, toldBy(fmt.Sprintf("%s is %s on %s", c.Target, n.Life, m.name), n.Reason)}
			}
		}
		return finding{seen: fmt.Sprintf("%s does not know %s", m.name, c.Target)}
	}), err
}

// without leaves one node out.
func without(voices []*machine, name string) []*machine {
	var out []*machine
	for _, m := range voices {
		if string(m.name) != name {
			out = append(out, m)
		}
	}
	return out
}

func (s *Stage) quorum(c script.Cond) (finding, error) {
	voices, err := s.voices(c.On)
	return every(voices, nobodyRuns, func(m *machine) finding { return finding{m.core.Authority() == "", quorumOf(m)} }), err
}

func (s *Stage) noQuorum(c script.Cond) (finding, error) {
	voices, err := s.voices(c.On)
	return every(voices, nobodyRuns, func(m *machine) finding { return finding{m.core.Authority() != "", quorumOf(m)} }), err
}

func quorumOf(m *machine) string {
	why := m.core.Authority()
	if why == "" {
		return string(m.name) + " has quorum"
	}
	return toldBy(string(m.name)+" has no quorum", strings.TrimPrefix(why, "no quorum: "))
}

func (s *Stage) inMode(c script.Cond) (finding, error) {
	if _, err := s.node(c.Target); err != nil {
		return finding{}, err
	}
	voices, err := s.knowing(c.On)
	return every(voices, nobodyKnows, func(m *machine) finding {
		mode := m.core.State().Node(cluster.NodeID(c.Target)).Mode
		return finding{string(mode) == c.State, fmt.Sprintf("%s is in %s on %s", c.Target, mode, m.name)}
	}), err
}

// condemned asks the journal of what was committed.
func (s *Stage) condemned(c script.Cond) (finding, error) {
	for _, e := range s.journal {
		if n := e.notice; n.Kind == cluster.EventCondemned && e.at >= s.start && (c.Target == "" || c.Target == n.Subject) {
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
