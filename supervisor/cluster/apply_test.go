// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// genSpec draws cluster files, most of them good.
func genSpec() *rapid.Generator[cluster.Spec] {
	return rapid.Custom(func(t *rapid.T) cluster.Spec {
		s := cluster.Spec{Cluster: rapid.SampledFrom([]string{"demo", "demo", "demo", "demo", "other", ""}).Draw(t, "cluster")}
		for i := range rapid.IntRange(1, 4).Draw(t, "nodes") {
			s.Nodes = append(s.Nodes, cluster.NodeSpec{
				Name: cluster.NodeID(fmt.Sprintf("n%d", i+1)), Address: fmt.Sprintf("10.0.0.%d", i+1), Labels: map[string]string{"role": "web"},
				Witness: rapid.IntRange(0, 9).Draw(t, "witness") == 0,
			})
		}
		s.Balancers = []cluster.BalancerSpec{{Name: "lb", Nodes: []cluster.NodeID{"n1"}, Socket: "/run/lb.sock"}}
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"web", "api"}), 0, 2, rapid.ID).Draw(t, "pools") {
			p := cluster.PoolSpec{Name: name, Members: []cluster.MemberSpec{
				{Nodes: map[string]string{"role": "web"}, Port: 80}, {Name: "old", Address: "10.9.0.1", Port: 80},
			}}
			if rapid.Bool().Draw(t, "floor") {
				p.Drain.Floor = new(rapid.IntRange(-1, 3).Draw(t, "least"))
			}
			s.Pools = append(s.Pools, p)
		}
		return s
	})
}

// genBody draws commands about few things, so that they meet, and nonsense among them.
func genBody() *rapid.Generator[cluster.Body] {
	nodes := rapid.SampledFrom([]cluster.NodeID{"n1", "n2", "n3", "n4", "n9", ""})
	small := rapid.Uint64Range(0, 12)
	members := rapid.Custom(func(t *rapid.T) cluster.MemberID {
		return cluster.MemberID{Pool: rapid.SampledFrom([]string{"web", "api", "nix"}).Draw(t, "pool"), Member: rapid.SampledFrom([]string{"n1", "n2", "n3", "old", "x"}).Draw(t, "member")}
	})
	text := rapid.OneOf(rapid.Just(""), rapid.StringN(0, 8, -1), rapid.Just(strings.Repeat("ä", 400)))
	return rapid.OneOf(
		rapid.Custom(func(t *rapid.T) cluster.Body {
			b := cluster.SetSpec{Spec: genSpec().Draw(t, "spec")}
			if rapid.IntRange(0, 2).Draw(t, "cas") == 0 {
				b.IfRevision = new(small.Draw(t, "revision"))
			}
			return b
		}),
		rapid.Custom(func(t *rapid.T) cluster.Body {
			return cluster.Admit{Node: nodes.Draw(t, "node"), Install: small.Draw(t, "install"), Boot: small.Draw(t, "boot"), Reason: text.Draw(t, "reason")}
		}),
		rapid.Custom(func(t *rapid.T) cluster.Body {
			return cluster.Condemn{Node: nodes.Draw(t, "node"), Epoch: small.Draw(t, "epoch"), Votes: rapid.SliceOfN(nodes, 0, 5).Draw(t, "votes"), Reason: text.Draw(t, "reason")}
		}),
		rapid.Custom(func(t *rapid.T) cluster.Body {
			return cluster.Leave{Node: nodes.Draw(t, "node"), Epoch: small.Draw(t, "epoch")}
		}),
		rapid.Custom(func(t *rapid.T) cluster.Body {
			return cluster.SetMode{
				Node: nodes.Draw(t, "node"), Mode: rapid.SampledFrom([]cluster.Mode{"active", "standby", "maintenance", "", "x"}).Draw(t, "mode"),
				Force: rapid.Bool().Draw(t, "force"), Reason: text.Draw(t, "reason"),
			}
		}),
		rapid.Custom(func(t *rapid.T) cluster.Body {
			return cluster.SetMember{
				Member: members.Draw(t, "member"), Admin: rapid.SampledFrom([]cluster.Admin{"ready", "drain", "maint", "x"}).Draw(t, "admin"),
				Deadline: cluster.Duration(rapid.SampledFrom([]int64{0, 0, -1, 1, 1e9, 1e18}).Draw(t, "deadline")),
				Force:    rapid.Bool().Draw(t, "force"), Reason: text.Draw(t, "reason"),
			}
		}),
		rapid.Custom(func(t *rapid.T) cluster.Body {
			return cluster.Judge{
				Member: members.Draw(t, "member"), Condition: rapid.SampledFrom([]cluster.Condition{"up", "down", "unknown", "x"}).Draw(t, "condition"),
				By: rapid.SliceOfN(nodes, 0, 40).Draw(t, "by"), Reason: text.Draw(t, "reason"),
			}
		}),
	)
}

func genCommand() *rapid.Generator[cluster.Command] {
	return rapid.Custom(func(t *rapid.T) cluster.Command {
		c := cluster.Command{
			ID: rapid.OneOf(rapid.Just(""), rapid.StringMatching(`[a-f]{1,2}`), rapid.StringN(60, 70, -1)).Draw(t, "id"),
			At: rapid.Int64().Draw(t, "at"), By: rapid.SampledFrom([]string{"", "ann", "n1"}).Draw(t, "by"),
		}
		if rapid.IntRange(0, 50).Draw(t, "empty") > 0 {
			c.Body = genBody().Draw(t, "body")
		}
		return c
	})
}

func encode(t rapid.TB, s cluster.State) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatalf("a state that does not encode: %v", err)
	}
	return b
}

// restore is what a node does that gets the state from a snapshot.
func restore(t rapid.TB, b []byte) cluster.State {
	var s cluster.State
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatalf("a snapshot that cannot be read: %v", err)
	}
	return s
}

// TestApplyProperties applies random commands and checks what must hold for any.
func TestApplyProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		state := cluster.New("c1")
		replica := state // restores from a snapshot now and then
		if rapid.Bool().Draw(t, "founded") {
			state, _ = cluster.Apply(state, 1, cluster.Command{Body: cluster.SetSpec{Spec: goodSpec()}})
			replica = state
		}
		for i := range rapid.IntRange(1, 60).Draw(t, "commands") {
			c := genCommand().Draw(t, "command")
			if rapid.IntRange(0, 4).Draw(t, "snapshot") == 0 {
				replica = restore(t, encode(t, replica))
			}
			before := encode(t, state)
			next, out := cluster.Apply(state, uint64(i+2), c)
			if !bytes.Equal(before, encode(t, state)) {
				t.Fatalf("the old state was changed by %+v", c)
			}
			other, otherOut := cluster.Apply(replica, uint64(i+2), c)
			if a, b := encode(t, next), encode(t, other); !bytes.Equal(a, b) || !cmp.Equal(out, otherOut) {
				t.Fatalf("two replicas differ after %+v:\n%s\n%s\n%s", c, a, b, cmp.Diff(out, otherOut))
			}
			checkStep(t, state, next, out)
			state, replica = next, other
		}
	})
}

func checkStep(t *rapid.T, s, next cluster.State, out cluster.Outcome) {
	if next.Epoch < s.Epoch || next.Revision < s.Revision || len(next.Done) > cluster.CommandsKept || len(next.Events) > cluster.EventsKept {
		t.Fatalf("epoch %d -> %d, revision %d -> %d, %d done, %d events", s.Epoch, next.Epoch, s.Revision, next.Revision, len(next.Done), len(next.Events))
	}
	epochs := map[uint64]cluster.NodeID{}
	installs := map[uint64]cluster.NodeID{}
	for _, n := range next.Spec.Nodes {
		st, ok := next.Nodes[n.Name]
		if !ok || st.Life == cluster.LifeUnknown {
			continue
		}
		if was := s.Node(n.Name); st.Epoch < was.Epoch || st.Epoch > next.Epoch || (st.Life != was.Life && st.Epoch == was.Epoch) {
			t.Fatalf("%s went from %+v to %+v", n.Name, was, st)
		}
		if other, twice := epochs[st.Epoch]; twice {
			t.Fatalf("%s and %s have epoch %d", n.Name, other, st.Epoch)
		}
		if other, twice := installs[st.Install]; twice {
			t.Fatalf("%s and %s have installation %d", n.Name, other, st.Install)
		}
		epochs[st.Epoch], installs[st.Install] = n.Name, n.Name
	}
	for id, m := range next.Members {
		if _, ok := next.Spec.Member(id); !ok || len(m.Why) > cluster.MaxText || len(m.AdminWhy) > cluster.MaxText {
			t.Fatalf("member %s is kept as %+v", id, m)
		}
	}
	if out.Result == cluster.Accepted {
		if len(out.Events) == 0 || out.Reason != "" {
			t.Fatalf("accepted without an event: %+v", out)
		}
		return
	}
	if len(out.Events) > 0 || (out.Reason == "") != (out.Result == cluster.Duplicate) {
		t.Fatalf("not accepted, and yet %+v", out)
	}
	if out.Result == cluster.Duplicate && !cmp.Equal(s.Done, next.Done) {
		t.Fatal("a duplicate changed what is done")
	}
	next.Index, next.Done = s.Index, s.Done
	if a, b := encode(t, s), encode(t, next); !bytes.Equal(a, b) {
		t.Fatalf("%s, and yet it changed\n%s\nto\n%s", out.Result, a, b)
	}
}

func TestApplyBounds(t *testing.T) {
	state, _ := cluster.Apply(cluster.State{}, 1, cluster.Command{Body: cluster.SetSpec{Spec: goodSpec()}})
	id := cluster.MemberID{Pool: "web", Member: "n1"}
	long := strings.Repeat("ä", cluster.MaxText)
	for i := range 2 * cluster.CommandsKept {
		c := cluster.Command{ID: fmt.Sprint(i), By: long, Body: cluster.Judge{Member: id, Condition: []cluster.Condition{cluster.Up, cluster.Down}[i%2], Reason: "\xff" + long}}
		var out cluster.Outcome
		if state, out = cluster.Apply(state, uint64(i+2), c); out.Result != cluster.Accepted {
			t.Fatalf("%+v", out)
		}
	}
	if len(state.Done) != cluster.CommandsKept || len(state.Events) != cluster.EventsKept {
		t.Errorf("%d ids and %d events are kept", len(state.Done), len(state.Events))
	}
	last := state.Events[len(state.Events)-1]
	if state.Done[0] != fmt.Sprint(cluster.CommandsKept) || last.Index != state.Index {
		t.Errorf("the oldest id is %s, the newest event is of index %d", state.Done[0], last.Index)
	}
	if !strings.HasPrefix(last.Reason, "?ä") || len(last.Reason) > cluster.MaxText || len(last.By) > cluster.MaxText {
		t.Errorf("texts of %d and %d bytes are kept", len(last.Reason), len(last.By))
	}
	if _, out := cluster.Apply(state, 9999, cluster.Command{Body: cluster.Judge{Member: id, Condition: cluster.Up, By: make([]cluster.NodeID, cluster.MaxNodes+1)}}); out.Reason != "member web/n1 is judged by 33 nodes, at most 32 can be" {
		t.Errorf("%+v", out)
	}
	if _, out := cluster.Apply(state, 9999, cluster.Command{}); out.Result != cluster.Rejected || out.Reason != "the command is empty" {
		t.Errorf("%+v", out)
	}
}

func TestCommandRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := genCommand().Draw(t, "command")
		b, err := want.Encode()
		if want.Body == nil {
			if err == nil {
				t.Fatal("an empty command was encoded")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := cluster.DecodeCommand(b)
		if err != nil {
			t.Fatalf("%v: %s", err, b)
		}
		again, err := got.Encode()
		if err != nil || !bytes.Equal(b, again) {
			t.Fatalf("%v\n%s\n%s", err, b, again)
		}
	})
}

func TestDecodeRefuses(t *testing.T) {
	for in, want := range map[string]error{
		``: cluster.ErrBadCommand, `[]`: cluster.ErrBadCommand, `{}`: cluster.ErrBadCommand, `{"kind":"leave"}`: cluster.ErrBadCommand,
		`{"kind":"leave","body":{"epoch":-1}}`: cluster.ErrBadCommand, `{"kind":"member","body":{"member":"web"}}`: cluster.ErrBadCommand,
		`{"kind":"elect","body":{}}`: cluster.ErrNewer, `{"kind":"leave","body":null}`: nil, `{"kind":"leave","body":{"node":"n1","later":1}}`: nil,
		strings.Repeat(" ", cluster.MaxCommand+1): cluster.ErrBadCommand,
	} {
		c, err := cluster.DecodeCommand([]byte(in))
		if !errors.Is(err, want) {
			t.Errorf("%.60q: got %v, want %v", in, err, want)
		}
		if err != nil && c.Body != nil {
			t.Errorf("%.60q: an error and a command: %+v", in, c)
		}
	}
	large := cluster.Command{Body: cluster.Leave{Node: cluster.NodeID(strings.Repeat("a", cluster.MaxCommand))}}
	if _, err := large.Encode(); err == nil || !strings.Contains(err.Error(), "at most 262144 fit") {
		t.Errorf("a command too large was encoded: %v", err)
	}
}

func FuzzDecodeCommand(f *testing.F) {
	for _, body := range []cluster.Body{
		cluster.SetSpec{Spec: goodSpec(), IfRevision: new(uint64(1))},
		cluster.Admit{Node: "n1", Install: 1, Boot: 1},
		cluster.Condemn{Node: "n1", Epoch: 1, Votes: []cluster.NodeID{"n2", "w1"}},
		cluster.Leave{Node: "n1", Epoch: 1},
		cluster.SetMode{Node: "n1", Mode: cluster.ModeStandby},
		cluster.SetMember{Member: cluster.MemberID{Pool: "web", Member: "n1"}, Admin: cluster.AdminDrain, Deadline: 1e9},
		cluster.Judge{Member: cluster.MemberID{Pool: "web", Member: "old"}, Condition: cluster.Up, By: []cluster.NodeID{"n1"}},
	} {
		b, err := cluster.Command{ID: "x", By: "ann", Body: body}.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	base, _ := cluster.Apply(cluster.New("c"), 1, cluster.Command{Body: cluster.SetSpec{Spec: goodSpec()}})
	base, _ = cluster.Apply(base, 2, cluster.Command{Body: cluster.Admit{Node: "n1", Install: 1, Boot: 1}})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := cluster.DecodeCommand(b)
		if err != nil {
			if !errors.Is(err, cluster.ErrBadCommand) && !errors.Is(err, cluster.ErrNewer) {
				t.Fatalf("an error without a name: %v", err)
			}
			return
		}
		next, out := cluster.Apply(base, 3, c)
		other, otherOut := cluster.Apply(restore(t, encode(t, base)), 3, c)
		if !bytes.Equal(encode(t, next), encode(t, other)) || !cmp.Equal(out, otherOut) {
			t.Fatalf("two replicas differ after %s", b)
		}
		if s := restore(t, encode(t, next)); !bytes.Equal(encode(t, s), encode(t, next)) {
			t.Fatalf("a snapshot after %s is not what was applied", b)
		}
	})
}

func BenchmarkApply(b *testing.B) {
	s := goodSpec()
	for i := range 29 {
		s.Nodes = append(s.Nodes, cluster.NodeSpec{Name: cluster.NodeID(fmt.Sprint("m", i)), Vote: new(false), Address: fmt.Sprintf("10.1.0.%d", i+1), Labels: map[string]string{"role": "web"}})
	}
	for i := range 9 {
		p := s.Pools[0]
		p.Name = fmt.Sprint("pool", i)
		s.Pools = append(s.Pools, p)
	}
	state, out := cluster.Apply(cluster.New("c"), 1, cluster.Command{Body: cluster.SetSpec{Spec: s}})
	if out.Result != cluster.Accepted {
		b.Fatal(out.Reason)
	}
	id := cluster.MemberID{Pool: "pool8", Member: "m28"}
	b.Run(fmt.Sprintf("judge, %d members", len(s.Members())), func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			state, _ = cluster.Apply(state, uint64(i), cluster.Command{ID: fmt.Sprint(i), Body: cluster.Judge{Member: id, Condition: []cluster.Condition{cluster.Up, cluster.Down}[i%2]}})
		}
	})
	b.Run("drain", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			cluster.Apply(state, 1, cluster.Command{Body: cluster.SetMember{Member: id, Admin: cluster.AdminDrain}})
		}
	})
	b.Run("spec", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			cluster.Apply(state, 1, cluster.Command{Body: cluster.SetSpec{Spec: s}})
		}
	})
}
