// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

func (p *page) resources() *table {
	t := &table{heads: []string{
		"RESOURCE", "STATE", "NODE", "ADDRESSES", "INTERFACE", "EPOCH", "FAILBACK", "TAKEOVER", "SINCE", "REASON",
	}}
	for _, r := range p.view.Resources {
		t.add(clean(r.Name), p.standing(r.State), clean(holders(r)), clean(p.addresses(r)),
			p.only(r.Interface), p.only(fmt.Sprint(r.Epoch)), p.only(r.Failback), p.only(p.takeover(r)),
			p.since(r.Since), clean(resourceReason(r)))
	}
	return t
}

func (p *page) standing(s cluster.ResourceState) string {
	style, glyph := p.mark(s)
	return style.Render(glyph + " " + clean(string(s)))
}

// mark is what stands before the name of a state, and its style.
func (p *page) mark(s cluster.ResourceState) (lipgloss.Style, string) {
	switch s {
	case cluster.ResourceHeld:
		return p.style.good, "●"
	case cluster.ResourceTaking, cluster.ResourceLeaving:
		return p.style.warn, "◑"
	case cluster.ResourceUnheard:
		return p.style.warn, "▲"
	case cluster.ResourceTrouble, cluster.ResourceLost, cluster.ResourceNobody:
		return p.style.bad, "✖"
	case cluster.ResourceDisabled:
		return p.style.dim, "○"
	}
	return p.style.dim, "◌"
}

// holders names who has it, and who gets it then.
func holders(r cluster.ResourceView) string {
	switch {
	case r.Holder == "":
		return "-"
	case r.To == "":
		return string(r.Holder)
	}
	return fmt.Sprintf("%s -> %s", r.Holder, r.To)
}

// addresses are all of them in the wide form; otherwise the first, and how many more there are.
func (p *page) addresses(r cluster.ResourceView) string {
	if more := len(r.Addresses) - 1; !p.wide && more > 0 {
		return fmt.Sprintf("%s +%d", r.Addresses[0], more)
	}
	return strings.Join(r.Addresses, " ")
}

// takeover tells what a lost holder is waited for: the time and the class that
// it rests on, or the proof.
func (p *page) takeover(r cluster.ResourceView) string {
	if r.Requires != cluster.ProofLease || r.Takeover == "" {
		return string(r.Requires)
	}
	holder, _ := nodeOf(p.view, r.Holder)
	return fmt.Sprintf("%s (%s)", r.Takeover, orWords(holder.Class, "class unknown"))
}

// resourceReason adds to the reason what operators left behind.
func resourceReason(r cluster.ResourceView) string {
	var parts []string
	if r.Reason != "" {
		parts = append(parts, r.Reason)
	}
	var banned []string
	for _, c := range r.Candidates {
		if c.Banned {
			banned = append(banned, string(c.Node))
		}
	}
	if len(banned) > 0 {
		parts = append(parts, "banned from "+strings.Join(banned, ", "))
	}
	return strings.Join(parts, "; ")
}
