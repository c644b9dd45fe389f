// SPDX-License-Identifier: Apache-2.0

package mover

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestStories runs testdata/*.txt. Times are from the beginning of the story, in the words of time.ParseDuration. The commands are:
//
//	want [newer=RESOURCE:EPOCH]     (one unit per line: resource epoch interface address ... [key=value ...], with the keys command, waits,
//	                                timeout, every and, for a unit that has no command, arp)
//	right D                         until when this node has the right to act
//	ends RESOURCE ok|fails|late     the command that runs there ends
//	until D                         lets the time pass, with a step at each moment that is due
//
// Each prints what is begun and killed, and how all units stand if that has changed.
func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &story{machine: newMachine(), running: map[string]op{}}
		s.now = storyStart
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			t.Helper()
			s.out.Reset()
			s.do(t, d)
			if r := s.machine.report(); !slices.Equal(r.Units, s.told.Units) {
				s.told = r
				s.report(r)
			}
			return s.out.String()
		})
	})
}

var storyStart = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

type story struct {
	machine *machine
	now     time.Time
	right   time.Time
	running map[string]op // by resource
	told    Report
	out     strings.Builder
}

func (s *story) do(t *testing.T, d *datadriven.TestData) {
	t.Helper()
	switch d.Cmd {
	case "want":
		o := order{epochs: map[string]uint64{}}
		for _, a := range d.CmdArgs {
			name, epoch, _ := strings.Cut(a.Vals[0], ":")
			o.epochs[name] = count(t, epoch)
		}
		for line := range strings.Lines(d.Input) {
			o.units = append(o.units, unit(t, strings.Fields(line)))
		}
		s.step(o)
	case "right":
		s.right = moment(t, d.CmdArgs[0].Key)
		s.step(tick{})
	case "ends":
		name := d.CmdArgs[0].Key
		o, ok := s.running[name]
		if !ok {
			t.Fatalf("%s: nothing runs for %s", d.Pos, name)
		}
		delete(s.running, name)
		e := ended{resource: name, number: o.number}
		switch d.CmdArgs[1].Key {
		case "ok":
			e.outcome = done
		case "late":
			e.outcome = late
		default:
			e.outcome, e.said = failed, "exit status 1: no luck"
		}
		s.step(e)
	case "until":
		s.pass(moment(t, d.CmdArgs[0].Key))
	default:
		t.Fatalf("%s: unknown command %q", d.Pos, d.Cmd)
	}
}

func (s *story) pass(to time.Time) {
	for range 1000 {
		due := s.machine.due
		if due.IsZero() || due.After(to) {
			s.now = to
			return
		}
		s.now = due
		s.step(tick{})
	}
	s.out.WriteString("it does not come to rest\n")
}

func (s *story) step(ev event) {
	for _, o := range s.machine.step(s.now, s.right, ev) {
		fmt.Fprintf(&s.out, "%6s  ", s.now.Sub(storyStart))
		if o.kill {
			fmt.Fprintf(&s.out, "kill  %s %s: %s\n", o.verb, o.unit.Resource, o.why)
			continue
		}
		s.running[o.unit.Resource] = o
		fmt.Fprintf(&s.out, "begin %s %s under %d: %v, for %s at most\n", o.verb, o.unit.Resource, o.unit.Epoch, o.unit.Addresses, o.unit.Timeout)
	}
}

func (s *story) report(r Report) {
	if len(r.Units) == 0 {
		s.out.WriteString("        nothing is wanted\n")
	}
	for _, u := range r.Units {
		fmt.Fprintf(&s.out, "        %s under %d: %s\n", u.Resource, u.Epoch, join(string(u.State), u.Reason))
	}
}

func unit(t *testing.T, f []string) Unit {
	t.Helper()
	u := Unit{Resource: f[0], Epoch: count(t, f[1]), Interface: f[2], Command: []string{"/move"}}
	for _, word := range f[3:] {
		key, value, ok := strings.Cut(word, "=")
		switch {
		case word == "arp":
			u.Command = nil
		case !ok:
			u.Addresses = append(u.Addresses, netip.MustParsePrefix(word))
		case key == "command":
			u.Command = []string{value}
		case key == "waits":
			u.Waits = value
		case key == "timeout":
			u.Timeout = length(t, value)
		case key == "every":
			u.Every = length(t, value)
		default:
			t.Fatalf("unknown key %q", key)
		}
	}
	return u
}

func moment(t *testing.T, s string) time.Time { return storyStart.Add(length(t, s)) }

func length(t *testing.T, s string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func count(t *testing.T, s string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
