// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// unchanged is the condition under which what is told comes to pass by itself.
const unchanged = "nothing changes"

// moves tells what would become of the resource: what is under way first, then
// what may happen, then what an operator can do.
func (c *inquiry) moves() []moveWord {
	var out []moveWord
	switch c.r.State {
	case cluster.ResourceDisabled:
		return []moveWord{{"an operator wants it held", c.command("enable") + " gives it to the best node"}}
	case cluster.ResourceNobody:
		out = append(out, c.given())
	case cluster.ResourceLost:
		out = append(out, c.proven(), moveWord{c.name() + " comes back", "it says that it has nothing of it any more, and the best node gets it"})
	case cluster.ResourceLeaving:
		out = append(append(out, c.letGo()), c.loss()...)
	case cluster.ResourceTrouble:
		out = append(append(out, c.failed()), c.loss()...)
	case cluster.ResourceTaking, cluster.ResourceUnheard:
		out = append(out, c.loss()...)
	case cluster.ResourceHeld:
		out = append(append(out, c.loss()...), c.vetoed()...)
		out = append(out, c.failback()...)
	}
	return append(out, c.operator()...)
}

func (c *inquiry) name() string { return string(c.r.Holder) }

func (c *inquiry) command(verb string, more ...string) string {
	return strings.Join(append([]string{"evenkeel resource", verb, c.r.Name}, more...), " ")
}

// given is what becomes of what nobody holds.
func (c *inquiry) given() moveWord {
	if c.r.Next != "" {
		return moveWord{unchanged, fmt.Sprintf("%s is about to get it", c.r.Next)}
	}
	return moveWord{"a node can hold it again", "that node gets it at once"}
}

// letGo is what becomes of it when its holder has let go.
func (c *inquiry) letGo() moveWord {
	when := c.name() + " has let go"
	switch {
	case c.r.To == c.r.Holder:
		return moveWord{when, c.name() + " takes it again"}
	case c.r.To != "":
		return moveWord{when, string(c.r.To) + " gets it"}
	case c.r.Next != "":
		return moveWord{when, string(c.r.Next) + " gets it, as things stand"}
	}
	return moveWord{when, "nobody has it until a node can hold it"}
}

// failed is what becomes of it when its holder cannot bring it up.
func (c *inquiry) failed() moveWord {
	when := "that goes on"
	switch {
	case c.holder.Mode == cluster.ModeMaintenance:
		return moveWord{when, "it stays with " + c.name() + " all the same, because of the maintenance"}
	case c.r.Next != "":
		return moveWord{when, string(c.r.Next) + " is given it"}
	}
	return moveWord{when, c.name() + " goes on trying, since no other node can hold it"}
}

// vetoed tells what becomes of it when its node cannot hold it any more, though it lives.
func (c *inquiry) vetoed() []moveWord {
	m := moveWord{Then: fmt.Sprintf("%s lets go, and %s gets it", c.name(), c.r.Next)}
	switch {
	case c.holder.Mode == cluster.ModeMaintenance:
		m.Then = "it stays there, because of the maintenance"
	case c.r.Next == "":
		m.Then = "it stays there: no other node can hold it now"
	}
	if slices.ContainsFunc(c.r.Candidates, func(n cluster.CandidateView) bool { return n.Node == c.r.Holder && n.Unfit != "" }) {
		m.If = unchanged
		return []moveWord{m}
	}
	var on []string
	if c.r.Balancer != "" {
		on = append(on, fmt.Sprintf("balancer %s dies on %s", c.r.Balancer, c.r.Holder))
	}
	if c.r.Pool != "" {
		on = append(on, fmt.Sprintf("member %s is down", c.member()))
	}
	if m.If = strings.Join(on, ", or "); m.If == "" {
		return nil
	}
	return []moveWord{m}
}

// member names the holder's own member of the pool that the resource depends on.
func (c *inquiry) member() string {
	for _, p := range c.view.Pools {
		for _, m := range p.Members {
			if p.Name == c.r.Pool && m.Node == c.r.Holder {
				return p.Name + "/" + m.Name
			}
		}
	}
	return fmt.Sprintf("of pool %s on %s", c.r.Pool, c.r.Holder)
}

// failback tells whether it goes to a better node than its holder.
func (c *inquiry) failback() []moveWord {
	better := c.better()
	if len(better) == 0 {
		return nil
	}
	m := moveWord{If: string(better[0].Node) + " can hold it again"}
	if i := slices.IndexFunc(better, func(n cluster.CandidateView) bool { return n.Unfit == "" }); i >= 0 {
		better = better[i:]
		m.If = unchanged
	}
	m.Then = c.home(c.r.Holder)
	if c.stays() {
		m.Then += fmt.Sprintf(", though %s is preferred; %s brings it back", better[0].Node, c.command("move", string(better[0].Node)))
	}
	return []moveWord{m}
}

// stays tells whether its failback is never.
func (c *inquiry) stays() bool {
	return c.r.Failback == "" || c.r.Failback == cluster.FailbackNever
}

// home tells what the failback means for a resource that is away on a node.
func (c *inquiry) home(away cluster.NodeID) string {
	after, timed := strings.CutPrefix(c.r.Failback, "after ")
	switch {
	case c.stays():
		return fmt.Sprintf("it stays on %s (failback never)", away)
	case timed:
		return fmt.Sprintf("it goes back from %s once its preferred node could hold it for %s without a break (failback after %s)", away, after, after)
	case c.r.Failback == cluster.FailbackWhenIdle:
		return fmt.Sprintf("it goes back as soon as nobody uses it on %s (failback when-idle)", away)
	}
	return fmt.Sprintf("it goes back from %s at once (failback %s)", away, c.r.Failback)
}

// operator tells what to type.
func (c *inquiry) operator() []moveWord {
	if c.r.State == cluster.ResourceLost || c.r.Next == "" {
		return nil // nobody can be asked to let go, or nobody else can have it
	}
	var others []string
	for _, n := range c.r.Candidates {
		if n.Unfit == "" && n.Node != c.r.Holder && n.Node != c.r.Next {
			others = append(others, string(n.Node))
		}
	}
	then := c.command("move", string(c.r.Next))
	if len(others) > 0 {
		then += ", or " + strings.Join(others, ", ")
	}
	return []moveWord{{"an operator wants it moved", then}}
}
