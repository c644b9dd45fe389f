// SPDX-License-Identifier: Apache-2.0

package consensus_test

import (
	"errors"
	"strings"
	"testing"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
)

func foundedBy(t testing.TB, id uint64) consensus.Restored {
	t.Helper()
	r, err := consensus.Restored{}.Append(consensus.Found(consensus.Founder{ID: id, Node: "n1"}))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// twoVoters is a state with 1 and 2 as voters, so that 2 may lead and 1 listens.
func twoVoters(t testing.TB) *consensus.Replica {
	t.Helper()
	r, err := consensus.New(consensus.Config{ID: 1, Cluster: testCluster, ElectionTicks: 10, HeartbeatTicks: 1}, consensus.Restored{
		Hard: consensus.HardState{Term: 3, Commit: 10},
		Snapshot: &consensus.Snapshot{Index: 10, Term: 3, Members: []consensus.Member{
			{ID: 1, Node: "n1", Role: consensus.RoleVoter}, {ID: 2, Node: "n2", Role: consensus.RoleVoter},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func message(kind raftpb.MessageType, term uint64, edit func(*raftpb.Message)) *raftpb.Message {
	m := &raftpb.Message{Type: kind.Enum(), From: new(uint64(2)), To: new(uint64(1)), Term: new(term)}
	if edit != nil {
		edit(m)
	}
	return m
}

func frameOf(t testing.TB, m *raftpb.Message) []byte {
	t.Helper()
	body, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return consensus.FrameForTest(testCluster, m.GetFrom(), m.GetTo(), body)
}

func snapshotBytes(t testing.TB, index uint64) []byte {
	t.Helper()
	s := &consensus.Snapshot{Index: index, Term: 3, Members: []consensus.Member{{ID: 1, Node: "n1", Role: consensus.RoleVoter}}}
	b, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestStepRefuses(t *testing.T) {
	beat := frameOf(t, message(raftpb.MsgHeartbeat, 3, nil))
	flipped := append([]byte(nil), beat...)
	flipped[33] ^= 4
	entry := func(index, term uint64, kind raftpb.EntryType, data string) *raftpb.Entry {
		return &raftpb.Entry{Index: new(index), Term: new(term), Type: kind.Enum(), Data: []byte(data)}
	}
	app := func(entries ...*raftpb.Entry) []byte {
		return frameOf(t, message(raftpb.MsgApp, 3, func(m *raftpb.Message) {
			m.Index, m.LogTerm, m.Entries = new(uint64(10)), new(uint64(3)), entries
		}))
	}
	for name, c := range map[string]struct {
		from  uint64
		frame []byte
		want  error
	}{
		"nothing":              {2, nil, consensus.ErrFrame},
		"cut short":            {2, beat[:20], consensus.ErrFrame},
		"flipped bit":          {2, flipped, consensus.ErrFrame},
		"too large":            {2, make([]byte, consensus.FrameBytesMax+1), consensus.ErrFrame},
		"not its sender":       {4, beat, consensus.ErrMisdirected},
		"other receiver":       {2, frameOf(t, message(raftpb.MsgHeartbeat, 3, func(m *raftpb.Message) { m.To = new(uint64(5)) })), consensus.ErrMisdirected},
		"from itself":          {1, frameOf(t, message(raftpb.MsgHeartbeat, 3, func(m *raftpb.Message) { m.From = new(uint64(1)) })), consensus.ErrMisdirected},
		"other cluster":        {2, consensus.FrameForTest("cluster-2", 2, 1, beat[30:]), consensus.ErrOtherCluster},
		"other sender inside":  {2, consensus.FrameForTest(testCluster, 2, 1, frameOf(t, message(raftpb.MsgHeartbeat, 3, func(m *raftpb.Message) { m.From = new(uint64(9)) }))[30:]), consensus.ErrMisdirected},
		"term far ahead":       {2, frameOf(t, message(raftpb.MsgHeartbeat, 3+consensus.TermJumpMax+1, nil)), consensus.ErrTermJump},
		"no term":              {2, frameOf(t, message(raftpb.MsgHeartbeat, 0, nil)), consensus.ErrTermJump},
		"other's snapshot":     {2, consensus.FrameOfKindForTest(2, 5, consensus.ChunkForTest([]byte("x"))), consensus.ErrMisdirected},
		"not a snapshot":       {2, consensus.FrameOfKindForTest(2, 1, consensus.ChunkForTest([]byte("x"))), consensus.ErrFrame},
		"wrong index inside":   {2, consensus.FrameOfKindForTest(2, 1, consensus.ChunkForTest(snapshotBytes(t, 21))), consensus.ErrFrame},
		"local message":        {2, frameOf(t, message(raftpb.MsgHup, 3, nil)), consensus.ErrFrame},
		"proposal":             {2, frameOf(t, message(raftpb.MsgProp, 3, nil)), consensus.ErrFrame},
		"storage answer":       {2, frameOf(t, message(raftpb.MsgStorageAppendResp, 3, nil)), consensus.ErrFrame},
		"unknown type":         {2, frameOf(t, message(77, 3, nil)), consensus.ErrFrame},
		"snapshot in one":      {2, frameOf(t, message(raftpb.MsgSnap, 3, nil)), consensus.ErrFrame},
		"heartbeat with load":  {2, frameOf(t, message(raftpb.MsgHeartbeat, 3, func(m *raftpb.Message) { m.Entries = []*raftpb.Entry{{}} })), consensus.ErrFrame},
		"entry in wrong place": {2, app(entry(13, 3, raftpb.EntryNormal, "x")), consensus.ErrFrame},
		"entry of the past":    {2, app(entry(11, 2, raftpb.EntryNormal, "x")), consensus.ErrFrame},
		"entry of the future":  {2, app(entry(11, 4, raftpb.EntryNormal, "x")), consensus.ErrFrame},
		"joint change":         {2, app(entry(11, 3, raftpb.EntryConfChangeV2, "")), consensus.ErrFrame},
		"unreadable change":    {2, app(entry(11, 3, raftpb.EntryConfChange, "\xff")), consensus.ErrFrame},
	} {
		t.Run(name, func(t *testing.T) {
			r := twoVoters(t)
			if err := r.Step(c.from, c.frame); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if s := r.Status(); s.Failed != "" || s.Term != 3 || s.Leader != 0 {
				t.Errorf("it left a mark: %+v", s)
			}
		})
	}
}

// TestForgedIndexIsContained replays the shape of etcd #17081: a heartbeat that commits what this log never had.
func TestForgedIndexIsContained(t *testing.T) {
	r := twoVoters(t)
	err := r.Step(2, frameOf(t, message(raftpb.MsgHeartbeat, 3, func(m *raftpb.Message) { m.Commit = new(uint64(1000)) })))
	if !errors.Is(err, consensus.ErrFailed) {
		t.Fatalf("got %v", err)
	}
	if s := r.Status(); !strings.Contains(s.Failed, "out of range") || len(s.Members) != 2 {
		t.Fatalf("status %+v", s)
	}
	// Everything is a quiet refusal now.
	r.Tick()
	r.Applied(11)
	r.Appended(&consensus.Append{})
	r.ReportUnreachable(2)
	r.ReportSnapshotLost(2)
	if _, more := r.Ready(); more {
		t.Error("a failed replica has work")
	}
	for what, err := range map[string]error{
		"step":     r.Step(2, frameOf(t, message(raftpb.MsgHeartbeat, 3, nil))),
		"propose":  r.Propose([]byte("x")),
		"change":   r.ChangeVoters(consensus.Change{Kind: consensus.Remove, ID: 2, Node: "n2"}),
		"campaign": r.Campaign(),
		"transfer": r.Transfer(2),
		"snapshot": r.Snapshot(10, nil),
	} {
		if !errors.Is(err, consensus.ErrFailed) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestForgedAcknowledgementIsRefused(t *testing.T) {
	n := cluster(t, 21, 1, 2, 3)
	h := n.leader()
	from := uint64(1)
	if h.id == from {
		from = 2
	}
	s := h.replica.Status()
	m := &raftpb.Message{Type: raftpb.MsgAppResp.Enum(), From: new(from), To: new(h.id), Term: new(s.Term), Index: new(s.LastIndex + 100)}
	if err := h.replica.Step(from, frameOf(t, m)); !errors.Is(err, consensus.ErrFrame) {
		t.Fatalf("got %v", err)
	}
	n.converge()
}

func TestAppendsAreAnsweredInOrder(t *testing.T) {
	r := twoVoters(t)
	r.Appended(&consensus.Append{})
	if s := r.Status(); !strings.Contains(s.Failed, "out of order") {
		t.Fatalf("status %+v", s)
	}
}

// TestSecondOfTwoAppendsIsAnsweredFirst has two writes open and confirms the later one: what rests on it must not leave, then or ever.
func TestSecondOfTwoAppendsIsAnsweredFirst(t *testing.T) {
	entryAt := func(index uint64) []byte {
		return frameOf(t, message(raftpb.MsgApp, 3, func(m *raftpb.Message) {
			m.Index, m.LogTerm, m.Commit = new(index-1), new(uint64(3)), new(uint64(10))
			m.Entries = []*raftpb.Entry{{Index: new(index), Term: new(uint64(3)), Data: []byte("x")}}
		}))
	}
	for name, second := range map[string][]byte{
		"the next entry": entryAt(12),
		"a commit":       frameOf(t, message(raftpb.MsgHeartbeat, 3, func(m *raftpb.Message) { m.Commit = new(uint64(11)) })),
		"a newer term":   frameOf(t, message(raftpb.MsgHeartbeat, 5, nil)),
		"a vote": frameOf(t, message(raftpb.MsgVote, 4, func(m *raftpb.Message) {
			m.Index, m.LogTerm, m.Context = new(uint64(11)), new(uint64(3)), []byte("CampaignTransfer") // which the lease of a leader does not hold up
		})),
	} {
		t.Run(name, func(t *testing.T) {
			r := twoVoters(t)
			step := func(frame []byte) *consensus.Append {
				t.Helper()
				if err := r.Step(2, frame); err != nil {
					t.Fatal(err)
				}
				var open *consensus.Append
				for out, more := r.Ready(); more; out, more = r.Ready() {
					if out.Append != nil {
						open = out.Append
					}
				}
				if open == nil {
					t.Fatal("nothing to write")
				}
				return open
			}
			first := step(entryAt(11))
			later := step(second)
			r.Appended(later)
			r.Appended(first)
			if out, more := r.Ready(); more {
				t.Fatalf("a failed replica has work: %+v", out)
			}
			if s := r.Status(); !strings.Contains(s.Failed, "out of order") {
				t.Fatalf("status %+v", s)
			}
			if err := r.Step(2, entryAt(11)); !errors.Is(err, consensus.ErrFailed) {
				t.Fatalf("it still listens: %v", err)
			}
			if err := r.Propose([]byte("x")); !errors.Is(err, consensus.ErrFailed) {
				t.Fatalf("it still proposes: %v", err)
			}
		})
	}
}

// TestPoisonedChangeIsSkippedByAll commits a change that no replica can accept: it must come out as nothing, not as a crash.
func TestPoisonedChangeIsSkippedByAll(t *testing.T) {
	r := twoVoters(t)
	change := func(id uint64, node string, kind raftpb.ConfChangeType) []byte {
		b, err := proto.Marshal(&raftpb.ConfChange{Type: kind.Enum(), NodeId: new(id), Context: []byte(node)})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var entries []*raftpb.Entry
	for i, data := range [][]byte{
		change(0, "n0", raftpb.ConfChangeAddLearnerNode),
		change(9, "", raftpb.ConfChangeAddLearnerNode),
		change(7, "n7", raftpb.ConfChangeRemoveNode),
		change(2, "n2", raftpb.ConfChangeAddLearnerNode),
		change(2, "n2", raftpb.ConfChangeRemoveNode),
		change(1, "n1", raftpb.ConfChangeRemoveNode),
	} {
		entries = append(entries, &raftpb.Entry{
			Index: new(11 + uint64(i)), Term: new(uint64(3)), Type: raftpb.EntryConfChange.Enum(), Data: data,
		})
	}
	err := r.Step(2, frameOf(t, message(raftpb.MsgApp, 3, func(m *raftpb.Message) {
		m.Index, m.LogTerm, m.Entries, m.Commit = new(uint64(10)), new(uint64(3)), entries, new(uint64(16))
	})))
	if err != nil {
		t.Fatal(err)
	}
	var changes []string
	for {
		out, more := r.Ready()
		if !more {
			break
		}
		if out.Append != nil {
			r.Appended(out.Append)
		}
		for _, c := range out.Committed {
			if c.Change != nil {
				changes = append(changes, c.Change.String())
			}
			r.Applied(c.Index)
		}
	}
	s := r.Status()
	if s.Failed != "" || s.Applied != 16 || len(changes) != 1 || changes[0] != "remove 2 (n2)" || len(s.Members) != 1 {
		t.Fatalf("changes %q, status %+v", changes, s)
	}
}

func FuzzStep(f *testing.F) {
	body := func(m *raftpb.Message) []byte {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	f.Add(byte(1), body(message(raftpb.MsgHeartbeat, 3, nil)))
	f.Add(byte(1), body(message(raftpb.MsgVote, 4, func(m *raftpb.Message) { m.Index, m.LogTerm = new(uint64(10)), new(uint64(3)) })))
	f.Add(byte(1), body(message(raftpb.MsgApp, 3, func(m *raftpb.Message) {
		m.Index, m.LogTerm, m.Commit = new(uint64(10)), new(uint64(3)), new(uint64(11))
		m.Entries = []*raftpb.Entry{{Index: new(uint64(11)), Term: new(uint64(3)), Data: []byte("x")}}
	})))
	f.Add(byte(2), make([]byte, 64))
	f.Add(byte(2), consensus.ChunkForTest(snapshotBytes(f, 20)))
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		for _, frame := range [][]byte{body, consensus.FrameOfKindForTest(kind, 1, body)} {
			r := twoVoters(t)
			first := r.Step(2, frame)
			for range 20 {
				out, more := r.Ready()
				if !more {
					break
				}
				if out.Append != nil {
					r.Appended(out.Append)
				}
				if k := len(out.Committed); k > 0 {
					r.Applied(out.Committed[k-1].Index)
				}
			}
			r.Tick()
			if s := r.Status(); s.Failed != "" && first == nil {
				t.Fatalf("accepted, then failed: %s", s.Failed)
			}
		}
	})
}

func FuzzSnapshot(f *testing.F) {
	s := &consensus.Snapshot{Index: 9, Term: 2, Members: []consensus.Member{{ID: 1, Node: "n1", Role: consensus.RoleVoter}}, Data: []byte("d")}
	b, err := s.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var s consensus.Snapshot
		if s.UnmarshalBinary(b) != nil {
			return
		}
		again, err := s.MarshalBinary()
		if err != nil || string(again) != string(b) {
			t.Fatalf("%x became %x, %v", b, again, err)
		}
	})
}
