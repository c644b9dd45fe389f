// SPDX-License-Identifier: Apache-2.0

package natsbus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/bus/natsbus"
)

func TestMeshDeliversEachFrameOnce(t *testing.T) {
	nodes := mesh(t, 3)
	n1, n2, n3 := nodes[0], nodes[1], nodes[2]
	var first, last uint64
	for i := range 200 {
		last = n2.send("", bus.KindHeartbeat, []byte{byte(i)})
		if first == 0 {
			first = last
		}
		time.Sleep(time.Millisecond)
	}
	to := n2.send("n3", bus.KindRaft, []byte("for n3"))
	until(t, "frame for n3", func() bool { return slices.Contains(n3.from("n2"), to) })
	for _, n := range []*node{n1, n3} {
		until(t, "all beats at "+n.name, func() bool { lost, _ := missing(n.from("n2"), first, last); return len(lost) == 0 })
		if _, twice := missing(n.from("n2"), first, last); twice {
			t.Errorf("%s got a frame twice", n.name)
		}
	}
	if slices.Contains(n1.from("n2"), to) {
		t.Error("n1 got the frame for n3")
	}
	if len(n2.from("n2")) != 0 {
		t.Error("n2 heard itself")
	}
	for i, r := range n1.Rails() {
		if !r.Up || r.Err != "" || r.Routes != 2 || len(r.Peers) != 2 || r.Refused != 0 || r.Dropped != 0 || r.Twins != 0 {
			t.Errorf("rail %d: %+v", i, r)
		}
	}
}

func TestOneRailLostLosesNothing(t *testing.T) {
	nodes := mesh(t, 3)
	n1, n2 := nodes[0], nodes[1]
	var first, last uint64
	var replaced func()
	for i := range 400 {
		switch i {
		case 100:
			replaced = n1.kill(t)
		case 250:
			if err := n2.DropClient(0); err != nil {
				t.Fatal(err)
			}
		}
		last = n2.send("", bus.KindHeartbeat, nil)
		if first == 0 {
			first = last
		}
		time.Sleep(time.Millisecond)
	}
	for _, n := range []*node{n1, nodes[2]} {
		until(t, "all beats at "+n.name, func() bool { lost, _ := missing(n.from("n2"), first, last); return len(lost) == 0 })
	}
	replaced()
}

func TestDeadServerIsReplacedAndFound(t *testing.T) {
	ports := [2]string{own(40), own(41)}
	var nodes []*node
	for i, listen := range ports {
		nodes = append(nodes, start(t, natsbus.Options{
			Node: fmt.Sprintf("n%d", i+1), Install: uint64(i + 1), Boot: 1,
			Rails: []natsbus.Rail{{Name: "a", Listen: listen, Seeds: ports[:]}},
		}))
	}
	settle(t, nodes)
	nodes[0].kill(t)()
	settle(t, nodes)
}

func TestRailMissingAtStartRecovers(t *testing.T) {
	taken, err := net.Listen("tcp", anyPort(44))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	n := start(t, natsbus.Options{Node: "n1", Install: 1, Boot: 1, Rails: []natsbus.Rail{
		{Name: "taken", Listen: taken.Addr().String()},
		{Name: "absent", Listen: "192.0.2.77:7000"}, // TEST-NET-1, RFC 5737: on no machine
		{Name: "good", Listen: anyPort(44)},
	}})
	until(t, "good rail up", func() bool { return n.Rails()[2].Up })
	for i, want := range []string{"address already in use", "cannot assign requested address"} {
		until(t, want, func() bool { return strings.Contains(n.Rails()[i].Err, want) })
		if n.Rails()[i].Up {
			t.Errorf("rail %d is up", i)
		}
	}
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, "taken rail recovers", func() bool { r := n.Rails()[0]; return r.Up && r.Err == "" })
	if r := n.Rails()[1]; r.Up {
		t.Errorf("absent rail: %+v", r)
	}
}

func TestOtherKeyNeverMergesNorDelivers(t *testing.T) {
	home := mesh(t, 2)
	seeds := func(rail int) []string { return []string{home[0].Rails()[rail].Listen, home[1].Rails()[rail].Listen} }
	var strangers []*node
	for i := range 2 {
		strangers = append(strangers, start(t, natsbus.Options{
			Node: fmt.Sprintf("x%d", i+1), Install: uint64(900 + i), Boot: 1, Sealer: testSealer(t, keyB, demo),
			Rails: []natsbus.Rail{
				{Name: "a", Listen: anyPort(50 + i), Seeds: seeds(0)},
				{Name: "b", Listen: anyPort(55 + i), Seeds: seeds(1)},
			},
		}))
		until(t, "stranger up", func() bool { return strangers[i].Rails()[0].Up && strangers[i].Rails()[1].Up })
	}
	for range 300 { // long enough for several attempts of the strangers to connect
		for _, n := range slices.Concat(home, strangers) {
			n.send("", bus.KindHeartbeat, nil)
		}
		time.Sleep(10 * time.Millisecond)
	}
	for _, h := range home {
		for _, x := range strangers {
			if len(h.from(x.name)) != 0 || len(x.from(h.name)) != 0 {
				t.Errorf("%s and %s heard each other", h.name, x.name)
			}
		}
		for _, r := range h.Rails() {
			if len(r.Peers) != 1 {
				t.Errorf("%s rail %s hears %v", h.name, r.Name, r.Peers)
			}
		}
	}
	settle(t, home) // and the strangers' knocking harms nobody
}

// Whatever comes over a rail and was not sealed with the network's key is counted and never handed on, and a frame that was is handed on once.
func TestForgedFrameIsRefusedAndCounted(t *testing.T) {
	nodes := mesh(t, 2)
	const boot = 9 // no node lives it, so a frame of it was not made by a node
	seal := func(s bus.Sealer, seq uint64) []byte {
		frame, err := s.Seal(bus.Envelope{From: "n1", Install: 100, Boot: boot, Seq: seq, Kind: bus.KindVote, Payload: []byte("down")})
		if err != nil {
			t.Fatal(err)
		}
		return frame
	}
	good := seal(testSealer(t, keyA, demo), 1)
	forged := [][]byte{
		seal(testSealer(t, keyB, demo), 2),    // the authentic frame of a network with another key
		seal(testSealer(t, keyA, "other"), 3), // and of one with another name
		good[:len(good)-1], good[1:], []byte("noise"), {},
	}
	for i := range good { // every byte counts: header, names, payload and code
		wrong := bytes.Clone(good)
		wrong[i] ^= 1
		forged = append(forged, wrong)
	}
	for _, frame := range forged {
		nodes[0].SendRaw(0, frame)
	}
	until(t, "forged frames refused", func() bool { return nodes[1].Rails()[0].Refused == uint64(len(forged)) })
	for _, frame := range [][]byte{good, good, seal(testSealer(t, keyA, demo), 2)} {
		nodes[0].SendRaw(0, frame)
	}
	handedOn := func() (seqs []uint64) {
		nodes[1].mu.Lock()
		defer nodes[1].mu.Unlock()
		for _, e := range nodes[1].got {
			if e.Boot == boot {
				seqs = append(seqs, e.Seq)
			}
		}
		return seqs
	}
	until(t, "what was sent last", func() bool { return slices.Contains(handedOn(), 2) })
	if got := handedOn(); !slices.Equal(got, []uint64{1, 2}) {
		t.Errorf("frames %v of the made-up life were handed on, want the two authentic ones, once each", got)
	}
}

func TestTwinIsIgnoredAndCounted(t *testing.T) {
	n := start(t, natsbus.Options{Node: "n1", Install: 1, Boot: 5, Rails: []natsbus.Rail{{Name: "a", Listen: anyPort(60)}}})
	until(t, "up", func() bool { return n.Rails()[0].Up })
	seed := []string{n.Rails()[0].Listen}
	for i, opt := range []natsbus.Options{
		{Node: "n1", Install: 2, Boot: 1}, // another installation under our name
		{Node: "n1", Install: 1, Boot: 6}, // a copy of our machine
	} {
		opt.Rails = []natsbus.Rail{{Name: "a", Listen: anyPort(61 + i), Seeds: seed}}
		twin := start(t, opt)
		was := n.Rails()[0].Twins
		until(t, "twin noticed", func() bool { twin.send("", bus.KindHeartbeat, nil); return n.Rails()[0].Twins > was })
		twin.stop()
	}
	if len(n.from("n1")) != 0 {
		t.Error("frames of a twin were delivered")
	}
}

func TestFrameSizes(t *testing.T) {
	nodes := mesh(t, 2)
	big := nodes[0].send("n2", bus.KindRaft, make([]byte, bus.MaxPayload))
	until(t, "largest frame", func() bool { return slices.Contains(nodes[1].from("n1"), big) })
	large := nodes[0].send("n2", bus.KindRaft, make([]byte, bus.MaxPayload+1))
	last := nodes[0].send("n2", bus.KindRaft, nil)
	until(t, "the next frame", func() bool { return slices.Contains(nodes[1].from("n1"), last) })
	if slices.Contains(nodes[1].from("n1"), large) {
		t.Error("a frame over the limit arrived")
	}
}

func TestBadOptions(t *testing.T) {
	rail := natsbus.Rail{Name: "a", Listen: "127.0.0.1:0"}
	good := natsbus.Options{Node: "n1", Sealer: testSealer(t, keyA, demo), Rails: []natsbus.Rail{rail}}
	if _, err := natsbus.New(good); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(*natsbus.Options){
		"no node":      func(o *natsbus.Options) { o.Node = "" },
		"no key":       func(o *natsbus.Options) { o.Sealer = bus.Sealer{} },
		"no rail":      func(o *natsbus.Options) { o.Rails = nil },
		"same rail":    func(o *natsbus.Options) { o.Rails = []natsbus.Rail{rail, rail} },
		"bad listen":   func(o *natsbus.Options) { o.Rails = []natsbus.Rail{{Name: "a", Listen: "here"}} },
		"bad port":     func(o *natsbus.Options) { o.Rails = []natsbus.Rail{{Name: "a", Listen: "h:70000"}} },
		"bad seed":     func(o *natsbus.Options) { o.Rails = []natsbus.Rail{{Name: "a", Listen: "h:1", Seeds: []string{"x"}}} },
		"bad interval": func(o *natsbus.Options) { o.PingInterval = time.Hour },
		"bad patience": func(o *natsbus.Options) { o.PingsOut = -1 },
	} {
		opt := good
		edit(&opt)
		if _, err := natsbus.New(opt); !errors.Is(err, natsbus.ErrOptions) {
			t.Errorf("%s: got %v, want ErrOptions", name, err)
		}
	}
}

func TestRunOnceAndSendAnytime(t *testing.T) {
	b, err := natsbus.New(natsbus.Options{Node: "n1", Sealer: testSealer(t, keyA, demo), Rails: []natsbus.Rail{{Name: "a", Listen: anyPort(65)}}})
	if err != nil {
		t.Fatal(err)
	}
	frame := bus.Outgoing{Envelope: bus.Envelope{From: "n1", Kind: bus.KindHeartbeat}}
	b.Send(frame)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := b.Run(ctx, func(bus.Envelope, int) {}); err != nil {
		t.Errorf("first Run: %v", err)
	}
	if err := b.Run(ctx, func(bus.Envelope, int) {}); !errors.Is(err, natsbus.ErrRunning) {
		t.Errorf("second Run: got %v, want ErrRunning", err)
	}
	b.Send(frame)
	if r := b.Rails()[0]; r.Up || r.Dropped != 2 || r.Err != "stopped" {
		t.Errorf("%+v", r)
	}
}
