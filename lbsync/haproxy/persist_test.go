// SPDX-License-Identifier: Apache-2.0

package haproxy

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel-ha/evenkeel/lbsync"
)

func TestRestartWithStateFile(t *testing.T) {
	config := "backend web\n server n1 127.0.0.1:7001 weight 40\n server n2 127.0.0.1:7002\n server n3 127.0.0.1:7003\n server n4 127.0.0.1:7004\n"
	p := start(t, func(dir string) string { return persistent(dir, config) })
	d := p.driver(Options{StateFile: p.path("state")})
	s := observe(t, d, "web")
	s = apply(t, d, s.Epoch,
		lbsync.Op{Kind: lbsync.OpWeight, Key: web("n1"), Weight: 3}, op(lbsync.OpDrain, "n2"), op(lbsync.OpMaint, "n3"))
	if err := d.Persist(t.Context(), lbsync.Keep(s)); err != nil {
		t.Fatal(err)
	}
	p.kill()
	if _, err := d.Observe(t.Context(), []string{"web"}); err == nil {
		t.Fatal("a dead HAProxy was observed")
	}
	p.run()
	after := observe(t, d, "web")
	if after.Epoch.Equal(s.Epoch) {
		t.Fatal("the same epoch after a restart")
	}
	if diff := cmp.Diff(s.Servers, after.Servers); diff != "" {
		t.Fatal(diff)
	}
	// The same file is ignored as a whole when its last newline is missing: why ours must have it.
	content, err := os.ReadFile(p.path("state"))
	if err != nil {
		t.Fatal(err)
	}
	p.write("state", strings.TrimSuffix(string(content), "\n"))
	if s := p.reload(d, "web"); s.Servers[web("n3")].Admin != lbsync.Ready {
		t.Fatal("HAProxy read a file without its last newline: the rule can go")
	}
	// Ours comes back although nothing of what we keep has changed.
	if err := d.Persist(t.Context(), lbsync.Keep(after)); err != nil {
		t.Fatal(err)
	}
	if s := p.reload(d, "web"); s.Servers[web("n3")].Admin != lbsync.Maint {
		t.Fatal("a state file that somebody else changed is left as it is")
	}
	// Nothing to keep is a file, too, and one that HAProxy takes.
	if err := d.Persist(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if s := p.reload(d, "web"); len(lbsync.Keep(s)) != 0 {
		t.Fatalf("%+v", s.Servers)
	}
	if left, err := os.ReadDir(p.dir); err != nil || strings.Contains(fmt.Sprint(left), ".state") {
		t.Fatalf("%v %v", left, err)
	}
}

// TestStateFileIgnored shows the two cases in which HAProxy does not read it, and that we can tell.
func TestStateFileIgnored(t *testing.T) {
	for name, c := range map[string]struct {
		global, defaults string
		reads            bool
	}{
		"no file":    {"", "load-server-state-from-file global", false},
		"not loaded": {"server-state-file %s/state", "", false},
		"other file": {"server-state-file %s/other", "load-server-state-from-file global", false},
		"read":       {"server-state-file %s/state", "load-server-state-from-file global", true},
		"with base":  {"server-state-base %s\n  server-state-file state", "load-server-state-from-file global", true},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, func(dir string) string {
				global := c.global
				if strings.Contains(global, "%s") {
					global = fmt.Sprintf(global, dir)
				}
				return fmt.Sprintf(globalSection, dir, global, c.defaults) + "backend web\n server n1 127.0.0.1:7001\n"
			})
			d := p.driver(Options{StateFile: p.path("state")})
			s := observe(t, d, "web")
			s = apply(t, d, s.Epoch, op(lbsync.OpMaint, "n1"))
			if err := d.Persist(t.Context(), lbsync.Keep(s)); err != nil {
				t.Fatal(err)
			}
			s = p.reload(d, "web")
			if kept := s.Servers[web("n1")].Admin == lbsync.Maint; kept != c.reads {
				t.Errorf("HAProxy kept the state: %t, want %t", kept, c.reads)
			}
			if said, err := readsStateFile(s.Epoch.PID, p.path("state")); err != nil || said != c.reads {
				t.Errorf("we say that it reads the file: %t (%v), want %t", said, err, c.reads)
			}
		})
	}
}
