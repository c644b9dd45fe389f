// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"slices"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// nodes tells of every node that the cluster file lets hold it whether it could.
func (c *inquiry) nodes() []candidateWord {
	out, preferred := []candidateWord{}, 0
	for _, n := range c.r.Candidates {
		if n.Preferred {
			preferred++
		}
	}
	for i, n := range c.r.Candidates {
		says := c.place(n) + c.remedy(n)
		switch {
		case n.Preferred && preferred == 1:
			says = "preferred; " + says
		case n.Preferred:
			says = fmt.Sprintf("preferred, number %d; %s", i+1, says)
		}
		out = append(out, candidateWord{n.Node, says})
	}
	return out
}

// place tells what a candidate has to do with the resource.
func (c *inquiry) place(n cluster.CandidateView) string {
	unfit := ""
	if n.Unfit != "" {
		unfit = "; " + n.Unfit
	}
	switch {
	case n.Node == c.r.To && n.Node != c.r.Holder && n.Unfit == "":
		return "gets it next"
	case n.Node != c.r.Holder:
		return candidacy(c.r, n)
	}
	switch c.r.State {
	case cluster.ResourceHeld:
		if n.Unfit != "" {
			return "has it, though it should not: " + n.Unfit
		}
	case cluster.ResourceTaking:
		return "is bringing it up" + unfit
	case cluster.ResourceTrouble:
		return "has the right to it, and cannot bring it up"
	case cluster.ResourceLeaving:
		return "is letting it go" + unfit
	case cluster.ResourceLost:
		return "was its holder" + unfit
	case cluster.ResourceUnheard:
		return "may have it" + unfit
	case cluster.ResourceNobody, cluster.ResourceDisabled:
	}
	return "has it"
}

// remedy tells what ends the word of an operator that keeps the resource from a node.
func (c *inquiry) remedy(n cluster.CandidateView) string {
	node, _ := nodeOf(c.view, n.Node)
	switch {
	case n.Banned:
		return fmt.Sprintf("; to end that: evenkeel resource clear %s", c.r.Name)
	case node.Mode == cluster.ModeStandby:
		return fmt.Sprintf("; to end that: evenkeel node unstandby %s", n.Node)
	case node.Mode == cluster.ModeMaintenance && n.Node != c.r.Holder:
		return fmt.Sprintf("; to end that: evenkeel node maintenance %s --off", n.Node)
	}
	return ""
}

// candidacy tells whether a node could hold the resource instead of its holder.
func candidacy(r cluster.ResourceView, n cluster.CandidateView) string {
	switch {
	case n.Banned:
		return "no: banned by an operator"
	case r.State == cluster.ResourceDisabled:
		return "not while it is disabled"
	case n.Unfit != "":
		return "no: " + n.Unfit
	case r.Holder == "":
		return "yes"
	}
	return "yes, it can take over"
}

// better returns the preferred nodes that come before the holder, the best first.
func (c *inquiry) better() []cluster.CandidateView {
	i := slices.IndexFunc(c.r.Candidates, func(n cluster.CandidateView) bool { return n.Node == c.r.Holder })
	if i < 0 {
		i = len(c.r.Candidates)
	}
	return slices.DeleteFunc(slices.Clone(c.r.Candidates[:i]), func(n cluster.CandidateView) bool { return !n.Preferred })
}
