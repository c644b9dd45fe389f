// SPDX-License-Identifier: Apache-2.0

package stage_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab/labtest"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/scenarios/stage"
)

// patience bounds every wait of these tests; nothing is asserted about speed.
const patience = 60 * time.Second

// player plays steps as a script would, and ends the test at the first that goes wrong.
type player struct {
	*testing.T
	stage *stage.Stage
}

// with returns the player in the hands of a subtest.
func (p player) with(t *testing.T) player { return player{t, p.stage} }

func open(t *testing.T, opts stage.Options) player {
	t.Helper()
	labtest.Need(t)
	dir, err := os.MkdirTemp("", "stg") //nolint:usetesting // short: the path of a unix socket is at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	opts.Binary, opts.Dir = binary, dir
	s, err := stage.Open(t.Context(), opts)
	if err != nil {
		if failure, ok := errors.AsType[*stage.StartError](err); ok {
			for _, log := range failure.Logs {
				t.Logf("the end of %s of %s:\n    %s", log.Log, log.Machine, strings.Join(log.Lines, "\n    "))
			}
		}
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
			t.Errorf("it left %v", left)
		}
		if left, _ := filepath.Glob("/run/netns/" + opts.Name + "-*"); len(left) > 0 {
			t.Errorf("it left %v", left)
		}
	})
	return player{t, s}
}

func (p player) fault(kind script.FaultKind, node string) {
	p.Helper()
	p.do(script.Fault{Kind: kind, Node: node})
}

func (p player) do(f script.Fault) {
	p.Helper()
	if err := p.stage.Fault(p.Context(), f); err != nil {
		p.Fatal(err)
	}
}

// order asks for something that must be accepted.
func (p player) order(verb script.Verb, target string) {
	p.Helper()
	if err := p.stage.Order(p.Context(), script.Order{Verb: verb, Target: target}); err != nil {
		p.Fatalf("%s %s: %v", verb, target, err)
	}
}

// refused asks for something that must be refused with these words.
func (p player) refused(o script.Order, words string) {
	p.Helper()
	err := p.stage.Order(p.Context(), o)
	if !errors.Is(err, script.ErrRefused) || !strings.Contains(err.Error(), words) {
		p.Fatalf("%s %s: %v, want it refused with the words %q", o.Verb, o.Target, err, words)
	}
}

// look tells whether a condition holds now.
func (p player) look(c script.Cond) (bool, string) {
	p.Helper()
	holds, seen, err := p.stage.Look(p.Context(), c)
	if err != nil {
		p.Fatalf("%s: %v", c, err)
	}
	if seen == "" {
		p.Errorf("%s: nothing is seen", c)
	}
	return holds, seen
}

// expect waits until conditions hold.
func (p player) expect(conds ...script.Cond) {
	p.Helper()
	for _, c := range conds {
		p.await(c, true)
	}
}

// gone waits until a condition no longer holds.
func (p player) gone(c script.Cond) {
	p.Helper()
	p.await(c, false)
}

func (p player) await(c script.Cond, want bool) {
	p.Helper()
	deadline := time.Now().Add(patience)
	for {
		holds, seen := p.look(c)
		if holds == want {
			return
		}
		if time.Now().After(deadline) {
			p.Fatalf("after %s, %s: %v; what is seen: %s", patience, c, holds, seen)
		}
		if err := p.stage.Pass(p.Context(), p.stage.Grain()); err != nil {
			p.Fatal(err)
		}
	}
}

// not wants conditions not to hold now.
func (p player) not(conds ...script.Cond) {
	p.Helper()
	for _, c := range conds {
		if holds, seen := p.look(c); holds {
			p.Errorf("%s holds: %s", c, seen)
		}
	}
}

// scene plays a part of the play, which begins when all is well.
func (p player) scene(name string, play func(p player)) {
	p.Helper()
	ok := p.Run(name, func(t *testing.T) {
		p := p.with(t)
		p.expect(well, serves("web1", ""), serves("web2", ""), cond(script.InStep, "", ""))
		began := p.stage.Now()
		play(p)
		p.Logf("%s: %.1fs", name, (p.stage.Now() - began).Seconds())
	})
	if !ok {
		for _, log := range p.stage.Evidence(15) {
			p.Logf("the end of %s of %s:\n    %s", log.Log, log.Machine, strings.Join(log.Lines, "\n    "))
		}
		p.FailNow()
	}
}

// found returns the first moment on a lane that has these words, and fails the test if there is none.
func (p player) found(moments []script.Moment, lane, words string) script.Moment {
	p.Helper()
	for _, m := range moments {
		if m.Lane == lane && strings.Contains(fmt.Sprintf("%s %s %s", m.Kind, m.What, m.State), words) {
			return m
		}
	}
	p.Errorf("no moment on the lane %s has the words %q", lane, words)
	return script.Moment{}
}

var well = script.Cond{Kind: script.AllWell}

func cond(kind script.CondKind, target, on string) script.Cond {
	return script.Cond{Kind: kind, Target: target, On: on}
}

func node(name string, is script.State, on string) script.Cond {
	return script.Cond{Kind: script.NodeIs, Target: name, State: string(is), On: on}
}

func member(name string, is script.State, on string) script.Cond {
	return script.Cond{Kind: script.MemberIs, Target: "web/" + name, State: string(is), On: on}
}

func serves(name, on string) script.Cond { return member(name, script.StateServes, on) }

func out(name string) script.Cond { return member(name, script.StateOut, "") }

func mode(is string) script.Cond {
	return script.Cond{Kind: script.InMode, Target: "web1", State: is}
}
