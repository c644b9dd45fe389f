// SPDX-License-Identifier: Apache-2.0

package holding

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip/mover"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
	"github.com/evenkeel-ha/evenkeel/supervisor/holdings"
)

// TestJoined: a unit that a command moves is held only when both say so.
func TestJoined(t *testing.T) {
	unit := func(state string) core.Unit {
		return core.Unit{Resource: "vip", Epoch: 3, State: state, Reason: "guard"}
	}
	moved := func(epoch uint64, state mover.State) []mover.Status {
		return []mover.Status{{Resource: "web", Epoch: 3, State: mover.Trouble, Reason: "web"}, {Resource: "vip", Epoch: epoch, State: state, Reason: "mover"}}
	}
	for _, c := range []struct {
		guard         string
		moved         []mover.Status
		state, reason string
	}{
		{bus.ResourceHeld, moved(3, mover.Held), bus.ResourceHeld, "guard"},
		{bus.ResourceHeld, moved(3, mover.Taking), bus.ResourceTaking, "mover"},
		{bus.ResourceHeld, moved(3, mover.Trouble), bus.ResourceTrouble, "mover"},
		{bus.ResourceHeld, moved(2, mover.Held), bus.ResourceTaking, "the command that moves it was not run yet"},
		{bus.ResourceHeld, nil, bus.ResourceTaking, "the command that moves it was not run yet"},
		{bus.ResourceTaking, moved(3, mover.Held), bus.ResourceTaking, "guard"},
		{bus.ResourceTaking, moved(3, mover.Taking), bus.ResourceTaking, "guard"},
		{bus.ResourceTaking, moved(3, mover.Trouble), bus.ResourceTrouble, "mover"},
		{bus.ResourceTrouble, moved(3, mover.Held), bus.ResourceTrouble, "guard"},
		{bus.ResourceTrouble, moved(3, mover.Trouble), bus.ResourceTrouble, "guard"},
		{bus.ResourceGone, moved(3, mover.Trouble), bus.ResourceGone, "guard"},
		{bus.ResourceGone, moved(3, mover.Held), bus.ResourceGone, "guard"},
		{bus.ResourceGone, nil, bus.ResourceGone, "guard"},
	} {
		if state, reason := joined(unit(c.guard), c.moved); state != c.state || reason != c.reason {
			t.Errorf("%s and %v: %s since %s, want %s since %s", c.guard, c.moved, state, reason, c.state, c.reason)
		}
	}
}

// TestMovesOf: what no command moves is nothing to the mover, and what the guard does not hold waits.
func TestMovesOf(t *testing.T) {
	moved := holding(3)
	moved.VIP.Command = []string{"/bin/move"}
	want := mover.Unit{Resource: "vip", Epoch: 3, Addresses: moved.VIP.Prefixes(), Interface: "eth0", Command: moved.VIP.Command}
	for what, c := range map[string]struct {
		status guard.Status
		waits  string
	}{
		"held":               {guard.Status{Units: []guard.UnitStatus{unitAs(3, guard.Held)}}, ""},
		"held before":        {guard.Status{Units: []guard.UnitStatus{unitAs(2, guard.Held)}}, notHeld},
		"on its way":         {guard.Status{Units: []guard.UnitStatus{unitAs(3, guard.Adding)}}, notHeld},
		"the guard is quiet": {guard.Status{}, notHeld},
	} {
		want.Waits = c.waits
		got := movesOf([]core.Holding{{Resource: "web", Epoch: 1}, moved}, c.status)
		if diff := cmp.Diff([]mover.Unit{want}, got, prefixes); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
}

// provider is a command that writes down what it was asked, and fails while there is a file of that name.
type provider struct {
	t      *testing.T
	folder string
}

func newProvider(t *testing.T) provider {
	t.Helper()
	p := provider{t, t.TempDir()}
	script := "#!/bin/sh\ncd " + p.folder + "\necho \"$EVENKEEL_NODE $EVENKEEL_EPOCH $EVENKEEL_ADDRESS $1\" >> asked\n" +
		"if [ -e fails ]; then echo no luck >&2; exit 1; fi\n"
	if err := os.WriteFile(p.program(), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p provider) program() string { return filepath.Join(p.folder, "move") }

func (p provider) asked() []string {
	p.t.Helper()
	content, err := os.ReadFile(filepath.Join(p.folder, "asked"))
	if err != nil && !os.IsNotExist(err) {
		p.t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(content)), "\n")
}

// patience is how long tests wait for what comes in milliseconds on a machine that is not busy.
const patience = 30 * time.Second

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !cond(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came about that %s", what)
		}
	}
}

// TestMoves has a real command run: once the guard holds the address, and not before.
func TestMoves(t *testing.T) {
	p := newProvider(t)
	h := New(Options{Node: "n1", Bears: bears, Log: zerolog.New(zerolog.NewTestWriter(t))})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := h.runMover(ctx); err != nil {
			t.Error(err)
		}
	})
	defer running.Wait()
	defer cancel()
	state := func(want string) func() bool {
		return func() bool {
			g, _ := h.stands(time.Now())
			return len(g.Units) == 1 && g.Units[0].State == want
		}
	}

	plain := right(h, holdings.Hold{Order: 1, Holdings: []core.Holding{holding(3)}}, time.Minute)
	h.Hold(plain)
	h.says(1, unitAs(3, guard.Held))
	if g, _ := h.stands(time.Now()); g.Units[0].State != bus.ResourceHeld || h.moves {
		t.Fatalf("%+v, and the mover is begun: %t", g, h.moves)
	}

	moved := holding(3)
	moved.VIP.Command = []string{p.program()}
	w := plain
	w.Order, w.Holdings = 2, []core.Holding{moved}
	h.says(1, unitAs(3, guard.Adding))
	if err := os.WriteFile(filepath.Join(p.folder, "fails"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h.Hold(w)
	if g, _ := h.stands(time.Now()); g.Units[0].State != bus.ResourceTaking {
		t.Errorf("%+v", g)
	}
	if got := p.asked(); got[0] != "" {
		t.Errorf("it was asked %q before the guard held the address", got)
	}
	h.says(2, unitAs(3, guard.Held))
	eventually(t, "the command fails", state(bus.ResourceTrouble))
	if g, _ := h.stands(time.Now()); !strings.Contains(g.Units[0].Reason, "no luck") {
		t.Errorf("%+v", g)
	}
	if err := os.Remove(filepath.Join(p.folder, "fails")); err != nil {
		t.Fatal(err)
	}
	h.Hold(right(h, w, time.Minute))
	eventually(t, "the command has brought it here", state(bus.ResourceHeld))

	// It is recalled, and the core says nothing of a right any more, for there is nothing to hold: the right that was told goes on.
	h.Hold(holdings.Hold{Order: 3})
	h.says(3)
	eventually(t, "it is released", func() bool { return slices.Contains(p.asked(), "n1 3 10.0.0.100 release") })
	if asked := p.asked(); asked[0] != "n1 3 10.0.0.100 assign" || slices.Index(asked, "n1 3 10.0.0.100 release") != len(asked)-1 {
		t.Errorf("it was asked %q", asked)
	}
}

// TestReleasesNothingOfOthers: what another node was given meanwhile is not taken from it.
func TestReleasesNothingOfOthers(t *testing.T) {
	p := newProvider(t)
	h := New(Options{Node: "n1", Bears: bears, Log: zerolog.New(zerolog.NewTestWriter(t))})
	first, second := holding(3), holding(1)
	first.VIP.Command = []string{p.program()}
	second.Resource, second.VIP.Addresses, second.VIP.Command = "web", []string{"10.0.0.7/24"}, []string{p.program()}
	web := guard.UnitStatus{Resource: "web", Epoch: 1, Addresses: []guard.AddressStatus{at("10.0.0.7/24", guard.Held, "")}}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := h.runMover(ctx); err != nil {
			t.Error(err)
		}
	})
	defer running.Wait()
	defer cancel()
	w := right(h, holdings.Hold{Order: 1, Holdings: []core.Holding{first}}, time.Minute)
	h.Hold(w)
	h.says(1, unitAs(3, guard.Held))
	eventually(t, "it is here", func() bool {
		g, _ := h.stands(time.Now())
		return len(g.Units) == 1 && g.Units[0].State == bus.ResourceHeld
	})
	w.Order, w.Holdings, w.Epochs = 2, []core.Holding{second}, map[string]uint64{"vip": 4}
	h.Hold(w)
	h.says(2, web)
	eventually(t, "the next one is here", func() bool { return slices.Contains(p.asked(), "n1 1 10.0.0.7 assign") })
	w.Order, w.Holdings = 3, nil
	h.Hold(w)
	eventually(t, "the next one is released", func() bool { return slices.Contains(p.asked(), "n1 1 10.0.0.7 release") })
	if slices.Contains(p.asked(), "n1 3 10.0.0.100 release") {
		t.Errorf("it was asked %q", p.asked())
	}
}
