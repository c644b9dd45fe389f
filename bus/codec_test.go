// SPDX-License-Identifier: Apache-2.0

package bus_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/bus"
)

func sampleHeartbeat() bus.Heartbeat {
	return bus.Heartbeat{
		Epoch: 7, Revision: 3, Applied: 4211, Leader: "n2", Leaving: true, SentUnixMs: 1767225600123, Version: "0.1.0",
		Seen:    []bus.Seen{{Node: "n2", Install: 1 << 63, Boot: 4, Seq: 90210}, {Node: "n3", Boot: 1, Seq: 17}},
		Members: []bus.MemberHealth{{Pool: "web", Member: "n1", State: bus.StateDown, Reason: "tcp 127.0.0.1:80: connection refused", SinceUnixMs: 5, N: 2}},
		Balancers: []bus.BalancerHealth{{
			Name: "edge", InStep: true, SinceUnixMs: 9, Error: "e", Drift: 1, Pending: 2, Epoch: "4711",
			Servers: []bus.ServerHealth{{Backend: "web", Server: "n1", Admin: bus.AdminDrain, Op: "UP", Weight: 100, Sessions: 12, Phase: "draining", Reason: "r"}},
		}},
		Rails: []bus.RailHealth{{Name: "a", Up: true, Peers: 2}},
	}
}

func genText(limit int) *rapid.Generator[string] { return rapid.StringN(0, -1, limit) }
func genName() *rapid.Generator[string]          { return rapid.StringN(1, -1, bus.MaxName) }

func genHeartbeat() *rapid.Generator[bus.Heartbeat] {
	states := rapid.SampledFrom([]string{bus.StateUp, bus.StateDown, bus.StateUnknown})
	seen := rapid.Custom(func(t *rapid.T) bus.Seen {
		return bus.Seen{Node: genName().Draw(t, "node"), Install: rapid.Uint64().Draw(t, "install"), Boot: rapid.Uint64().Draw(t, "boot"), Seq: rapid.Uint64().Draw(t, "seq")}
	})
	member := rapid.Custom(func(t *rapid.T) bus.MemberHealth {
		return bus.MemberHealth{
			Pool: genName().Draw(t, "pool"), Member: genName().Draw(t, "member"), State: states.Draw(t, "state"),
			Reason: genText(bus.MaxReason).Draw(t, "reason"), SinceUnixMs: rapid.Int64().Draw(t, "since"), N: rapid.Uint64().Draw(t, "n"),
		}
	})
	server := rapid.Custom(func(t *rapid.T) bus.ServerHealth {
		return bus.ServerHealth{
			Backend: genName().Draw(t, "backend"), Server: genName().Draw(t, "server"), Admin: bus.AdminMaint, Op: genText(bus.MaxName).Draw(t, "op"),
			Weight: rapid.Int().Draw(t, "weight"), Sessions: rapid.Int64().Draw(t, "sessions"), Reason: genText(bus.MaxReason).Draw(t, "reason"),
		}
	})
	balancer := rapid.Custom(func(t *rapid.T) bus.BalancerHealth {
		return bus.BalancerHealth{
			Name: genName().Draw(t, "name"), InStep: rapid.Bool().Draw(t, "instep"), Error: genText(bus.MaxReason).Draw(t, "error"),
			Pending: rapid.Int().Draw(t, "pending"), Servers: rapid.SliceOfN(server, 0, 3).Draw(t, "servers"),
		}
	})
	return rapid.Custom(func(t *rapid.T) bus.Heartbeat {
		return bus.Heartbeat{
			Epoch: rapid.Uint64().Draw(t, "epoch"), Leader: genText(bus.MaxName).Draw(t, "leader"), SentUnixMs: rapid.Int64().Draw(t, "sent"),
			Seen: rapid.SliceOfN(seen, 0, 5).Draw(t, "seen"), Members: rapid.SliceOfN(member, 0, 5).Draw(t, "members"),
			Balancers: rapid.SliceOfN(balancer, 0, 3).Draw(t, "balancers"),
			Rails:     []bus.RailHealth{{Name: genName().Draw(t, "rail"), Peers: rapid.Int().Draw(t, "peers")}},
		}
	})
}

func TestHeartbeatRoundTrip(t *testing.T) {
	check := func(t rapid.TB, want bus.Heartbeat) {
		b, err := bus.EncodeHeartbeat(want)
		if err != nil {
			t.Fatalf("encode: %v", err)
		}
		got, err := bus.DecodeHeartbeat(b)
		if err != nil {
			t.Fatalf("decode: %v", err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("heartbeat differs (-sent +decoded):\n%s", diff)
		}
	}
	check(t, sampleHeartbeat())
	check(t, bus.Heartbeat{})
	rapid.Check(t, func(t *rapid.T) { check(t, genHeartbeat().Draw(t, "heartbeat")) })
}

func TestHeartbeatWire(t *testing.T) {
	b, err := bus.EncodeHeartbeat(sampleHeartbeat())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"e":7,"r":3,"a":4211,"l":"n2","lv":true,"t":1767225600123,"v":"0.1.0","s":[{"n":"n2","i":9223372036854775808,"b":4,"s":90210},{"n":"n3","b":1,"s":17}],` +
		`"m":[{"p":"web","m":"n1","s":"down","r":"tcp 127.0.0.1:80: connection refused","t":5,"n":2}],` +
		`"b":[{"n":"edge","i":true,"t":9,"e":"e","d":1,"p":2,"ep":"4711","s":[{"b":"web","s":"n1","a":"drain","o":"UP","w":100,"c":12,"p":"draining","r":"r"}]}],` +
		`"rl":[{"n":"a","u":true,"p":2}]}`
	if diff := cmp.Diff(want, string(b)); diff != "" {
		t.Errorf("the wire form changed: older nodes would not understand it (-want +got):\n%s", diff)
	}
}

func TestLongReasonsAreCutInACopy(t *testing.T) {
	long := strings.Repeat("ä", bus.MaxReason)
	h := sampleHeartbeat()
	h.Members[0].Reason, h.Balancers[0].Error, h.Balancers[0].Servers[0].Reason = long, long, "bad \xff byte"
	b, err := bus.EncodeHeartbeat(h)
	if err != nil {
		t.Fatal(err)
	}
	if h.Members[0].Reason != long || h.Balancers[0].Error != long || h.Balancers[0].Servers[0].Reason != "bad \xff byte" {
		t.Error("encoding changed the heartbeat of the caller")
	}
	got, err := bus.DecodeHeartbeat(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{got.Members[0].Reason, got.Balancers[0].Error} {
		if len(s) != bus.MaxReason || !utf8.ValidString(s) || !strings.HasPrefix(long, s) {
			t.Errorf("cut to %d bytes: %q", len(s), s)
		}
	}
	if got := got.Balancers[0].Servers[0].Reason; got != "bad ? byte" {
		t.Errorf("got %q", got)
	}
}

func TestHeartbeatLimits(t *testing.T) {
	name := strings.Repeat("n", bus.MaxName+1)
	for _, tc := range []struct {
		name string
		h    bus.Heartbeat
		want error
	}{
		{"seen", bus.Heartbeat{Seen: make([]bus.Seen, bus.MaxSeen+1)}, bus.ErrTooLarge},
		{"members", bus.Heartbeat{Members: make([]bus.MemberHealth, bus.MaxMembers+1)}, bus.ErrTooLarge},
		{"balancers", bus.Heartbeat{Balancers: make([]bus.BalancerHealth, bus.MaxBalancers+1)}, bus.ErrTooLarge},
		{"servers", bus.Heartbeat{Balancers: []bus.BalancerHealth{{Name: "b", Servers: make([]bus.ServerHealth, bus.MaxServers+1)}}}, bus.ErrTooLarge},
		{"rails", bus.Heartbeat{Rails: make([]bus.RailHealth, bus.MaxRails+1)}, bus.ErrTooLarge},
		{"leader", bus.Heartbeat{Leader: name}, bus.ErrTooLarge},
		{"node", bus.Heartbeat{Seen: []bus.Seen{{Node: name}}}, bus.ErrTooLarge},
		{"state", bus.Heartbeat{Members: []bus.MemberHealth{{Pool: "p", Member: "m", State: name}}}, bus.ErrTooLarge},
		{"empty node", bus.Heartbeat{Seen: []bus.Seen{{}}}, bus.ErrMalformed},
		{"empty pool", bus.Heartbeat{Members: []bus.MemberHealth{{Member: "m"}}}, bus.ErrMalformed},
		{"not utf-8", bus.Heartbeat{Leader: "\xff"}, bus.ErrMalformed},
	} {
		if _, err := bus.EncodeHeartbeat(tc.h); !errors.Is(err, tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, err, tc.want)
		}
	}
}

func TestDecodeHeartbeat(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		want     error
	}{
		{"unknown fields", `{"e":1,"future":{"x":[1,2,{"y":[]}]},"s":[{"n":"n1","z":0}]}`, nil},
		{"empty", ``, bus.ErrMalformed},
		{"not an object", `[]`, bus.ErrMalformed},
		{"wrong type", `{"e":"x"}`, bus.ErrMalformed},
		{"negative epoch", `{"e":-1}`, bus.ErrMalformed},
		{"open string", `{"e":"x\`, bus.ErrMalformed},
		{"null element", `{"s":[null]}`, bus.ErrMalformed},
		{"deep", `{"x":` + strings.Repeat("[", 50) + strings.Repeat("]", 50) + `}`, bus.ErrTooLarge},
		{"many tiny elements", `{"m":[` + strings.Repeat("{},", 300_000) + `{}]}`, bus.ErrTooLarge},
		{"many elements of the wrong type", `{"m":[` + strings.Repeat("1,", 400_000) + `1]}`, bus.ErrTooLarge},
		{"huge", `{"v":"` + strings.Repeat("v", bus.MaxPayload) + `"}`, bus.ErrTooLarge},
		{"long reason", `{"m":[{"p":"p","m":"m","r":"` + strings.Repeat("r", bus.MaxReason+1) + `"}]}`, bus.ErrTooLarge},
		{"commas in a text", `{"m":[` + strings.Repeat(`{"p":"p","m":"m","r":"`+strings.Repeat(",[", 200)+`"},`, 50) + `{"p":"p","m":"m"}]}`, nil},
	} {
		if _, err := bus.DecodeHeartbeat([]byte(tc.in)); !errors.Is(err, tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, err, tc.want)
		}
	}
	h, err := bus.DecodeHeartbeat([]byte(`{"m":[{"p":"p","m":"m","s":"dreaming"}]}`))
	if err != nil || h.Members[0].State != bus.StateUnknown {
		t.Errorf("a state of a later version: got %+v, %v", h, err)
	}
}

func TestFullHeartbeatFits(t *testing.T) {
	var h bus.Heartbeat
	for range bus.MaxMembers {
		h.Members = append(h.Members, bus.MemberHealth{Pool: "pool-of-services", Member: "node-with-a-name", State: bus.StateUp, SinceUnixMs: 1767225600123, N: 12})
	}
	for range bus.MaxSeen {
		h.Seen = append(h.Seen, bus.Seen{Node: "node-with-a-name", Boot: 1, Seq: 1 << 40})
	}
	b, err := bus.EncodeHeartbeat(h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bus.DecodeHeartbeat(b); err != nil {
		t.Fatal(err)
	}
}

func TestVoteRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := bus.Vote{
			Target: genName().Draw(t, "target"), TargetInstall: rapid.Uint64().Draw(t, "install"), TargetBoot: rapid.Uint64().Draw(t, "boot"),
			TargetEpoch: rapid.Uint64().Draw(t, "epoch"), Down: rapid.Bool().Draw(t, "down"), SilenceMs: rapid.Int64Min(0).Draw(t, "silence"),
			BeatSeq: rapid.Uint64().Draw(t, "beat"),
		}
		b, err := bus.EncodeVote(want)
		if err != nil {
			t.Fatalf("encode: %v", err)
		}
		got, err := bus.DecodeVote(b)
		if err != nil || got != want {
			t.Fatalf("got %+v, %v; want %+v", got, err, want)
		}
	})
}

func TestVoteRefuses(t *testing.T) {
	for in, want := range map[string]error{
		``: bus.ErrMalformed, `{}`: bus.ErrMalformed, `{"t":"n1","s":-1}`: bus.ErrMalformed, `null`: bus.ErrMalformed,
		`{"t":"` + strings.Repeat("n", bus.MaxName+1) + `"}`: bus.ErrTooLarge, `{"t":"` + strings.Repeat("n", 5000) + `"}`: bus.ErrTooLarge,
		`{"t":"n1","future":[1]}`: nil,
	} {
		if _, err := bus.DecodeVote([]byte(in)); !errors.Is(err, want) {
			t.Errorf("%.40s: got %v, want %v", in, err, want)
		}
	}
	if _, err := bus.EncodeVote(bus.Vote{}); !errors.Is(err, bus.ErrMalformed) {
		t.Errorf("got %v", err)
	}
}

func FuzzDecodeHeartbeat(f *testing.F) {
	b, err := bus.EncodeHeartbeat(sampleHeartbeat())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"m":[{"p":"a","m":"b","s":"?"}],"x":[[[]]]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := bus.DecodeHeartbeat(b)
		if err != nil {
			return
		}
		again, err := bus.EncodeHeartbeat(h)
		if errors.Is(err, bus.ErrTooLarge) {
			return // escapes may take more room than the bytes they stand for
		}
		if err != nil {
			t.Fatalf("what was decoded cannot be encoded: %v", err)
		}
		h2, err := bus.DecodeHeartbeat(again)
		if err != nil {
			t.Fatalf("decode again: %v", err)
		}
		if diff := cmp.Diff(h, h2, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("not stable:\n%s", diff)
		}
	})
}

func FuzzDecodeVote(f *testing.F) {
	f.Add([]byte(`{"t":"n1","i":1,"b":2,"e":3,"d":true,"s":4,"q":5}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := bus.DecodeVote(b)
		if err != nil {
			return
		}
		again, err := bus.EncodeVote(v)
		if err != nil {
			t.Fatalf("what was decoded cannot be encoded: %v", err)
		}
		if v2, err := bus.DecodeVote(again); err != nil || v2 != v {
			t.Fatalf("got %+v, %v; want %+v from %s", v2, err, v, bytes.TrimSpace(again))
		}
	})
}

func BenchmarkHeartbeat(b *testing.B) {
	h := sampleHeartbeat()
	frame, err := bus.EncodeHeartbeat(h)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := bus.EncodeHeartbeat(h); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := bus.DecodeHeartbeat(frame); err != nil {
				b.Fatal(err)
			}
		}
	})
}
