// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestStories runs testdata/*.txt. Times are from the beginning of the story, in the words of time.ParseDuration. The commands are:
//
//	links [ADDRESS ...]          what is on the links before the guard begins, as 10.0.0.1/24@eth0
//	gates [ADDR@IF ...]          the gates that are there
//	stranger ADDRESS [gone]      somebody else has the address, or has it no longer
//	breaks KIND [ADDR] [OUTCOME] from now on operations of a kind end so (default failed), at all addresses or one
//	works KIND                   and now they do not
//	holds KIND                   operations of a kind stay under way
//	ends KIND                    and end
//	order until=D [number=N] [links=(A, B)]  (one unit per line: resource epoch address ... [no-probe])
//	extend until=D
//	attached | lost | quit | changed | linkup IF
//	gone ADDRESS                 somebody removes it from its link
//	until D                      lets the time pass, with a step at each moment that is due
//	restart                      forgets the machine, as a guard that was killed and begun again
//
// Each command prints the operations that it led to and, if the supervisor was told anything, what it was told last.
func TestStories(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			s := newStory()
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				t.Helper()
				s.out.Reset()
				s.do(t, d)
				if s.told {
					s.told = false
					s.report()
				}
				return s.out.String()
			})
		})
	}
}

// storyStart is when stories begin: a machine has been up for a while.
const storyStart = Instant(1000 * time.Second)

type story struct {
	*world
	out     strings.Builder
	machine *Machine
	held    map[OpKind]bool
	under   []Op
	number  uint64
	told    bool // the supervisor, since the command began
}

func newStory() *story {
	return &story{world: newWorld(), machine: New(), held: map[OpKind]bool{}}
}

func (s *story) do(t *testing.T, d *datadriven.TestData) {
	t.Helper()
	var args []string
	for _, a := range d.CmdArgs {
		if len(a.Vals) == 0 {
			args = append(args, a.Key)
		}
	}
	switch d.Cmd {
	case "links":
		for _, a := range args {
			s.links[address(t, a)] = true
		}
	case "gates":
		for _, a := range args {
			s.gates[address(t, a).Gated()] = s.now.Add(time.Minute)
		}
	case "stranger":
		s.strangers[address(t, args[0]).Prefix.Addr()] = len(args) == 1
	case "breaks":
		b := breakage{outcome: Failed}
		for _, word := range args[1:] {
			if o := outcome(word); o != 0 {
				b.outcome = o
			} else {
				b.at = netip.MustParseAddr(word)
			}
		}
		s.broken[kind(t, args[0])] = b
	case "works":
		delete(s.broken, kind(t, args[0]))
	case "holds":
		s.held[kind(t, args[0])] = true
	case "ends":
		delete(s.held, kind(t, args[0]))
		under := s.under
		s.under = nil
		s.carryOut(under)
	case "gone":
		delete(s.links, address(t, args[0]))
	case "until":
		s.pass(s.at(t, args[0]))
	case "restart":
		s.machine, s.under = New(), nil
	default:
		s.step(s.event(t, d, args))
	}
}

func (s *story) event(t *testing.T, d *datadriven.TestData, args []string) Event {
	t.Helper()
	var until, number string
	d.MaybeScanArgs(t, "until", &until)
	d.MaybeScanArgs(t, "number", &number)
	switch d.Cmd {
	case "order":
		s.number++
		o := Order{Number: s.number, Until: s.at(t, until)}
		if number != "" {
			s.number = count(t, number)
			o.Number = s.number
		}
		if d.HasArg("links") {
			d.ScanArgs(t, "links", &o.Links)
		}
		for line := range strings.Lines(d.Input) {
			o.Units = append(o.Units, unit(t, strings.Fields(line)))
		}
		return o
	case "extend":
		return Extend{s.at(t, until)}
	case "attached":
		s.number = 0
		return Attached{}
	case "lost":
		return Lost{}
	case "quit":
		return Quit{}
	case "changed":
		return Changed{}
	case "linkup":
		return LinkUp{args[0]}
	default:
		t.Fatalf("unknown command %q", d.Cmd)
		return nil
	}
}

// pass lets the time pass to a moment.
func (s *story) pass(to Instant) {
	for range 1000 {
		due := s.machine.Due()
		if due > to {
			s.now = to
			return
		}
		s.now = max(s.now, due)
		s.step(Tick{})
	}
	s.out.WriteString("it does not come to rest\n")
}

// step tells the machine one thing, and carries out what it answers and what comes of that, in turn.
func (s *story) step(ev Event) {
	s.carryOut(s.machine.Step(s.now, ev))
}

func (s *story) carryOut(ops []Op) {
	for len(ops) > 0 {
		o := ops[0]
		ops = ops[1:]
		if o.Kind == OpReport {
			s.told = true
			continue
		}
		s.print(o)
		if s.held[o.Kind] {
			s.under = append(s.under, o)
			continue
		}
		ev := s.act(o)
		if r, ok := ev.(Result); ok && r.Outcome != Done {
			fmt.Fprintf(&s.out, "            %s: %s\n", r.Outcome, r.Detail)
		}
		ops = append(ops, s.machine.Step(s.now, ev)...)
	}
}

func (s *story) print(o Op) {
	fmt.Fprintf(&s.out, "%8s  %s", s.now.Sub(storyStart), o)
	if o.Kind == OpSetGate || o.Kind == OpAdd || o.Kind == OpRefresh {
		fmt.Fprintf(&s.out, " until %s", s.clock(o.Until))
	}
	fmt.Fprintf(&s.out, ": %s\n", o.Why)
}

func (s *story) report() {
	status := s.machine.Status()
	fmt.Fprintf(&s.out, "  report  answers=%d until=%s lapsed=%t", status.Answers, s.clock(status.Until), status.Lapsed)
	if status.Trouble != "" {
		fmt.Fprintf(&s.out, " trouble: %s", status.Trouble)
	}
	s.out.WriteString("\n")
	for _, u := range status.Units {
		fmt.Fprintf(&s.out, "            %s epoch %d", cmp.Or(u.Resource, "(nobody's)"), u.Epoch)
		if u.Refused != "" {
			fmt.Fprintf(&s.out, " refused: %s", u.Refused)
		}
		s.out.WriteString("\n")
		for _, a := range u.Addresses {
			fmt.Fprintf(&s.out, "              %s %s", a.Address, a.Phase)
			if a.Why != "" {
				fmt.Fprintf(&s.out, ": %s", a.Why)
			}
			s.out.WriteString("\n")
		}
	}
}

func (s *story) clock(at Instant) string {
	if at <= 0 {
		return "-"
	}
	return at.Sub(storyStart).String()
}

func (s *story) at(t *testing.T, text string) Instant {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return storyStart.Add(d)
}

// world is the links, the gates and the neighbours of a node.
type world struct {
	now       Instant
	links     map[Address]bool
	gates     map[Gated]Instant
	strangers map[netip.Addr]bool
	broken    map[OpKind]breakage
}

type breakage struct {
	at      netip.Addr // the zero address stands for all
	outcome Outcome
}

func newWorld() *world {
	return &world{
		now: storyStart, links: map[Address]bool{}, gates: map[Gated]Instant{},
		strangers: map[netip.Addr]bool{}, broken: map[OpKind]breakage{},
	}
}

// act carries an operation out, as hands and gate do.
func (w *world) act(o Op) Event {
	r := Result{Op: o, Outcome: Done}
	if b, ok := w.broken[o.Kind]; ok && (!b.at.IsValid() || b.at == o.Address.Prefix.Addr()) {
		r.Outcome, r.Detail = b.outcome, "no luck"
		return r
	}
	k := o.Address.key()
	switch o.Kind {
	case OpSetGate:
		w.gates[o.Address.Gated()] = o.Until
	case OpClearGate:
		delete(w.gates, o.Address.Gated())
	case OpProbe:
		if w.strangers[o.Address.Prefix.Addr()] {
			r.Outcome, r.Detail = Taken, "02:00:00:00:00:07"
		}
	case OpAdd:
		w.links[k] = true
	case OpRefresh:
		if !w.links[k] {
			r.Outcome = Gone
		}
	case OpRemove:
		delete(w.links, k)
	case OpLook:
		return Seen{
			Addresses: slices.SortedFunc(maps.Keys(w.links), compareAddresses),
			Gates:     slices.SortedFunc(maps.Keys(w.gates), compareGated),
		}
	case OpAnnounce, OpPrepare, OpReport:
	}
	return r
}

func unit(t *testing.T, f []string) Unit {
	t.Helper()
	u := Unit{Resource: f[0], Epoch: count(t, f[1])}
	for _, a := range f[2:] {
		if a == "no-probe" {
			u.NoProbe = true
			continue
		}
		u.Addresses = append(u.Addresses, address(t, a))
	}
	return u
}

func address(t *testing.T, s string) Address {
	t.Helper()
	prefix, link, ok := strings.Cut(s, "@")
	if !ok {
		t.Fatalf("%q is no address on an interface", s)
	}
	if !strings.Contains(prefix, "/") {
		prefix += "/24"
	}
	p, err := netip.ParsePrefix(prefix)
	if err != nil {
		t.Fatal(err)
	}
	return Address{Prefix: p, Interface: link}
}

func kind(t *testing.T, s string) OpKind {
	t.Helper()
	for k := OpSetGate; k <= OpReport; k++ {
		if k.String() == s {
			return k
		}
	}
	t.Fatalf("%q is no operation", s)
	return 0
}

func outcome(s string) Outcome {
	for o := Done; o <= Failed; o++ {
		if o.String() == s {
			return o
		}
	}
	return 0
}

func count(t *testing.T, s string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
