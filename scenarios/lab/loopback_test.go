// SPDX-License-Identifier: Apache-2.0

package lab_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
)

func newLoopback(t *testing.T, name string, nodes int) *lab.Loopback {
	t.Helper()
	l, err := lab.NewLoopback(t.Context(), lab.Options{Name: name, Dir: filepath.Join(t.TempDir(), "lab")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	addNodes(t, l, nodes)
	return l
}

func TestLoopback(t *testing.T) {
	l, other := newLoopback(t, "tl", 2), newLoopback(t, "tm", 1)
	n1, n2 := l.Node("n1"), l.Node("n2")
	p := startApp(t, n2)
	startApp(t, other.Node("n1"))
	if !reaches(t, n1, n2, 0) {
		t.Error("n1 does not reach n2")
	}
	if n1.IP(0) == other.Node("n1").IP(0) || !strings.HasPrefix(n1.Rail(2).String(), "127.") || n1.Netns() != "" {
		t.Errorf("addresses %s and %s, namespace %q", n1.IP(0), other.Node("n1").IP(0), n1.Netns())
	}
	if _, err := l.Cut(n1); !errors.Is(err, lab.ErrUnsupported) {
		t.Errorf("cut: %v", err)
	}
	// A grandchild in a session of its own: nothing but the mark in its environment leads to it.
	if _, err := n2.Run(t.Context(), "sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 &"); err != nil {
		t.Fatal(err)
	}
	if _, err := l.PowerOff(n2); err != nil {
		t.Fatal(err)
	}
	if exit, err := p.Wait(t.Context()); err != nil || exit.Signal != syscall.SIGKILL {
		t.Errorf("%v, %v: want the process killed with its node", exit, err)
	}
	mark := filepath.Join("evenkeel-lab", "tl", "n2")
	if left := processes(t, "/run/"+mark); os.Geteuid() == 0 && len(left) > 0 {
		t.Errorf("alive without power: %v", left)
	}
	if reaches(t, n1, n2, 0) || !reaches(t, other.Node("n1"), other.Node("n1"), 0) {
		t.Error("the wrong node lost its power")
	}
	if _, err := l.PowerOn(t.Context(), n2); err != nil {
		t.Fatal(err)
	}
	startApp(t, n2)
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(l.Dir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is left: %v", err)
	}
}

func TestOptions(t *testing.T) {
	for _, opts := range []lab.Options{
		{Name: "Has-Dash"}, {Name: "waytoolonganame"}, {Name: "to", Rails: 9}, {Name: "to", Dir: "/run/lab"}, {Name: "to", Dir: "/dev/shm"},
	} {
		if l, err := lab.NewLoopback(t.Context(), opts); err == nil {
			t.Errorf("%+v was taken", opts)
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	l := newLoopback(t, "to", 0)
	for _, name := range []string{"", "sw", "a/b", "UP", "-x"} {
		if _, err := l.AddNode(t.Context(), name); err == nil {
			t.Errorf("node name %q was taken", name)
		}
	}
	if got := lab.InstallLine([]string{"nft", "haproxy"}); got != "apt-get install -y --no-install-recommends nftables haproxy" {
		t.Error(got)
	}
}
