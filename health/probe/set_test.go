// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel-ha/evenkeel/health"
)

// notes collects reports.
type notes struct {
	mu    sync.Mutex
	lines []string
}

func (n *notes) take(key string, c health.Change) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, fmt.Sprintf("%s: %s -> %s", key, c.From, c.To))
}

func (n *notes) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()

	return len(n.lines)
}

func TestSet(t *testing.T) {
	l := listen(t)
	spec := at(t, Spec{TCP: &TCP{}, Interval: never, Timeout: patience, Judge: easy}, "tcp://"+l.Addr().String())
	var got notes
	s := NewSet(got.take, quiet())
	t.Cleanup(s.Close)

	replace := func(specs map[string]Spec) {
		t.Helper()
		if err := s.Replace(t.Context(), specs); err != nil {
			t.Fatal(err)
		}
	}
	up := func(keys ...string) {
		t.Helper()
		eventually(t, fmt.Sprintf("%v are up", keys), func() bool {
			states, n := s.States(), 0
			for _, k := range keys {
				if states[k].Condition == health.Up {
					n++
				}
			}
			return n == len(keys) && len(states) == n
		})
	}
	replace(map[string]Spec{"a": spec, "b": spec})
	up("a", "b")
	before := s.States()

	// An equal spec goes on; it would otherwise be unknown again. A changed one starts anew, the third is gone.
	changed := spec
	changed.Timeout = time.Second
	replace(map[string]Spec{"a": spec, "c": changed})
	up("a", "c")
	if diff := cmp.Diff(before["a"], s.States()["a"]); diff != "" {
		t.Errorf("a did not go on:\n%s", diff)
	}
	replace(map[string]Spec{"a": changed, "c": changed})
	up("a", "c")
	eventually(t, "all are reported", func() bool { return got.count() == 4 })

	// One bad spec, and nothing changes.
	bad := spec
	bad.Port = 0
	err := s.Replace(t.Context(), map[string]Spec{"x": bad})
	if err == nil || !strings.Contains(err.Error(), "x: check : port is 0") {
		t.Errorf("a bad spec gave %v", err)
	}
	up("a", "c")

	s.Close()
	s.Close()
	if n := len(s.States()); n != 0 {
		t.Errorf("%d checks after Close", n)
	}
	if err := s.Replace(t.Context(), nil); !errors.Is(err, ErrClosed) {
		t.Errorf("Replace after Close: %v", err)
	}
}

// TestSetStuckReport says what happens when a check cannot be stopped in time, and that the next call gets over it.
func TestSetStuckReport(t *testing.T) {
	stuck, free := make(chan struct{}), make(chan struct{})
	var once sync.Once
	s := NewSet(func(string, health.Change) {
		once.Do(func() { close(stuck) })
		<-free
	}, quiet())
	t.Cleanup(s.Close)
	spec := sh("exit 0")
	spec.Interval, spec.Timeout, spec.Judge = never, patience, easy
	if err := s.Replace(t.Context(), map[string]Spec{"a": spec}); err != nil {
		t.Fatal(err)
	}
	<-stuck
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Replace(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("stopping a stuck check: %v", err)
	}
	close(free)
	// It was stopped, although it is wanted again as it was: it has to start anew.
	if err := s.Replace(t.Context(), map[string]Spec{"a": spec}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is up again", func() bool { return s.States()["a"].Condition == health.Up })
}
