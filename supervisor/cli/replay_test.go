// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/api"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/recorder"
	"github.com/evenkeel-ha/evenkeel/supervisor/recorder/tape"
)

// loopback is a cluster of real processes on the loopback addresses.
type loopback struct {
	t     *testing.T
	dir   string
	exe   string
	nodes []*recordedNode
}

// recordedNode is one node of it.
type recordedNode struct {
	name, dir string
	cmd       *exec.Cmd
	api       *api.Client
}

// newLoopback starts a cluster of three.
func newLoopback(t *testing.T) *loopback {
	exe, err := exec.LookPath("evenkeel") // the test binary, under a name by which it is the program
	if err != nil {
		t.Fatal(err)
	}
	l := &loopback{t: t, dir: t.TempDir(), exe: exe}
	var listens []string
	spec := "cluster: test\nnodes:\n"
	for i := range 3 {
		listens = append(listens, freeAddress(t))
		spec += fmt.Sprintf("  - {name: n%d}\n", i+1)
	}
	l.put("cluster.yaml", spec)
	l.put("key", strings.Repeat("ab", 32))
	for i, listen := range listens {
		p := &recordedNode{name: fmt.Sprintf("n%d", i+1)}
		p.dir = filepath.Join(l.dir, p.name)
		socket := filepath.Join(l.dir, p.name+".sock")
		l.put(p.name+".yaml", fmt.Sprintf("node: %s\ncluster: test\ndata_dir: %s\nkey_file: %s\napi: {socket: %s}\nbootstrap: %s\nrails: [{name: r1, listen: %q, seeds: [%s]}]\n",
			p.name, p.dir, filepath.Join(l.dir, "key"), socket, filepath.Join(l.dir, "cluster.yaml"), listen, `"`+strings.Join(listens, `", "`)+`"`))
		p.api = api.Dial(socket)
		t.Cleanup(p.api.Close)
		l.nodes = append(l.nodes, p)
		l.start(p)
	}
	t.Cleanup(func() {
		for _, p := range l.nodes {
			l.stop(p, syscall.SIGKILL)
		}
	})
	l.await("all live and vote", func(v cluster.View) bool { return living(v) == 3 }, l.nodes...)
	return l
}

func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (l *loopback) put(name, content string) {
	if err := os.WriteFile(filepath.Join(l.dir, name), []byte(content), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

func (l *loopback) start(p *recordedNode) {
	p.cmd = exec.Command(l.exe, "run", "-c", filepath.Join(l.dir, p.name+".yaml"))
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	log, err := os.OpenFile(filepath.Join(l.dir, p.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		l.t.Fatal(err)
	}
	defer log.Close()
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
}

func (l *loopback) stop(p *recordedNode, how syscall.Signal) {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(how)
	_ = p.cmd.Wait() // which tells of the signal
	p.cmd = nil
}

func living(v cluster.View) int {
	n := 0
	for _, node := range v.Nodes {
		if node.Life == "alive" && node.Log == "voter" && v.Leader != "" && v.Quorum.Holds {
			n++
		}
	}
	return n
}

func (l *loopback) await(what string, ok func(cluster.View) bool, on ...*recordedNode) {
	l.t.Helper()
	last := map[string]string{}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		all := true
		for _, p := range on {
			v, err := p.api.Status(l.t.Context())
			last[p.name] = fmt.Sprint(v.Verdict, v.Problems, err)
			all = all && err == nil && ok(v)
		}
		if all {
			return
		}
	}
	for _, p := range on {
		log, err := os.ReadFile(filepath.Join(l.dir, p.name+".log"))
		l.t.Logf("%s: %v\n%s", p.name, err, log)
	}
	l.t.Fatalf("waited in vain: %s: %v", what, last)
}

func (l *loopback) without(out *recordedNode) []*recordedNode {
	var rest []*recordedNode
	for _, p := range l.nodes {
		if p != out {
			rest = append(rest, p)
		}
	}
	return rest
}

func (l *loopback) leader() *recordedNode {
	v, err := l.nodes[0].api.Status(l.t.Context())
	for _, p := range l.nodes {
		if err == nil && p.name == string(v.Leader) {
			return p
		}
	}
	l.t.Fatalf("nobody leads: %v, %v", v.Leader, err)
	return nil
}

// replay runs the verb and returns its exit code and what it says.
func (l *loopback) replay(args ...string) (code int, out, errs string) {
	var stdout, stderr bytes.Buffer
	code = Main(context.Background(), append([]string{"replay"}, args...), strings.NewReader(""), &stdout, &stderr, "test")
	return code, stdout.String(), stderr.String()
}

// TestReplayOfRealNodes kills the leader of a real cluster, lets it come back, and replays what every node recorded.
func TestReplayOfRealNodes(t *testing.T) {
	l := newLoopback(t)
	killed := l.leader()
	rest := l.without(killed)
	if _, err := rest[0].api.SetMode(t.Context(), cluster.SetMode{Node: cluster.NodeID(rest[0].name), Mode: cluster.ModeStandby}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1200 * time.Millisecond) // so that more than its start is in the files of the one that is killed
	l.stop(killed, syscall.SIGKILL)
	l.await("its death is seen", func(v cluster.View) bool {
		return slices.ContainsFunc(v.Nodes, func(n cluster.NodeView) bool { return string(n.Name) == killed.name && n.Life == "down" })
	}, rest...)
	l.start(killed)
	l.await("it is back", func(v cluster.View) bool { return living(v) == 3 }, l.nodes...)
	for _, p := range l.nodes {
		l.stop(p, syscall.SIGTERM)
	}
	for _, p := range l.nodes {
		code, out, errs := l.replay(p.dir)
		if code != exitFine || !strings.Contains(out, "the same decisions") {
			t.Fatalf("%s: exit code %d\n%s%s", p.name, code, out, errs)
		}
		want := []string{"mode standby", "cluster.leader", "node.admitted", "node.quorum " + p.name, "process of"}
		if p != killed {
			want = append(want, "vote "+killed.name+": down: silent for", cluster.EventCondemned+" "+killed.name)
		} else if !strings.Contains(errs, "breaks off") {
			t.Errorf("%s was killed, and nobody says so: %s", p.name, errs)
		}
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s: nothing about %q in\n%s", p.name, w, out)
			}
		}
		t.Log(out[strings.LastIndex(strings.TrimSpace(out), "\n")+1:])
	}
	code, out, errs := l.replay(l.dir, "--node", killed.name, "-o", "json", "--check")
	var sum replayed
	if err := json.Unmarshal([]byte(out), &sum); err != nil || code != exitFine || !sum.Same || sum.Processes != 2 {
		t.Errorf("exit code %d, %v, %s%s", code, err, out, errs)
	}
}

func TestTimeOf(t *testing.T) {
	now := time.Date(2026, 3, 1, 14, 5, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"10m":                       now.Add(-10 * time.Minute),
		"2026-03-01T14:05:00.5Z":    now.Add(time.Second / 2),
		"2026-03-01T15:05:00+01:00": now,
		"2026-03-01 14:05:00":       time.Date(2026, 3, 1, 14, 5, 0, 0, time.Local),
		"2026-03-01 14:05:00.250":   time.Date(2026, 3, 1, 14, 5, 0, 250e6, time.Local),
	} {
		if got, ok := timeOf(text, now); !ok || !got.Equal(want) {
			t.Errorf("%q is %v, %v; want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "-10m", "noon", "14:05"} {
		if got, ok := timeOf(text, now); ok {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[uint64]string{1: "1 step", 12: "12 steps", 345: "345 steps", 12345: "12,345 steps", 1234567: "1,234,567 steps"} {
		if got := grouped(n, "step"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestReplayThatEndsEarly tells people what to do, and programs what was found.
func TestReplayThatEndsEarly(t *testing.T) {
	until := time.Date(2026, 3, 1, 14, 5, 0, 500e6, time.UTC)
	for _, tc := range []struct {
		err  error
		same bool
		hint string
	}{
		{&recorder.GapError{Gap: tape.Gap{Steps: 7, Why: "no room"}, Until: until}, true, "go on behind it with --from 2026-03-01T14:05:00.5Z"},
		{&recorder.DifferenceError{Step: 3, What: "it decides something else"}, false, "12 steps were the same until then"},
	} {
		var out, errs bytes.Buffer
		env := &environment{stdout: &out, stderr: &errs, began: true}
		r := &replay{env: env, form: &format{&choice{is: formatJSON}}, result: replayed{Node: "n1", Same: true, Steps: 12}}
		if code := env.report(nil, r.failed(fmt.Errorf("n1: %w", tc.err))); code != exitFailed || !strings.Contains(errs.String(), tc.hint) {
			t.Errorf("exit code %d: %s", code, &errs)
		}
		var sum replayed
		if err := json.Unmarshal(out.Bytes(), &sum); err != nil || sum.Same != tc.same || sum.Error == "" || sum.Steps != 12 {
			t.Errorf("%s, %v", &out, err)
		}
	}
}
