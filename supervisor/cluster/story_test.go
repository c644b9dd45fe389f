// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// story is a log that is written and applied line by line.
type story struct {
	state cluster.State
	index uint64
}

// TestApply runs the stories in testdata. A command is applied, and prints what
// became of it; "show" prints what the state wants.
func TestApply(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &story{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string { return s.run(t, d) })
	})
}

func (s *story) run(t *testing.T, d *datadriven.TestData) string {
	if d.Cmd == "show" {
		return s.show()
	}
	if d.Cmd == "new" {
		s.state, s.index = cluster.New("c1"), 0
	}
	c := cluster.Command{At: int64(1000 * (s.index + 1)), By: "ann", Body: s.body(t, d)}
	if v := arg(d, "id"); v != "" {
		c.ID = v
	}
	encoded, err := c.Encode()
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
	if c, err = cluster.DecodeCommand(encoded); err != nil {
		d.Fatalf(t, "%v", err)
	}
	s.index++
	next, out := cluster.Apply(s.state, s.index, c)
	s.state = next
	var b strings.Builder
	fmt.Fprint(&b, out.Result)
	if out.Reason != "" {
		fmt.Fprintf(&b, ": %s", out.Reason)
	}
	b.WriteString("\n")
	for _, e := range out.Events {
		fmt.Fprintf(&b, "  %s %s %s -> %s: %s", e.Kind, e.Subject, e.From, e.To, e.Reason)
		if e.Epoch > 0 {
			fmt.Fprintf(&b, " (epoch %d)", e.Epoch)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func (s *story) body(t *testing.T, d *datadriven.TestData) cluster.Body {
	subject := ""
	if len(d.CmdArgs) > 0 {
		subject = d.CmdArgs[0].Key
	}
	node := cluster.NodeID(subject)
	switch d.Cmd {
	case "new", "spec": // spec [if=1] [known=1]: the cluster file, as JSON
		var b cluster.SetSpec
		if err := json.Unmarshal([]byte(d.Input), &b.Spec); err != nil {
			d.Fatalf(t, "%v", err)
		}
		if v := arg(d, "if"); v != "" {
			b.IfRevision = new(number(t, v))
		}
		if v := arg(d, "known"); v != "" {
			b.Known = number(t, v)
		}
		return b
	case "admit": // admit n1 install=1 boot=1
		return cluster.Admit{Node: node, Install: number(t, arg(d, "install")), Boot: number(t, arg(d, "boot")), Reason: "is heard"}
	case "condemn": // condemn n1 epoch=1 by=n2,n3
		b := cluster.Condemn{Node: node, Epoch: number(t, arg(d, "epoch")), Reason: "not heard by " + arg(d, "by")}
		for v := range strings.SplitSeq(arg(d, "by"), ",") {
			b.Votes = append(b.Votes, cluster.NodeID(v))
		}
		return b
	case "leave": // leave n1 epoch=1
		return cluster.Leave{Node: node, Epoch: number(t, arg(d, "epoch"))}
	case "mode": // mode n1 standby [force] [why=reason]
		return cluster.SetMode{Node: node, Mode: cluster.Mode(d.CmdArgs[1].Key), Force: d.HasArg("force"), Reason: arg(d, "why")}
	case "member": // member web/n1 drain [force] [why=reason] [deadline=10s]
		b := cluster.SetMember{Member: member(t, subject), Admin: cluster.Admin(d.CmdArgs[1].Key), Force: d.HasArg("force"), Reason: arg(d, "why")}
		if v := arg(d, "deadline"); v != "" {
			if err := b.Deadline.UnmarshalText([]byte(v)); err != nil {
				d.Fatalf(t, "%v", err)
			}
		}
		return b
	case "judge": // judge web/n1 up [why=reason]
		return cluster.Judge{Member: member(t, subject), Condition: cluster.Condition(d.CmdArgs[1].Key), By: []cluster.NodeID{"n1"}, Reason: arg(d, "why")}
	}
	return s.resourceBody(t, d, subject)
}

func (s *story) resourceBody(t *testing.T, d *datadriven.TestData, subject string) cluster.Body {
	epoch := s.state.Resource(subject).Epoch
	if v := arg(d, "epoch"); v != "" {
		epoch = number(t, v)
	}
	switch d.Cmd {
	case "give": // give vip n1 [epoch=1] [life=1] [lapsed=n2,n3]
		node := cluster.NodeID(d.CmdArgs[1].Key)
		b := cluster.Give{Resource: subject, Epoch: epoch, Node: node, Life: s.state.Node(node).Epoch, Reason: "node " + string(node) + " is best"}
		if v := arg(d, "life"); v != "" {
			b.Life = number(t, v)
		}
		if v := arg(d, "lapsed"); v != "" {
			b.Lapsed = cluster.NodeIDs(strings.Split(v, ","))
		}
		return b
	case "recall": // recall vip [epoch=1] [to=n2]
		return cluster.Recall{Resource: subject, Epoch: epoch, To: cluster.NodeID(arg(d, "to")), Reason: "its balancer is out of step"}
	case "let-go": // let-go vip n1 [epoch=1]
		return cluster.LetGo{Resource: subject, Epoch: epoch, Node: cluster.NodeID(d.CmdArgs[1].Key)}
	case "resource": // resource vip move [node=n1] [why=reason]
		return cluster.SetResource{Resource: subject, Verb: cluster.Verb(d.CmdArgs[1].Key), Node: cluster.NodeID(arg(d, "node")), Reason: arg(d, "why")}
	}
	d.Fatalf(t, "unknown command %s", d.Cmd)
	return nil
}

// arg returns the value of a named argument, or nothing.
func arg(d *datadriven.TestData, key string) string {
	for _, a := range d.CmdArgs {
		if a.Key == key && len(a.Vals) > 0 {
			return strings.Join(a.Vals, ",")
		}
	}
	return ""
}

func number(t *testing.T, s string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func member(t *testing.T, s string) cluster.MemberID {
	t.Helper()
	id, err := cluster.ParseMemberID(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (s *story) show() string {
	var b strings.Builder
	fmt.Fprintf(&b, "revision %d, epoch %d, index %d, %d events\n", s.state.Revision, s.state.Epoch, s.state.Index, len(s.state.Events))
	for _, n := range s.state.Spec.Nodes {
		st := s.state.Node(n.Name)
		fmt.Fprintf(&b, "%s: %s, %s, epoch %d, install %d, boot %d\n", n.Name, st.Life, st.Mode, st.Epoch, st.Install, st.Boot)
	}
	for _, name := range slices.Sorted(maps.Keys(s.state.Resources)) {
		r := s.state.Resource(name)
		fmt.Fprintf(&b, "%s: held by %q in life %d, epoch %d, leaving %t to %q, disabled %t, banned from %v, over %t\n",
			name, r.Holder, r.Life, r.Epoch, r.Leaving, r.To, r.Disabled, r.Banned, s.state.Over(r))
	}
	for _, m := range s.state.Spec.Members() {
		st := s.state.Standing(m)
		fmt.Fprintf(&b, "%s: %s", m.ID, st.Service)
		if st.Force {
			b.WriteString(" force")
		}
		if st.Deadline > 0 {
			fmt.Fprintf(&b, " within %s", st.Deadline)
		}
		if st.Since > 0 {
			fmt.Fprintf(&b, " since %d", st.Since)
		}
		fmt.Fprintf(&b, ": %s\n", st.Reason)
	}
	return b.String()
}
