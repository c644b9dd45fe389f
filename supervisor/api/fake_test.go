// SPDX-License-Identifier: Apache-2.0

package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// patience is how long tests wait for what should come soon.
const patience = 30 * time.Second

// source is the port that the tests stand at: the state machine of the product
// without a log under it.
type source struct {
	mu      sync.Mutex
	state   cluster.State
	by      []string
	silent  error                     // what Submit fails with
	unfit   map[cluster.NodeID]string // why nodes cannot hold anything, beyond what the log knows
	past    []cluster.Notice
	live    chan cluster.Notice
	readers int
}

func newSource() *source {
	s := &source{state: cluster.New("c1"), live: make(chan cluster.Notice, 8)}
	if _, err := s.Submit(context.Background(), "test", cluster.SetSpec{Spec: shop()}); err != nil {
		panic(err)
	}
	return s
}

// shop is a cluster of two nodes that serve, one balancer, and two virtual addresses.
func shop() cluster.Spec {
	floor := 1
	return cluster.Spec{
		Cluster: "shop",
		Nodes: []cluster.NodeSpec{
			{Name: "n1", Address: "10.0.0.1", Labels: map[string]string{"role": "web"}},
			{Name: "n2", Address: "10.0.0.2", Labels: map[string]string{"role": "web"}},
		},
		Balancers: []cluster.BalancerSpec{{Name: "lb", Nodes: []cluster.NodeID{"n1"}, Socket: "/run/haproxy/admin.sock"}},
		Pools: []cluster.PoolSpec{{
			Name: "web", Members: []cluster.MemberSpec{{Nodes: map[string]string{"role": "web"}, Port: 80}},
			Drain: cluster.DrainSpec{Floor: &floor},
		}},
		Resources: []cluster.ResourceSpec{
			{Name: "vip", VIP: &cluster.VIPSpec{Addresses: []string{"10.0.0.100/24"}, Interface: "eth0"}},
			{Name: "vip6", VIP: &cluster.VIPSpec{Addresses: []string{"2001:db8::100/64"}, Interface: "eth0"}, Nodes: []cluster.NodeID{"n1"}},
		},
	}
}

func (s *source) View() cluster.View {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := cluster.View{Node: "n1", Version: "1.2.3", Cluster: s.state.Spec.Cluster, Verdict: cluster.WellVerdict, Revision: s.state.Revision}
	for _, n := range s.state.Spec.Nodes {
		st := s.state.Node(n.Name)
		v.Nodes = append(v.Nodes, cluster.NodeView{Name: n.Name, Life: st.Life.String(), Mode: st.Mode})
	}
	for _, spec := range s.state.Spec.Resources {
		r := s.state.Resource(spec.Name)
		is := cluster.ResourceView{Name: spec.Name, State: cluster.ResourceHeld, Holder: r.Holder, Epoch: r.Epoch}
		switch {
		case r.Holder == "" && r.Disabled:
			is.State = cluster.ResourceDisabled
		case r.Holder == "":
			is.State = cluster.ResourceNobody
		}
		for _, id := range s.state.Spec.Eligible(spec) {
			is.Candidates = append(is.Candidates, cluster.CandidateView{
				Node: id, Banned: slices.Contains(r.Banned, id), Unfit: cmp.Or(s.state.Unfit(spec.Name, id), s.unfit[id]),
			})
		}
		v.Resources = append(v.Resources, is)
	}
	return v
}

func (s *source) Spec() (cluster.Spec, uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Spec, s.state.Revision
}

func (s *source) Submit(ctx context.Context, by string, body cluster.Body) (cluster.Outcome, error) {
	s.mu.Lock()
	silent := s.silent
	s.mu.Unlock()
	if errors.Is(silent, context.DeadlineExceeded) {
		<-ctx.Done()
		return cluster.Outcome{}, ctx.Err()
	}
	if silent != nil {
		return cluster.Outcome{}, silent
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.by = append(s.by, by)
	var out cluster.Outcome
	s.state, out = cluster.Apply(s.state, s.state.Index+1, cluster.Command{By: by, Body: body})
	return out, nil
}

func (s *source) Notices(_ context.Context, since uint64) ([]cluster.Notice, <-chan cluster.Notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers++
	var past []cluster.Notice
	for _, n := range s.past {
		if n.Index > since {
			past = append(past, n)
		}
	}
	return past, s.live
}

func (s *source) silence(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = err
}

// cannot makes nodes unable to hold anything, for a reason that only evidence knows; an empty one ends that.
func (s *source) cannot(id cluster.NodeID, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unfit = map[cluster.NodeID]string{id: why}
}

func notice(index uint64) cluster.Notice {
	return cluster.Notice{Event: cluster.Event{Index: index, Kind: cluster.EventMode, Subject: "n1", From: "active", To: "standby", Reason: "kernel"}}
}

// start runs a server until the test ends and returns its socket.
func start(t *testing.T, src Source, change ...func(*Server)) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "run", "api.sock")
	s := New(src, Options{Socket: socket, Log: zerolog.Nop()})
	for _, f := range change {
		f(s)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Run ended with %v", err)
			}
		case <-time.After(patience):
			t.Error("Run does not end")
		}
	})
	client := Dial(socket)
	defer client.Close()
	eventually(t, "the server answers", func() bool {
		_, err := client.Version(ctx)
		return err == nil
	})
	return socket
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

// raw is an HTTP client for what the typed client does not send.
func raw(t *testing.T, socket string) *http.Client {
	t.Helper()
	c := Dial(socket)
	t.Cleanup(c.Close)
	return c.http
}
