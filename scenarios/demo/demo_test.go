// SPDX-License-Identifier: Apache-2.0

package demo_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
)

// patience bounds every wait; nothing is asserted about speed.
const patience = 3 * time.Minute

// build builds the binary, for whose processes the demo is made.
func build(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	if missing := lab.Missing(); len(missing) > 0 {
		t.Fatalf("missing %s: run ./task setup, or %s", strings.Join(missing, ", "), lab.InstallLine(missing))
	}
	binary := filepath.Join(t.TempDir(), "evenkeel")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "github.com/evenkeel-ha/evenkeel").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return binary
}

// playing is a demo that runs.
type playing struct {
	*exec.Cmd
	name, dir string
	out       bytes.Buffer
	story     *bufio.Reader
	told      strings.Builder
}

func start(t *testing.T, binary, name string, args ...string) *playing {
	t.Helper()
	p := &playing{name: name, dir: t.TempDir()}
	args = append([]string{"demo", "--name", name, "--dir", p.dir, "--no-peer", "-o", "json"}, args...)
	p.Cmd = exec.CommandContext(t.Context(), binary, args...)
	p.Stdout = &p.out
	story, err := p.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.story = bufio.NewReader(story)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(patience, func() { _ = p.Process.Signal(syscall.SIGTERM) })
	t.Cleanup(func() { timer.Stop() })
	return p
}

// until reads the story up to a line with these words.
func (p *playing) until(t *testing.T, words string) {
	t.Helper()
	for {
		line, err := p.story.ReadString('\n')
		p.told.WriteString(line)
		if strings.Contains(line, words) {
			return
		}
		if err != nil {
			t.Fatalf("the story ended without %q: %v\n%s", words, err, p.told.String())
		}
	}
}

// end reads the story to its end, and returns how the demo ended.
func (p *playing) end(t *testing.T) error {
	t.Helper()
	rest, err := io.ReadAll(p.story)
	if err != nil {
		t.Fatal(err)
	}
	p.told.Write(rest)
	err = p.Wait()
	for _, left := range p.residue(t) {
		t.Errorf("left behind: %s", left)
	}
	return err
}

// residue lists what is left of a demo.
func (p *playing) residue(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"/run/netns/" + p.name + "-*", "/run/evenkeel-lab/" + p.name + ".*", p.dir + "/*"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, paths...)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(mounts), "/run/netns/"+p.name+"-") {
		found = append(found, "a mount")
	}
	processes, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range processes {
		if env, err := os.ReadFile(path); err == nil && strings.Contains(string(env), "/run/evenkeel-lab/"+p.name+"/") {
			found = append(found, path)
		}
	}
	return found
}

// TestDemo plays what takes the least time. No figure of it is judged but one: planned work costs no request.
func TestDemo(t *testing.T) {
	binary := build(t)
	p := start(t, binary, "tdemo", "--acts", "application,drain")
	p.until(t, "the cluster is up")
	second := start(t, binary, "tdemo")
	second.until(t, "a demo is running on this machine already")
	if err := second.Wait(); err == nil {
		t.Error("a second demo ended well")
	}
	if err := p.end(t); err != nil {
		t.Fatalf("%v\n%s", err, p.told.String())
	}
	var report struct {
		Acts []struct {
			Name   string    `json:"name"`
			Detect *float64  `json:"detect_ms"`
			Out    *float64  `json:"out_ms"`
			Failed *int      `json:"failed_requests"`
			Peer   *struct{} `json:"peer"`
		} `json:"acts"`
		Namespaces bool `json:"namespaces"`
	}
	if err := json.Unmarshal(p.out.Bytes(), &report); err != nil {
		t.Fatalf("%v: %s", err, p.out.String())
	}
	if len(report.Acts) != 2 || report.Acts[0].Name != "application" || report.Acts[1].Name != "drain" {
		t.Fatalf("acts: %s", p.out.String())
	}
	for _, act := range report.Acts {
		if act.Detect == nil || act.Out == nil || act.Failed == nil || *act.Detect <= 0 || *act.Out <= 0 || act.Peer != nil {
			t.Errorf("%s: incomplete: %s", act.Name, p.out.String())
		}
	}
	if failed := report.Acts[1].Failed; failed == nil || *failed != 0 {
		t.Errorf("requests failed in planned work: %s\n%s", p.out.String(), p.told.String())
	}
	for _, words := range []string{"takes web1 out of rotation", "sends requests to web1 again", "drain web2", "sends requests to web2 again"} {
		if !strings.Contains(p.told.String(), words) {
			t.Errorf("the story does not tell %q:\n%s", words, p.told.String())
		}
	}
}

// TestInterrupt presses Ctrl-C twice: the second one does not skip the sweep.
func TestInterrupt(t *testing.T) {
	p := start(t, build(t), "tintr", "--acts", "application")
	p.until(t, "the application is killed")
	for range 2 {
		if err := p.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.end(t); err == nil || !strings.Contains(p.told.String(), "was interrupted") || p.out.Len() > 0 {
		t.Errorf("%v, %s\n%s", err, p.out.String(), p.told.String())
	}
}

// TestCrash kills a demo. The next one of its name removes what is left.
func TestCrash(t *testing.T) {
	binary := build(t)
	p := start(t, binary, "tcrash")
	p.until(t, "the cluster is up")
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err == nil {
		t.Fatal("a demo that was killed ended well")
	}
	if len(p.residue(t)) == 0 {
		t.Fatal("nothing is left to sweep: the test proves nothing")
	}
	again := start(t, binary, "tcrash", "--acts", "application")
	if err := again.end(t); err != nil {
		t.Fatalf("%v\n%s", err, again.told.String())
	}
	if left := p.residue(t); len(left) > 0 {
		t.Errorf("left behind by the demo that was killed: %v", left)
	}
}
