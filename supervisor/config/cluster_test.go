// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

func TestParseCluster(t *testing.T) {
	spec, err := ParseCluster("full.yaml", read(t, "full.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	web, ok := spec.Pool("web")
	if !ok || web.Check.HTTP == nil || !web.Check.HTTP.TLS || web.Drain.Deadline.D() != 10*time.Minute || web.Members[0].Port != 8080 {
		t.Errorf("pool web was read as %+v", web)
	}
	if cache, _ := spec.Pool("cache"); cache.Check.TCP == nil {
		t.Error("tcp: {} was lost")
	}
	if n, _ := spec.Node("n3"); n.Votes() {
		t.Error("vote: false was lost")
	}
}

func TestJSONIsYAML(t *testing.T) {
	yes := true
	want := cluster.Spec{
		Cluster: "demo",
		Nodes:   []cluster.NodeSpec{{Name: "n1", Address: "10.0.0.1", Vote: &yes, Labels: map[string]string{"role": "web"}}},
		Pools:   []cluster.PoolSpec{{Name: "web", Members: []cluster.MemberSpec{{Nodes: map[string]string{"role": "web"}, Port: 80}}}},
	}
	raw, err := json.MarshalIndent(want, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseCluster("spec.json", bytes.ReplaceAll(raw, []byte("\t"), nil))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestAliases(t *testing.T) {
	spec, err := ParseCluster("a.yaml", []byte("cluster: demo\nnodes:\n  - {name: n1, labels: &l {role: web}}\n  - {name: n2, labels: *l}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if spec.Nodes[1].Labels["role"] != "web" {
		t.Errorf("the alias was not followed: %+v", spec.Nodes[1])
	}
	_, err = ParseCluster("a.yaml", []byte("cluster: demo\nnodes: &n [*n]\n"))
	if err == nil {
		t.Error("a list that holds itself was accepted")
	}
}

// TestNoEchoes checks that faults of form do not make others appear that are
// only their echo, and that others are still told.
func TestNoEchoes(t *testing.T) {
	_, err := ParseCluster("e.yaml", []byte(`cluster: Demo
nodes: [{name: n1, addrss: 10.0.0.1, labels: {role: web}}]
pools: [{name: web, members: [{nodes: {role: web}, port: 80}]}]
`))
	want := `2 faults:
  e.yaml:1:10: cluster: "Demo": use 1 to 64 lower-case letters, digits, '-', '_' or '.', beginning and ending with a letter or digit
  e.yaml:2:20: nodes[0].addrss: unknown key; did you mean address?`
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}

func TestManyFaults(t *testing.T) {
	text := "cluster: demo\nnodes:\n" + strings.Repeat("  - {nam: x}\n", 60)
	_, err := ParseCluster("m.yaml", []byte(text))
	if lines := strings.Split(err.Error(), "\n"); len(lines) != faultsShown+2 || lines[len(lines)-1] != "  and 10 more" {
		t.Errorf("%d lines, the last is %q", len(lines), lines[len(lines)-1])
	}
	if e, ok := errors.AsType[*Error](err); !ok || len(e.Faults) != 60 {
		t.Errorf("%d faults, want all 60", len(e.Faults))
	}
}

func TestNoSuchFile(t *testing.T) {
	_, err := LoadCluster(filepath.Join(t.TempDir(), "no.yaml"))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v does not tell fs.ErrNotExist", err)
	}
	_, err = LoadCluster(t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("a directory gives %v", err)
	}
}

// TestPathological holds inputs that are known to be dear for YAML parsers.
// They must come to an end; the deadline of the test run is the limit.
func TestPathological(t *testing.T) {
	const n = MaxFile - 64
	for name, unit := range map[string]string{
		"open lists": "[", "open maps": "{a: ", "dashes": "- ", "questions": "? ", "colons": ": ", "tags": "!a ", "anchors": "&a ",
		"aliases": "*a ", "comments": "#\n", "keys": "a: 1\n", "long line": "a", "quotes": "''", "backslashes": "\\", "tabs": "\t",
		"documents": "---\n", "blank lines": "\n", "list of comments": "- # c\n", "pipes": "|\n", "breaks": "a:\n ", "bom": "\ufeff",
	} {
		t.Run(name, func(t *testing.T) {
			data := []byte("cluster: demo\nnodes: " + strings.Repeat(unit, n/len(unit)))
			if _, err := ParseCluster(name, data); err == nil {
				t.Error("accepted")
			}
			if _, err := ParseCluster(name, data[len("cluster: demo\nnodes: "):]); err == nil {
				t.Error("accepted")
			}
		})
	}
}

// TestFormatReads checks that what FormatCluster writes, ParseCluster reads.
func TestFormatReads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawSpec(t)
		text, err := FormatCluster(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseCluster("formatted", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s\n%s", d, text)
		}
		if bytes.Contains(text, []byte(": null\n")) || bytes.Contains(text, []byte(": 0\n")) {
			t.Errorf("zero values are written:\n%s", text)
		}
	})
}

// drawSpec draws a valid spec that uses every kind of value.
func drawSpec(t *rapid.T) cluster.Spec {
	var s cluster.Spec
	s.Cluster = rapid.StringMatching(`[a-z]([a-z0-9_.-]{0,20}[a-z])?`).Draw(t, "cluster")
	value := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"yes", "null", "~", "1", "1e3", "0x1f", "true", "2001-01-01", "- a", "a: b", "#", "'", "\"", "\n", "\t", "\t\n", "a\n\tb", " a ", "*a", "\ufeff", "\u2028", "<<", "=", "\x7f", "\u0085"}))
	for i := range rapid.IntRange(1, 4).Draw(t, "nodes") {
		n := cluster.NodeSpec{Name: cluster.NodeID("n" + string(rune('0'+i))), Address: "10.0.0." + string(rune('1'+i)), Labels: map[string]string{"role": "web"}}
		for range rapid.IntRange(0, 3).Draw(t, "labels") {
			n.Labels[rapid.StringMatching(`[a-z0-9.:_-]{1,8}`).Draw(t, "label")] = value.Draw(t, "value")
		}
		n.Labels["role"] = "web"
		s.Nodes = append(s.Nodes, n)
	}
	s.Balancers = []cluster.BalancerSpec{{Name: "edge", Nodes: []cluster.NodeID{"n0"}, Socket: "/run/" + value.Draw(t, "socket")}}
	floor := rapid.IntRange(0, 3).Draw(t, "floor")
	keep := rapid.Bool().Draw(t, "connection")
	p := cluster.PoolSpec{
		Name:      "web",
		Members:   []cluster.MemberSpec{{Nodes: map[string]string{"role": "web"}, Port: rapid.IntRange(1, 65535).Draw(t, "port")}},
		SlowStart: cluster.Duration(rapid.Int64Range(int64(time.Second), int64(time.Hour)).Draw(t, "slow start")),
		Watch:     cluster.WatchSpec{Connection: &keep},
	}
	if floor > 0 {
		p.Drain.Floor = &floor
	}
	switch rapid.IntRange(0, 3).Draw(t, "check") {
	case 1:
		p.Check.TCP = &cluster.TCPCheck{}
	case 2:
		p.Check.HTTP = &cluster.HTTPCheck{Host: value.Draw(t, "host"), TLS: true}
	case 3:
		p.Check.Exec = &cluster.ExecCheck{Command: []string{"/bin/true", value.Draw(t, "argument")}}
	}
	s.Pools = []cluster.PoolSpec{p}
	return s
}

// FuzzParseCluster checks that any bytes give a spec or an *Error, and that a
// spec that was read can be written and read again.
func FuzzParseCluster(f *testing.F) {
	files, err := filepath.Glob("testdata/cluster/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range append(files, "../../configs/full.yaml", "../../configs/minimal.yaml") {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		if len(data) < 8<<10 { // larger seeds only slow the search down
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		spec, err := ParseCluster("fuzz", data)
		if err != nil {
			e, ok := errors.AsType[*Error](err)
			if !ok || len(e.Faults) == 0 || e.Faults[0].Want == "" {
				t.Fatalf("%T tells nothing: %v", err, err)
			}
			return
		}
		text, err := FormatCluster(spec)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseCluster("formatted", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if changes := cluster.Diff(spec, again); len(changes) > 0 {
			t.Fatalf("%v\n%s", changes, text)
		}
	})
}

// read returns a file of configs.
func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "configs", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}
