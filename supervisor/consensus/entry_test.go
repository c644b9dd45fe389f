// SPDX-License-Identifier: Apache-2.0

package consensus_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
)

// twoMembers is a snapshot of two voters.
func twoMembers(index, term uint64) *consensus.Snapshot {
	return &consensus.Snapshot{Index: index, Term: term, Members: []consensus.Member{
		{ID: 1, Node: "n1", Role: consensus.RoleVoter}, {ID: 2, Node: "n2", Role: consensus.RoleVoter},
	}}
}

// TestDiskContradictsItself gives a disk, whose log is 11 to 14 after a snapshot at 10, with 12 committed and a vote in term 5, what
// contradicts it.
func TestDiskContradictsItself(t *testing.T) {
	entries := func(from uint64, terms ...uint64) []consensus.Entry {
		var out []consensus.Entry
		for i, term := range terms {
			out = append(out, consensus.Entry{Index: from + uint64(i), Term: term})
		}
		return out
	}
	disk := consensus.Restored{
		Hard: consensus.HardState{Term: 5, Vote: 2, Commit: 12}, Snapshot: twoMembers(10, 2), Entries: entries(11, 2, 3, 3, 4),
	}
	if err := disk.Check(); err != nil {
		t.Fatal(err)
	}
	for name, a := range map[string]*consensus.Append{
		"a restored state that is committed":   {Restore: twoMembers(12, 3)},
		"a restored state without a voter":     {Restore: &consensus.Snapshot{Index: 20, Term: 5}},
		"an entry in place of a committed one": {Entries: entries(12, 5)},
		"an entry beyond a gap":                {Entries: entries(16, 5)},
		"an entry before the restored state":   {Restore: twoMembers(20, 5), Entries: entries(20, 5), Hard: &consensus.HardState{Term: 5, Commit: 20}},
		"an entry of an older term":            {Entries: entries(14, 3, 2)},
		"an entry of a term that never was":    {Entries: entries(15, 6)},
		"an older term":                        {Hard: &consensus.HardState{Term: 4, Commit: 12}},
		"less is committed":                    {Hard: &consensus.HardState{Term: 5, Commit: 11}},
		"what is not there is committed":       {Hard: &consensus.HardState{Term: 5, Commit: 15}},
		"an absurd term":                       {Hard: &consensus.HardState{Term: consensus.TermMax + 1, Commit: 12}},
		"a snapshot of another term":           {Snapshot: twoMembers(12, 2)},
		"a snapshot of what is not committed":  {Snapshot: twoMembers(13, 3)},
		"the snapshot that is there":           {Snapshot: twoMembers(10, 2)},
		"an older snapshot":                    {Snapshot: twoMembers(9, 2)},
		"a snapshot without a voter":           {Snapshot: &consensus.Snapshot{Index: 12, Term: 3}},
	} {
		if got, err := disk.Append(a); err == nil {
			t.Errorf("%s: taken, and now it is %+v", name, got)
		}
	}
	for name, a := range map[string]*consensus.Append{
		"the next entry":                     {Entries: entries(15, 5)},
		"entries in place of open ones":      {Entries: entries(13, 5, 5)},
		"all is committed, in the last term": {Hard: &consensus.HardState{Term: consensus.TermMax, Commit: 14}},
		"a snapshot of all that may be":      {Snapshot: twoMembers(12, 3)},
		"a restored state":                   {Restore: twoMembers(13, 5), Hard: &consensus.HardState{Term: 5, Commit: 13}},
	} {
		if _, err := disk.Append(a); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBlankDisk: only what holds nothing at all is blank. A vote alone is something.
func TestBlankDisk(t *testing.T) {
	for name, r := range map[string]consensus.Restored{
		"a vote":     {Hard: consensus.HardState{Term: 1, Vote: 2}},
		"a snapshot": {Snapshot: twoMembers(10, 2)},
		"an entry":   {Entries: []consensus.Entry{{Index: 1, Term: 1}}},
	} {
		if r.Blank() {
			t.Errorf("%s: blank", name)
		}
	}
	if !(consensus.Restored{}).Blank() {
		t.Error("nothing: not blank")
	}
}

// TestMembersAreBounded: the log keeps a voter and does not grow without end, whatever is asked.
func TestMembersAreBounded(t *testing.T) {
	voter := consensus.Member{ID: 1, Node: "n1", Role: consensus.RoleVoter}
	learner := consensus.Member{ID: 2, Node: "n2", Role: consensus.RoleLearner}
	var most []consensus.Member
	for i := range uint64(consensus.MembersMax) {
		most = append(most, consensus.Member{ID: i + 1, Node: nodeName(i + 1), Role: consensus.RoleVoter})
	}
	for name, c := range map[string]struct {
		members []consensus.Member
		change  consensus.Change
		want    []consensus.Member // nil = it is refused
	}{
		"the last voter stays, learner or not": {[]consensus.Member{voter, learner}, consensus.Change{Kind: consensus.Remove, ID: 1, Node: "n1"}, nil},
		"the last learner may go":              {[]consensus.Member{voter, learner}, consensus.Change{Kind: consensus.Remove, ID: 2, Node: "n2"}, []consensus.Member{voter}},
		"one too many":                         {most, consensus.Change{Kind: consensus.AddLearner, ID: 1000, Node: "new"}, nil},
		"as many as may be":                    {most[1:], consensus.Change{Kind: consensus.AddLearner, ID: 1000, Node: "new"}, append(most[1:len(most):len(most)], consensus.Member{ID: 1000, Node: "new", Role: consensus.RoleLearner})},
		"among many, one may go":               {most, consensus.Change{Kind: consensus.Remove, ID: 1, Node: nodeName(1)}, most[1:]},
	} {
		got, err := consensus.ApplyChangeForTest(c.members, c.change)
		if want := c.want; want == nil {
			if !errors.Is(err, consensus.ErrChange) {
				t.Errorf("%s: %v", name, err)
			}
		} else if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
}

// TestLogIsCutByItself: the log before a snapshot goes, however many entries or bytes there are, though nobody needs a snapshot.
func TestLogIsCutByItself(t *testing.T) {
	for name, c := range map[string]struct{ each, proposals, size int }{
		"many entries": {20, 200, 10},
		"many bytes":   {1 << 20, 80, consensus.ProposalBytesMax},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t, 14)
			n.each = uint64(c.each)
			h := n.found(1)
			n.until("leader", 60, func() bool { return n.leader() != nil })
			snapshots, last := 0, h.replica.Status().SnapshotIndex
			for range c.proposals {
				if err := h.replica.Propose(make([]byte, c.size)); err != nil {
					t.Fatal(err)
				}
				n.step()
				if at := h.replica.Status().SnapshotIndex; at != last {
					snapshots, last = snapshots+1, at
				}
			}
			if snapshots == 0 || snapshots > c.proposals/10 {
				t.Fatalf("%d snapshots of %d entries", snapshots, c.proposals)
			}
		})
	}
}
