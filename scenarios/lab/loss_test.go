// SPDX-License-Identifier: Apache-2.0

package lab_test

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
)

func TestLosses(t *testing.T) {
	l := newLab(t, "stgloss", 3)
	for _, n := range l.Nodes() {
		startApp(t, n)
	}
	const all = "n1: n2 n3\nn2: n1 n3\nn3: n1 n2\n"
	const nobody = "n1:\nn2:\nn3:\n"
	for _, step := range []struct {
		name             string
		fault            func() (time.Time, error)
		service, railTwo string
	}{
		{"all on rail 2", func() (time.Time, error) { return l.Lose(100, 2) }, all, nobody},
		{"all on the service network too", func() (time.Time, error) { return l.Lose(100, 0) }, nobody, nobody},
		{"heal n3", func() (time.Time, error) { return l.Heal(l.Node("n3")) }, "n1: n3\nn2: n3\nn3: n1 n2\n", "n1: n3\nn2: n3\nn3: n1 n2\n"},
		{"heal all", l.HealAll, all, all},
		{"all everywhere", func() (time.Time, error) { return l.Lose(100) }, nobody, nobody},
		{"nothing on rail 2", func() (time.Time, error) { return l.Lose(0, 2) }, nobody, all},
		{"nothing", func() (time.Time, error) { return l.Lose(0) }, all, all},
	} {
		before := time.Now()
		at, err := step.fault()
		if err != nil || at.Before(before) || at.After(time.Now()) {
			t.Fatalf("%s: at %v, %v", step.name, at, err)
		}
		// Not at once: whoever lost its neighbour's link address asks for it once a second.
		for network, want := range map[int]string{0: step.service, 2: step.railTwo} {
			eventually(t, fmt.Sprintf("%s: network %d is\n%s", step.name, network, want), func() bool { return matrix(t, l, network) == want })
		}
	}
	if _, err := l.Lose(101); err == nil {
		t.Error("more than all was lost")
	}
	if _, err := l.Lose(1, 3); err == nil {
		t.Error("a rail that is not there lost frames")
	}
}

// TestLossIsAShare counts what arrives of many datagrams. That it is as much as asked for fails once in more than a million
// runs: the bounds are five standard deviations away.
func TestLossIsAShare(t *testing.T) {
	const sent, percent, lost, bound = 2000, 30, 600, 105
	l := newLab(t, "stgshare", 2)
	n1, n2 := l.Node("n1"), l.Node("n2")
	one, two := datagrams(t, n1), datagrams(t, n2)
	to := &net.UDPAddr{IP: n2.IP(1).AsSlice(), Port: 9000}
	say := func() {
		if _, err := one.WriteTo([]byte("hello"), to); err != nil {
			t.Fatal(err)
		}
	}
	say() // both know each other's link address from now on
	if !hears(t, two, patience) {
		t.Fatal("datagrams are lost before the loss")
	}
	if _, err := l.Lose(percent, 1); err != nil {
		t.Fatal(err)
	}
	before := received(t, n2)
	for range sent {
		say()
	}
	got := received(t, n2) - before
	if got < sent-lost-bound || got > sent-lost+bound {
		t.Errorf("of %d frames %d arrived at a loss of %d percent", sent, got, percent)
	}
}

// received counts the frames that arrived at a node on rail 1.
func received(t *testing.T, n *lab.Node) int {
	t.Helper()
	text, err := n.Run(t.Context(), "cat", "/sys/class/net/rail1/statistics/rx_packets")
	if err != nil {
		t.Fatal(err)
	}
	count, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return count
}
