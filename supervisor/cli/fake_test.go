// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/api"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// world stands at the API's port: the state machine of the product without a
// log under it, and a view that scripts move.
type world struct {
	mu     sync.Mutex
	state  cluster.State
	view   cluster.View
	silent error // what Submit fails with
	lag    map[cluster.NodeID]uint64
	said   map[string]saying         // by resource
	unfit  map[cluster.NodeID]string // why nodes can hold nothing, beyond what the log knows
	past   []cluster.Notice
	live   []chan cluster.Notice
}

// saying is what the holder of a resource says about it in an epoch.
type saying struct {
	epoch  uint64
	state  cluster.ResourceState
	reason string
}

var _ api.Source = (*world)(nil)

func newWorld() *world {
	w := &world{state: cluster.New("c1"), view: wellView(time.Now()), lag: map[cluster.NodeID]uint64{}, said: map[string]saying{}, unfit: map[cluster.NodeID]string{}}
	bodies := []cluster.Body{cluster.SetSpec{Spec: shop()}}
	for i, m := range shop().Members() {
		bodies = append(bodies, cluster.Admit{Node: m.Node, Install: uint64(i + 1), Boot: 1, Reason: "started"},
			cluster.Judge{Member: m.ID, Condition: cluster.Up, By: []cluster.NodeID{m.Node}, Reason: "GET / answered 200"})
	}
	for _, body := range bodies {
		if out, err := w.Submit(context.Background(), "test", body); err != nil || out.Result != cluster.Accepted {
			panic(fmt.Sprint(out, err))
		}
	}
	return w
}

// shop has three nodes; n1 and n2 each run the balancer, and all of them serve.
func shop() cluster.Spec {
	web := map[string]string{"role": "web"}
	return cluster.Spec{
		Cluster: "shop",
		Nodes: []cluster.NodeSpec{
			{Name: "n1", Address: "10.0.0.1", Labels: web},
			{Name: "n2", Address: "10.0.0.2", Labels: web},
			{Name: "n3", Address: "10.0.0.3", Labels: web},
		},
		Balancers: []cluster.BalancerSpec{{Name: "lb", Nodes: []cluster.NodeID{"n1", "n2"}, Socket: "/run/haproxy/admin.sock"}},
		Pools:     []cluster.PoolSpec{{Name: "web", Members: []cluster.MemberSpec{{Nodes: web, Port: 80}}}},
	}
}

// View returns what the script set up, seen now, with what was committed.
func (w *world) View() cluster.View {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := copied(w.view)
	v.At = time.Now().UnixMilli()
	v.Revision, v.Index, v.Resources = w.state.Revision, w.state.Index, w.resources()
	for i := range v.Nodes {
		n := &v.Nodes[i]
		n.Mode = w.state.Node(n.Name).Mode
		n.Revision = w.state.Revision
		if lag, ok := w.lag[n.Name]; ok {
			n.Revision, n.Lags = lag, true
		}
	}
	for _, p := range v.Pools {
		for j := range p.Members {
			m := &p.Members[j]
			m.Admin = w.state.Member(cluster.MemberID{Pool: p.Name, Member: m.Name}).Admin
		}
	}
	return v
}

// resources are as the log has them and as their holders say: until one says otherwise it is bringing up what it was given.
func (w *world) resources() []cluster.ResourceView {
	var out []cluster.ResourceView
	for _, spec := range w.state.Spec.Resources {
		r := w.state.Resource(spec.Name)
		v := cluster.ResourceView{
			Name: spec.Name, State: cluster.ResourceTaking, Holder: r.Holder, To: r.To, Epoch: r.Epoch, Since: r.Since, Decided: r.Reason, By: r.By,
			Requires: spec.Proof(), Failback: cmp.Or(spec.Failback, cluster.FailbackNever), Balancer: spec.Balancer, Pool: spec.Pool,
			Addresses: spec.VIP.Addresses, Interface: spec.VIP.Interface, Takeover: "1.482s",
		}
		for _, id := range w.state.Spec.Eligible(spec) {
			v.Candidates = append(v.Candidates, cluster.CandidateView{
				Node: id, Preferred: slices.Contains(spec.Prefer, id), Banned: slices.Contains(r.Banned, id), Unfit: cmp.Or(w.state.Unfit(spec.Name, id), w.unfit[id]),
			})
		}
		v.Next = heir(v)
		said := w.said[spec.Name]
		switch {
		case r.Holder == "" && r.Disabled:
			v.State = cluster.ResourceDisabled
		case r.Holder == "":
			v.State, v.Reason = cluster.ResourceNobody, said.reason
		case r.Leaving:
			v.State = cluster.ResourceLeaving
		case said.epoch == r.Epoch:
			v.State, v.Reason = said.state, said.reason
		}
		out = append(out, v)
	}
	return out
}

// act plays the part of the leader and of holders.
func (w *world) act(body cluster.Body) error {
	out, err := w.Submit(context.Background(), "n2", body)
	if err == nil && out.Result != cluster.Accepted {
		err = errors.New(out.Reason)
	}
	return err
}

func (w *world) resource(name string) cluster.Resource {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state.Resource(name)
}

func (w *world) life(id cluster.NodeID) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state.Node(id).Epoch
}

func (w *world) Spec() (cluster.Spec, uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state.Spec, w.state.Revision
}

func (w *world) Submit(_ context.Context, by string, body cluster.Body) (cluster.Outcome, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.silent != nil {
		return cluster.Outcome{}, w.silent
	}
	var out cluster.Outcome
	w.state, out = cluster.Apply(w.state, w.state.Index+1, cluster.Command{By: by, Body: body})
	for _, e := range out.Events {
		w.tell(cluster.Notice{Event: e})
	}
	return out, nil
}

// tell is called with the lock held.
func (w *world) tell(n cluster.Notice) {
	if n.Index > 0 {
		w.past = append(w.past, n)
	}
	for _, live := range w.live {
		select {
		case live <- n:
		default: // its reader has gone
		}
	}
}

func (w *world) Notices(_ context.Context, since uint64) ([]cluster.Notice, <-chan cluster.Notice) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var past []cluster.Notice
	for _, n := range w.past {
		if n.Index > since {
			past = append(past, n)
		}
	}
	live := make(chan cluster.Notice, 64)
	w.live = append(w.live, live)
	return past, live
}

func (w *world) change(f func(*cluster.View)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(&w.view)
}

func copied(v cluster.View) cluster.View {
	raw, err := json.Marshal(v)
	var out cluster.View
	if err = errors.Join(err, json.Unmarshal(raw, &out)); err != nil {
		panic(err)
	}
	return out
}

// wellView is the shop when all is well.
func wellView(now time.Time) cluster.View {
	ago := func(d time.Duration) int64 { return now.Add(-d).UnixMilli() }
	v := cluster.View{
		At: now.UnixMilli(), Node: "n1", Version: "1.2.3", Cluster: "shop", ClusterID: "c1", Verdict: cluster.WellVerdict,
		Leader: "n2", Term: 3, Index: 1042, Epoch: 9, Revision: 1, Timing: "lan",
		Quorum: cluster.QuorumView{Have: 3, Need: 2, Voters: 3, Holds: true},
		Rails: []cluster.RailView{
			{Name: "front", Listen: "10.0.0.1:7420", Up: true, Since: ago(50 * time.Hour), Peers: 2},
			{Name: "back", Listen: "10.1.0.1:7420", Up: true, Since: ago(50 * time.Hour), Peers: 2},
		},
	}
	for i, name := range []cluster.NodeID{"n1", "n2", "n3"} {
		v.Nodes = append(v.Nodes, cluster.NodeView{
			Name: name, Life: "alive", Since: ago(50 * time.Hour), Mode: cluster.ModeActive, Votes: true, Log: "voter", Leads: name == "n2",
			Address: "10.0.0." + string(name[1]), Epoch: uint64(i + 1), SilenceMs: int64(100 * i), Revision: 1, Version: "1.2.3", RailsUp: 2, Rails: 2,
		})
	}
	pool := cluster.PoolView{Name: "web", Backend: "web", Floor: 1, Serving: 3}
	for _, n := range v.Nodes {
		m := cluster.MemberView{
			Name: string(n.Name), Node: n.Name, Address: n.Address, Port: 80, Service: cluster.Serve,
			Reason: "GET / answered 200", Since: ago(3 * time.Hour), Condition: cluster.Up, Admin: cluster.AdminReady,
		}
		for _, at := range []cluster.NodeID{"n1", "n2"} {
			m.Servers = append(m.Servers, cluster.ServerView{Balancer: "lb", Node: at, Admin: "ready", Phase: "ready", Weight: 100, Sessions: 4})
		}
		pool.Members = append(pool.Members, m)
	}
	v.Pools = append(v.Pools, pool)
	for _, at := range []cluster.NodeID{"n1", "n2"} {
		v.Balancers = append(v.Balancers, cluster.BalancerView{Name: "lb", Node: at, InStep: true, Since: ago(26 * time.Minute), Epoch: "4711"})
	}
	return v
}
