// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// explanation tells in words where a resource is, why, and what would move it.
type explanation struct {
	Resource string                `json:"resource"`
	State    cluster.ResourceState `json:"state"`
	Holder   cluster.NodeID        `json:"holder,omitempty"`
	Doubt    string                `json:"doubt,omitempty"` // why all of it may be old news
	Says     string                `json:"says"`            // in one sentence
	Because  []string              `json:"because"`         // a sentence each
	Nodes    []candidateWord       `json:"nodes"`           // those that the cluster file lets hold it, the best first
	Moves    []moveWord            `json:"moves"`
}

// candidateWord tells whether a node could hold a resource.
type candidateWord struct {
	Node cluster.NodeID `json:"node"`
	Says string         `json:"says"`
}

// moveWord tells what would become of a resource.
type moveWord struct {
	If   string `json:"if"`
	Then string `json:"then"`
}

// explain explains the resources of the view.
func explain(view cluster.View, now time.Time) []explanation {
	doubt := ""
	switch old := age(view, now); {
	case !view.Quorum.Holds:
		doubt = fmt.Sprintf("Node %s has no quorum%s. Others may have decided what it does not know: ask another node too.", view.Node, colon(view.Quorum.Reason))
	case old >= staleAfter:
		doubt = fmt.Sprintf("What follows is %s old; is node %s overloaded?", span(old), view.Node)
	}
	out := []explanation{}
	for _, r := range view.Resources {
		holder, _ := nodeOf(view, r.Holder)
		c := &inquiry{view, r, holder}
		out = append(out, explanation{
			Resource: r.Name, State: r.State, Holder: r.Holder, Doubt: doubt, Says: c.says(), Because: c.because(), Nodes: c.nodes(), Moves: c.moves(),
		})
	}
	return out
}

// inquiry is the explanation of one resource under way.
type inquiry struct {
	view   cluster.View
	r      cluster.ResourceView
	holder cluster.NodeView // who has it, or had it
}

func (c *inquiry) says() string {
	r := c.r
	switch r.State {
	case cluster.ResourceHeld:
		return fmt.Sprintf("%s is on %s", r.Name, r.Holder)
	case cluster.ResourceTaking:
		return fmt.Sprintf("%s was given to %s, which is bringing it up", r.Name, r.Holder)
	case cluster.ResourceTrouble:
		return fmt.Sprintf("%s was given to %s, which cannot bring it up", r.Name, r.Holder)
	case cluster.ResourceLeaving:
		if r.To == r.Holder {
			return fmt.Sprintf("%s is being restarted on %s", r.Name, r.Holder)
		}
		if r.To != "" {
			return fmt.Sprintf("%s is leaving %s for %s", r.Name, r.Holder, r.To)
		}
		return fmt.Sprintf("%s is leaving %s", r.Name, r.Holder)
	case cluster.ResourceLost:
		return fmt.Sprintf("%s has lost its holder %s, and no other node has it yet", r.Name, r.Holder)
	case cluster.ResourceUnheard:
		return fmt.Sprintf("%s belongs to %s, which is not heard", r.Name, r.Holder)
	case cluster.ResourceNobody:
		return fmt.Sprintf("%s is held by nobody", r.Name)
	case cluster.ResourceDisabled:
		return fmt.Sprintf("%s is disabled: nobody is to hold it", r.Name)
	}
	return fmt.Sprintf("%s is in state %q, which this version does not know", r.Name, string(r.State))
}

// because tells what it is, what is wrong, and who decided so.
func (c *inquiry) because() []string {
	r := c.r
	what := fmt.Sprintf("It is %s on %s", listed(r.Addresses), r.Interface)
	if r.Epoch > 0 {
		what += fmt.Sprintf(", in epoch %d", r.Epoch)
	}
	out := []string{sentence(what)}
	if why := c.reason(); why != "" {
		out = append(out, sentence(why))
	}
	out = append(out, sentence(c.decision()))
	if c.holder.Mode == cluster.ModeMaintenance {
		out = append(out, fmt.Sprintf("Node %s is in maintenance: as long as it lives, only an operator moves anything off it.", r.Holder))
	}
	if r.State == cluster.ResourceHeld && r.Idle {
		out = append(out, "Nobody uses it now, as far as its node looks.")
	}
	if len(r.Candidates) < len(c.view.Nodes) {
		out = append(out, "By the cluster file no other nodes may hold it than these.")
	}
	return out
}

// reason tells why it does not stand better; what the table of nodes says anyway is not said twice.
func (c *inquiry) reason() string {
	r := c.r
	switch r.State {
	case cluster.ResourceHeld, cluster.ResourceTaking, cluster.ResourceTrouble, cluster.ResourceLeaving:
		if r.Reason != "" && r.Reason != r.Decided {
			return fmt.Sprintf("Node %s says: %s", r.Holder, r.Reason)
		}
	case cluster.ResourceUnheard:
		return "Whether it is there is not known: " + r.Reason
	case cluster.ResourceLost:
		if c.r.Next == "" && !slices.ContainsFunc(r.Candidates, func(n cluster.CandidateView) bool { return !strings.Contains(r.Reason, n.Unfit) }) {
			return "No node can hold it now"
		}
		return "It is waited until nothing of it can act there any more: " + r.Reason
	case cluster.ResourceNobody:
		if c.r.Next == "" {
			return "No node can hold it now"
		}
	case cluster.ResourceDisabled:
	}
	return ""
}

// decision tells who decided last about it, when and why, and since when its holder has it if that is another moment.
func (c *inquiry) decision() string {
	r := c.r
	if r.Since == 0 && r.Decided == "" {
		return "Nothing was decided about it yet"
	}
	when := "Last decided"
	if r.Since != 0 {
		when += " " + span(time.UnixMilli(c.view.At).Sub(time.UnixMilli(r.Since))) + " ago"
	}
	if r.By != "" && r.Decided != "asked by "+r.By {
		when += " by " + r.By
	}
	when += colon(r.Decided)
	if r.Given != 0 && r.Given != r.Since {
		got := span(time.UnixMilli(c.view.At).Sub(time.UnixMilli(r.Given)))
		return fmt.Sprintf("Node %s got it %s ago. %s", r.Holder, got, when)
	}
	return when
}

// sentence ends with a full stop.
func sentence(s string) string { return strings.TrimRight(s, ".") + "." }

// listed joins words as in a sentence.
func listed(all []string) string {
	if n := len(all) - 1; n > 0 {
		return strings.Join(all[:n], ", ") + " and " + all[n]
	}
	return strings.Join(all, "")
}
