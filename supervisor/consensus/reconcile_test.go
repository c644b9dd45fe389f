// SPDX-License-Identifier: Apache-2.0

package consensus_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
)

// TestNextChange reads testdata/nextchange. A case gives the leader, the members one per line, and the wanted voters:
//
//	next leader=1 commit=500 want=(1:n1 2:n2)
//	1 n1 voter
//	2 n2 learner match=480 active
//
// The output is every step until nothing more happens, each step being applied as if it had been committed at once; a new learner
// is taken to catch up before the next step.
func TestNextChange(t *testing.T) {
	datadriven.RunTest(t, "testdata/nextchange", func(t *testing.T, d *datadriven.TestData) string {
		s, want := parseCase(t, d)
		var out strings.Builder
		for range 20 {
			c, ok := consensus.NextChange(s, want)
			if !ok {
				fmt.Fprintf(&out, "voters %v learners %v\n", s.Voters(), s.Learners())
				return out.String()
			}
			fmt.Fprintf(&out, "%s %d (%s)\n", c.Kind, c.ID, c.Node)
			s = commitChange(t, s, c)
		}
		return out.String() + "never ends\n"
	})
}

func parseCase(t *testing.T, d *datadriven.TestData) (consensus.Status, []consensus.Seat) {
	t.Helper()
	s := consensus.Status{IsLeader: true}
	var want []consensus.Seat
	for _, arg := range d.CmdArgs {
		switch arg.Key {
		case "leader":
			arg.Scan(t, 0, &s.ID)
		case "commit":
			arg.Scan(t, 0, &s.Commit)
		case "want":
			for _, v := range arg.Vals {
				id, node, _ := strings.Cut(v, ":")
				node, learner := strings.CutSuffix(node, "(learner)")
				want = append(want, consensus.Seat{ID: parseNumber(t, id), Node: node, Learner: learner})
			}
		case "follower":
			s.IsLeader = false
		case "pending":
			s.Pending = true
		case "stalled":
			s.Stalled = true
		case "failed":
			s.Failed = "panic"
		default:
			t.Fatalf("%s: unknown argument %s", d.Pos, arg.Key)
		}
	}
	for line := range strings.Lines(d.Input) {
		f := strings.Fields(line)
		m := consensus.Member{ID: parseNumber(t, f[0]), Node: f[1], Role: consensus.RoleVoter}
		if f[2] == "learner" {
			m.Role = consensus.RoleLearner
		}
		p := consensus.Peer{ID: m.ID, Match: s.Commit}
		for _, word := range f[3:] {
			if match, ok := strings.CutPrefix(word, "match="); ok {
				p.Match = parseNumber(t, match)
			}
			p.Active = p.Active || word == "active"
			p.Restoring = p.Restoring || word == "restoring"
		}
		s.Members = append(s.Members, m)
		if m.ID != s.ID {
			s.Peers = append(s.Peers, p)
		}
	}
	return s, want
}

func parseNumber(t *testing.T, s string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func commitChange(t *testing.T, s consensus.Status, c consensus.Change) consensus.Status {
	t.Helper()
	members, err := consensus.ApplyChangeForTest(s.Members, c)
	if err != nil {
		t.Fatal(err)
	}
	s.Members = members
	if c.Kind == consensus.AddLearner {
		s.Peers = append(s.Peers, consensus.Peer{ID: c.ID, Match: s.Commit, Active: true})
	}
	if c.Kind == consensus.Remove && c.ID == s.ID {
		s.IsLeader = false
	}
	return s
}
