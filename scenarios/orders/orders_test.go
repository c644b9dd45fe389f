// SPDX-License-Identifier: Apache-2.0

package orders_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel-ha/evenkeel/scenarios/orders"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// node knows itself, and a cluster file; or fails.
type node struct {
	mode cluster.Mode
	spec cluster.Spec
	err  error
}

func (n node) Mode(_ context.Context, of cluster.NodeID) (cluster.Mode, bool, error) {
	return n.mode, of == "web1", n.err
}

func (n node) Spec(context.Context) (cluster.Spec, uint64, error) { return n.spec, 7, n.err }

func TestBody(t *testing.T) {
	const why = "the script asks for it"
	web1 := cluster.MemberID{Pool: "web", Member: "web1"}
	inStandby := node{mode: cluster.ModeStandby}
	for _, c := range []struct {
		verb   script.Verb
		target string
		want   cluster.Body
	}{
		{script.Drain, "web/web1", cluster.SetMember{Member: web1, Admin: cluster.AdminDrain, Deadline: cluster.Duration(time.Second), Reason: why}},
		{script.Ready, "web/web1", cluster.SetMember{Member: web1, Admin: cluster.AdminReady, Deadline: cluster.Duration(time.Second), Reason: why}},
		{script.Maint, "web/web1", cluster.SetMember{Member: web1, Admin: cluster.AdminMaint, Deadline: cluster.Duration(time.Second), Reason: why}},
		{script.Standby, "web1", cluster.SetMode{Node: "web1", Mode: cluster.ModeStandby, Reason: why}},
		{script.Maintenance, "web1", cluster.SetMode{Node: "web1", Mode: cluster.ModeMaintenance, Reason: why}},
		{script.Unstandby, "web1", cluster.SetMode{Node: "web1", Mode: cluster.ModeActive, Reason: why}},
		{script.Disable, "vip", cluster.SetResource{Resource: "vip", Verb: cluster.VerbDisable, Reason: why}},
		{script.Unstandby, "web9", cluster.SetMode{Node: "web9", Mode: cluster.ModeActive, Reason: why}}, // the cluster refuses it
	} {
		got, err := orders.Body(t.Context(), inStandby, script.Order{Verb: c.verb, Target: c.target, Deadline: time.Second})
		if err != nil {
			t.Errorf("%s %s: %v", c.verb, c.target, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", c.verb, c.target, diff)
		}
	}
}

func TestWhatIsNotAsked(t *testing.T) {
	unheard := errors.New("it does not answer")
	for _, c := range []struct {
		on    node
		order script.Order
		want  string
	}{
		{node{mode: cluster.ModeActive}, script.Order{Verb: script.Active, Target: "web1"}, "refused: node web1 is not in maintenance, it is active"},
		{node{err: unheard}, script.Order{Verb: script.Unstandby, Target: "web1"}, "it does not answer"},
		{node{err: unheard}, script.Order{Verb: script.Apply, Target: "floor 1"}, "it does not answer"},
		{node{}, script.Order{Verb: script.Apply, Target: "floor 1"}, "the cluster file has no pool"},
		{node{}, script.Order{Verb: "dance"}, `there is no order "dance"`},
	} {
		body, err := orders.Body(t.Context(), c.on, c.order)
		if err == nil || err.Error() != c.want || body != nil {
			t.Errorf("%s: %v, %v; want %q", c.order, body, err, c.want)
		}
	}
	if body, err := orders.Body(t.Context(), node{}, script.Order{Verb: script.Drain, Target: "web1"}); err == nil {
		t.Errorf("a member without a pool: %v", body)
	}
}

func TestApply(t *testing.T) {
	for target, want := range map[string]string{
		"floor 3": "3 0s 0s", "deadline 30s": "1 30s 0s", "slow-start 2s": "1 0s 2s",
		"floor": "", "floor many": "", "deadline 5": "", "weight 7": "", "": "",
	} {
		spec := cluster.Spec{Pools: []cluster.PoolSpec{{Name: "web"}}}
		got := ""
		if body, err := orders.Body(t.Context(), node{spec: spec}, script.Order{Verb: script.Apply, Target: target}); err == nil {
			set, _ := body.(cluster.SetSpec)
			p := set.Spec.Pools[0]
			got = fmt.Sprintf("%d %s %s", p.Drain.Least(), p.Drain.Deadline, p.SlowStart)
			if *set.IfRevision != 7 {
				t.Errorf("%q is asked for whatever others changed since", target)
			}
		}
		if got != want {
			t.Errorf("%q: %q, want %q", target, got, want)
		}
		if diff := cmp.Diff(cluster.Spec{Pools: []cluster.PoolSpec{{Name: "web"}}}, spec); diff != "" {
			t.Errorf("%q changed what the node holds (-was +is):\n%s", target, diff)
		}
	}
}
