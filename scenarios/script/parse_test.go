// SPDX-License-Identifier: Apache-2.0

package script_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/supervisor/config"
)

// TestParse runs the stories in testdata/parse. "parse" prints the script in its one form, or its mistakes; "steps" puts a
// good header above its lines.
func TestParse(t *testing.T) {
	datadriven.Walk(t, "testdata/parse", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			text := d.Input
			switch d.Cmd {
			case "parse":
			case "steps":
				text = "promise It holds.\ncluster 3 web, 2 balancers, 1 witness, 1 plain\nclient 50/s\n" + text
			case "sim":
				text = "promise It holds.\nworld sim\ncluster 3 web, 2 balancers\n" + text
			default:
				d.Fatalf(t, "unknown command %s", d.Cmd)
			}
			s, err := script.Parse("it.txt", []byte(text))
			if err != nil {
				return err.Error() + "\n"
			}
			return strings.TrimPrefix(string(script.Format(s)), "promise It holds.\n")
		})
	})
}

func TestParseKeepsWhatIsWritten(t *testing.T) {
	s, err := script.Parse("a/b.txt", []byte("promise  Nobody is   condemned. # why\r\nworld lab sim\ncluster 3 web\n\n\t kill   web1 # now\nexpect web1 is down\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := &script.Script{
		File: "a/b.txt", Promise: "Nobody is   condemned.", Worlds: []script.World{script.Sim, script.Lab}, Cluster: script.Cluster{Web: 3},
		Steps: []script.Step{
			{Line: 5, Text: "kill   web1", Act: script.Fault{Kind: script.Kill, Node: "web1"}},
			{Line: 6, Text: "expect web1 is down", Act: script.Expect{Cond: script.Cond{Kind: script.NodeIs, Target: "web1", State: "down"}}},
		},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("it is another script (-want +got):\n%s", diff)
	}
}

// TestMistakesHaveTheirPlace: each can be shown where it is, and there are not too many.
func TestMistakesHaveTheirPlace(t *testing.T) {
	_, err := script.Parse("it.txt", []byte("promise It holds.\ncluster 3 web\n"+strings.Repeat("  kill wäb1 wrong\n", 50)))
	mistakes, ok := errors.AsType[script.ParseErrors](err)
	if !ok || len(mistakes) != script.MistakesMost {
		t.Fatalf("%d mistakes: %v", len(mistakes), err)
	}
	first, ok := errors.AsType[script.ParseError](err)
	if !ok || first.Line != 3 || first.Column != 8 || first.Word != "wäb1" {
		t.Errorf("the first one is %+v", first)
	}
}

func TestBoundsOfAScript(t *testing.T) {
	const head = "promise It holds.\ncluster 3 web\nexpect well\n"
	for name, c := range map[string]struct{ text, want string }{
		"file":      {head + strings.Repeat("#\n", script.BytesMost/2), "it.txt:1:1: the file has 262188 bytes, at most 262144 are read"},
		"line":      {head + strings.Repeat("x", script.LineMost+1), "it.txt:4:1: the line has 501 bytes, at most 500 are read"},
		"steps":     {head + strings.Repeat("wait 1s\n", script.StepsMost), `it.txt:503:1: "wait": at most 500 steps are played`},
		"not UTF-8": {head + "\nwait \xff", "it.txt:5:1: this is no UTF-8 text"},
		"control":   {head + "wait \x1b[31m", "it.txt:4:6: a control character stands here"},
		"empty":     {"", "it.txt:1:1: a script begins with its promise: promise A dead node is drained on every balancer.\nit.txt:1:1: a line such as cluster 3 web, 2 balancers is missing above the first step"},
	} {
		if _, err := script.Parse("it.txt", []byte(c.text)); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v\nwant %s", name, err, c.want)
		}
	}
	fits := head + strings.Repeat("wait 1h\n", script.StepsMost-1) + "#" + strings.Repeat("x", script.LineMost-1)
	if _, err := script.Parse("it.txt", []byte(fits)); err != nil {
		t.Error(err)
	}
}

// TestProfilesAreTheProducts: the language does not know the product, so its words are compared.
func TestProfilesAreTheProducts(t *testing.T) {
	for _, profile := range append(config.Profiles(), "mars") {
		_, err := script.Parse("it.txt", []byte(fmt.Sprintf("promise It holds.\ncluster 1 web\ntiming %s\nexpect well\n", profile)))
		if (err == nil) != (profile != "mars") {
			t.Errorf("%s: %v", profile, err)
		}
	}
}

// TestReference: it tells of every line and every word, within its width.
func TestReference(t *testing.T) {
	text := script.Reference()
	for i, line := range strings.Split(text, "\n") {
		if len(line) > 100 {
			t.Errorf("line %d is %d columns wide: %s", i+1, len(line), line)
		}
	}
	for _, k := range faultKinds() {
		if !strings.Contains(text, "\n  "+string(k)) && !strings.Contains(text, "\n  cut ") {
			t.Errorf("it does not tell of %s", k)
		}
	}
	datadriven.RunTest(t, "testdata/reference", func(*testing.T, *datadriven.TestData) string { return text })
}

func FuzzParse(f *testing.F) {
	f.Add("promise A.\nworld sim\ncluster 3 web, 2 balancers\nrails 1\n\nkill web1\nnever no quorum\nexpect web/web1 is out on lb1 within 5s\n")
	f.Add("promise A # b\ncluster 1 witness\nclock rate wit1 -3%\napply floor 2 is refused")
	f.Add("promise A.\ncluster 1 web, 2 balancers\nresource vip on lb1,lb2 prefer lb2 balancer requires quorum failback after 10m\nclient 9/s to vip\nnever vip on two nodes")
	f.Add("promise A.\ncluster 2 web\nresource a pool failback when-idle\nresource b\nmove a to web2 is refused\nban b from web1\npause guard web1 3s\nadd b by hand on web2\nexpect a is gone from web1")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := script.Parse("it.txt", []byte(text))
		if err != nil {
			mistakes, ok := errors.AsType[script.ParseErrors](err)
			if !ok || len(mistakes) == 0 || len(mistakes) > script.MistakesMost {
				t.Fatalf("%d mistakes: %v", len(mistakes), err)
			}
			return
		}
		once := script.Format(s)
		again, err := script.Parse("it.txt", once)
		if err != nil {
			t.Fatalf("what is written is not read: %v\n%s", err, once)
		}
		if diff := cmp.Diff(string(once), string(script.Format(again))); diff != "" {
			t.Fatal(diff)
		}
	})
}
