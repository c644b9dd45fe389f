// SPDX-License-Identifier: Apache-2.0

package haproxy

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/evenkeel-ha/evenkeel/lbsync"
)

const samplePath = "../../configs/haproxy.cfg"

// TestSampleIsValid lets HAProxy judge the configuration that we recommend.
func TestSampleIsValid(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "haproxy", "-c", "-f", samplePath).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// TestSampleWorks runs it, moved into a test's folder, and lets the driver judge it: no refusal and no warning.
func TestSampleWorks(t *testing.T) {
	sample, err := os.ReadFile(samplePath)
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, func(dir string) string {
		return strings.NewReplacer(
			"/run/haproxy/", dir+"/", "/var/lib/haproxy/server-state", dir+"/state",
			"bind :80\n", "bind unix@"+dir+"/front.sock\n", "127.0.0.1:8404", "unix@"+dir+"/stats.sock",
			"192.0.2.", "127.0.0.",
		).Replace(string(sample))
	})
	d := p.driver(Options{StateFile: p.path("state"), Ring: "events"})
	keys := []lbsync.Key{web("n1"), web("n2"), web("n3")}
	if err := d.SelfTest(t.Context(), keys); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(p.out.String(), `"level":"warn"`) {
		t.Fatal(p.out.String())
	}
	s := observe(t, d, "web")
	s = apply(t, d, s.Epoch, op(lbsync.OpDrain, "n1"), op(lbsync.OpMaint, "n2"))
	if err := d.Persist(t.Context(), lbsync.Keep(s)); err != nil {
		t.Fatal(err)
	}
	s = p.reload(d, "web")
	if a, b, c := s.Servers[web("n1")], s.Servers[web("n2")], s.Servers[web("n3")]; a.Admin != lbsync.Drain || b.Admin != lbsync.Maint || !c.Serving() {
		t.Fatalf("%+v %+v %+v", a, b, c)
	}
}
