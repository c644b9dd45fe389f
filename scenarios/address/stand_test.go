// SPDX-License-Identifier: Apache-2.0

package address_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab/labtest"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab/load"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

const (
	// vipName is the resource that the tests move.
	vipName = "vip"
	// rate is the number of requests per second of the client: one every 5 ms, each on a connection of its own.
	rate = 200
	// quiet is for how long nothing must happen, where that is the promise: longer than any right lasts.
	quiet = 4 * time.Second
)

// vip is the usual address; vip6 is on a network of its own, beside the one that nodes have on their interface.
var (
	vip  = netip.MustParsePrefix("10.77.0.100/24")
	vip6 = netip.MustParsePrefix("fd77::100/64")
)

// stand is a pair of HAProxies with a virtual address, a witness, and a client.
type stand struct {
	*fleet.Fleet
	t      testing.TB
	vip    netip.Prefix
	world  *lab.Lab
	client *lab.Node
	near   *lab.Node // a client that is on the holder's side of a partition
	wire   *wire
}

// options say what differs between stands.
type options struct {
	timing, class string
	address       netip.Prefix // zero is 10.77.0.100/24
	resource      func(*cluster.ResourceSpec)
}

// open returns a stand in which all is well.
func open(t testing.TB, o options) *stand {
	t.Helper()
	s := build(t, o)
	s.must(s.Start(t.Context()))
	s.must(s.AwaitWell(t.Context()))
	s.held("")
	return s
}

// build returns a stand on which nothing runs yet.
func build(t testing.TB, o options) *stand {
	t.Helper()
	labtest.Need(t)
	ctx := t.Context()
	dir, err := os.MkdirTemp("", "ek") //nolint:usetesting // short: the path of a socket has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	s := &stand{t: t, vip: o.address}
	if !s.vip.IsValid() {
		s.vip = vip
	}
	t.Cleanup(func() {
		if t.Failed() {
			s.evidence()
		}
		if s.Fleet != nil {
			s.Close()
		}
		if err := errors.Join(s.world.Close(), os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	})
	s.world, err = lab.New(ctx, lab.Options{Name: "ekvip", Dir: filepath.Join(dir, "lab")})
	s.must(err)
	proxy := fleet.Kept()
	proxy.Anywhere, proxy.Answers = true, true
	s.Fleet, err = fleet.New(ctx, s.world, fleet.Options{
		Binary: program, Web: 1, Balancers: 2, Timing: o.timing, GuardClass: o.class, Together: true, Proxies: []fleet.ProxyOptions{proxy},
		Spec: func(spec *cluster.Spec) {
			r := cluster.ResourceSpec{
				Name: vipName, Nodes: []cluster.NodeID{"lb1", "lb2"}, Balancer: fleet.Together,
				VIP: &cluster.VIPSpec{Addresses: []string{s.vip.String()}, Interface: lab.InterfaceName(0)},
			}
			if o.resource != nil {
				o.resource(&r)
			}
			spec.Resources = []cluster.ResourceSpec{r}
		},
	})
	s.must(err)
	s.client, err = s.world.AddNode(ctx, "client")
	s.must(err)
	s.near, err = s.world.AddNode(ctx, "near")
	s.must(err)
	s.wire, err = watch(context.WithoutCancel(ctx), s.world, s.vip.Addr(), s.Balancers())
	s.must(err)
	return s
}

// in gives the stand to a part of a test.
func (s *stand) in(t testing.TB) *stand {
	copied := *s
	copied.t = t
	return &copied
}

func (s *stand) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *stand) evidence() {
	if s.Fleet == nil {
		return
	}
	for _, e := range s.Evidence(60) {
		s.t.Logf("the end of %s of %s:\n    %s", e.Log, e.Machine, strings.Join(e.Lines, "\n    "))
	}
}

// resource returns how the resource stands, as one of the nodes that answer sees it.
func (s *stand) resource(ctx context.Context) (cluster.ResourceView, error) {
	var last error
	for _, m := range s.Nodes() {
		view, err := m.View(ctx)
		if err != nil || !view.Quorum.Holds || len(view.Resources) == 0 {
			last = errors.Join(err, errors.New("no node knows"))
			continue
		}
		return view.Resources[0], nil
	}
	return cluster.ResourceView{}, last
}

// held waits until a machine holds the address, any one if the name is empty, and returns it.
func (s *stand) held(name string) *fleet.Machine {
	s.t.Helper()
	var holder *fleet.Machine
	s.must(fleet.Await(s.t.Context(), fleet.WellWithin, "the address is held", func(ctx context.Context) string {
		r, err := s.resource(ctx)
		switch {
		case err != nil:
			return err.Error()
		case r.State != cluster.ResourceHeld || name != "" && string(r.Holder) != name:
			return fmt.Sprintf("%s on %s: %s", r.State, r.Holder, r.Reason)
		}
		holder = s.Machine(string(r.Holder))
		return ""
	}))
	return holder
}

// other returns the balancer machine that is not the given one.
func (s *stand) other(m *fleet.Machine) *fleet.Machine {
	for _, o := range s.Balancers() {
		if o != m {
			return o
		}
	}
	return nil
}

// asks begins to ask the address from the client. The returned function ends it, and tells what came of it since the given moment.
func (s *stand) asks() (report func(since time.Time) load.Report) {
	s.t.Helper()
	return s.asksFrom(s.client)
}

func (s *stand) asksFrom(node *lab.Node) (report func(since time.Time) load.Report) {
	s.t.Helper()
	c, err := load.New(load.Options{
		Targets: []string{fmt.Sprintf("http://%s/", netip.AddrPortFrom(s.vip.Addr(), fleet.KeptPort))}, Rate: rate, Timeout: time.Second,
		NewConnections: true, Dial: node.Dialer(),
	})
	s.must(err)
	ctx, stop := context.WithCancel(s.t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := c.Run(ctx)
		done <- err
	}()
	return func(since time.Time) load.Report {
		r := c.Window(since, time.Now())
		stop()
		s.must(<-done)
		return r
	}
}

// guards returns the processes that are guards of a machine, as the host numbers them, once there is one.
func (s *stand) guards(m *fleet.Machine) []int {
	s.t.Helper()
	var out []int
	s.must(fleet.Await(s.t.Context(), fleet.WellWithin, m.Name+" has a guard", func(context.Context) string {
		var err error
		if out, err = guards(m.Path("guard.sock")); err != nil {
			return err.Error()
		}
		if len(out) == 0 {
			return "there is none"
		}
		return ""
	}))
	return out
}

// guards returns the processes that were told the path of a guard's socket.
func guards(socket string) ([]int, error) {
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil, err
	}
	var out []int
	for _, name := range lines {
		line, err := os.ReadFile(name)
		if err != nil || !slices.Contains(strings.Split(string(line), "\x00"), socket) {
			continue // it has ended, or is another one
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil {
			return nil, err
		}
		out = append(out, pid)
	}
	return out, nil
}
