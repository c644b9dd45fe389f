// SPDX-License-Identifier: Apache-2.0

package lab_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab/haproxy"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab/load"
)

// startBalancer runs a real HAProxy in a node, with one server per member, and returns the path of its stats socket.
func startBalancer(t *testing.T, n *lab.Node, members ...*lab.Node) string {
	t.Helper()
	socket := n.SocketPath("haproxy.sock")
	config := "global\n stats socket " + socket + " mode 600 level admin\n" +
		"defaults\n mode http\n timeout connect 200ms\n timeout client 5s\n timeout server 5s\n option redispatch 1\n" +
		"frontend fe\n bind " + n.IP(0).String() + ":80\n default_backend be\nbackend be\n balance roundrobin\n option httpchk GET /health\n"
	for _, m := range members {
		config += fmt.Sprintf(" server %s %s:8080 check inter 50ms fall 2 rise 2 observe layer4 error-limit 1 on-error mark-down\n", m.Name(), m.IP(0))
	}
	file := n.SocketPath("haproxy.cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Start(t.Context(), lab.Cmd{Name: "haproxy", Args: []string{"-db", "-f", file}}); err != nil {
		t.Fatal(err)
	}
	return socket
}

// TestBalancedLoad is the lab as a whole: a client, a balancer and two members, of which one loses its power.
func TestBalancedLoad(t *testing.T) {
	l := newLab(t, "tp", 4)
	n1, n2, balancer, client := l.Node("n1"), l.Node("n2"), l.Node("n3"), l.Node("n4")
	startApp(t, n1)
	startApp(t, n2)
	socket := startBalancer(t, balancer, n1, n2)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	watch := haproxy.New(haproxy.Options{Socket: socket, Backend: "be"})
	watched := make(chan error, 1)
	go func() { watched <- watch.Run(ctx) }()
	if err := watch.Arm(ctx); err != nil {
		t.Fatal(err)
	}

	c, err := load.New(load.Options{Targets: []string{"http://" + balancer.IP(0).String() + "/"}, Rate: 300, Dial: client.Dialer()})
	if err != nil {
		t.Fatal(err)
	}
	sending, stop := context.WithCancel(ctx)
	reports := make(chan load.Report, 1)
	go func() {
		report, err := c.Run(sending)
		if err != nil {
			t.Error(err)
		}
		reports <- report
	}()
	eventually(t, "both members answer", func() bool { s := c.Counters().Servers; return s["n1"] > 50 && s["n2"] > 50 })
	off, err := l.PowerOff(n2)
	if err != nil {
		t.Fatal(err)
	}
	left, err := watch.Await(ctx, func(c haproxy.Change) bool { return c.Server.Name == "n2" && c.Left() })
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	stop()
	report := <-reports
	t.Logf("%s; n2 out of rotation %s after its power", report, left.At.Sub(off))
	if last := report.Server("n2").LastAsked; last.After(left.At) || report.Server("n2").Last.After(off.Add(100*time.Millisecond)) {
		t.Errorf("n2 answers a request of %s after the power cut", last.Sub(off))
	}
	if left.At.Before(off) || c.Window(left.At, report.To).Failed > 0 || report.Server("n1").Answers < 50 {
		t.Errorf("after n2 left: %s", c.Window(left.At, report.To))
	}
	cancel()
	if err := <-watched; err != nil {
		t.Error(err)
	}
}
