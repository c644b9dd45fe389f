// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// staleAfter is the age from which a view is not trusted any more: nodes renew
// theirs many times a second.
const staleAfter = 5 * time.Second

// page is a status under way.
type page struct {
	view  cluster.View
	now   time.Time
	at    screen
	style palette
	wide  bool
	lines []string
}

// newPage begins an empty page about the view.
func (env *environment) newPage(view cluster.View, form *format) *page {
	at := env.screenOf(env.stdout)
	return &page{view: view, now: time.Now(), at: at, style: at.palette(), wide: form.is == formatWide}
}

// status fills the page with all there is to say.
func (p *page) status() []string {
	p.head()
	p.problems()
	p.section("Nodes", p.nodes())
	p.section("Rails", p.rails())
	p.section("Balancers", p.balancers())
	p.section("Resources", p.resources())
	p.pools()
	return p.lines
}

// well tells whether the view says that all is well, and is fresh.
func well(view cluster.View, now time.Time) bool {
	return view.Verdict == cluster.WellVerdict && age(view, now) < staleAfter
}

func age(view cluster.View, now time.Time) time.Duration {
	return max(now.Sub(time.UnixMilli(view.At)), 0)
}

func (p *page) section(title string, t *table) {
	if lines := t.lines(p.at); len(lines) > 0 {
		p.lines = append(p.lines, "", p.style.bold.Render(title))
		p.lines = append(p.lines, lines...)
	}
}

// head is the verdict in one sentence, and who says so.
func (p *page) head() {
	v := p.view
	style, sentence := p.verdict()
	for _, part := range wrap(clean(sentence), p.at.width, p.at) {
		p.lines = append(p.lines, style.Render(part))
	}
	facts := []string{"cluster " + orDash(v.Cluster)}
	if v.Leader != "" {
		facts = append(facts, "leader "+string(v.Leader))
	} else {
		facts = append(facts, "no leader")
	}
	if v.Quorum.Voters > 0 {
		facts = append(facts, fmt.Sprintf("quorum %d of %d, needs %d", v.Quorum.Have, v.Quorum.Voters, v.Quorum.Need))
	}
	facts = append(facts,
		fmt.Sprintf("revision %d", v.Revision),
		fmt.Sprintf("told by %s, %s ago", v.Node, span(age(v, p.now))),
	)
	if p.wide {
		facts = append(facts, fmt.Sprintf("term %d, index %d, epoch %d", v.Term, v.Index, v.Epoch),
			"timing "+orDash(v.Timing), "version "+orDash(v.Version), "id "+orDash(v.ClusterID))
	}
	for _, part := range flow(facts, p.at) {
		p.lines = append(p.lines, p.style.dim.Render(part))
	}
}

// flow puts facts on lines without breaking one.
func flow(facts []string, at screen) []string {
	const dot = " · "
	var out []string
	for _, fact := range facts {
		fact = clean(fact)
		if n := len(out) - 1; n >= 0 && (at.width == 0 || ansi.StringWidth(out[n]+dot+fact) <= at.width) {
			out[n] += dot + fact
		} else {
			out = append(out, fact)
		}
	}
	return out
}

func (p *page) verdict() (lipgloss.Style, string) {
	v := p.view
	first := "no reason was given"
	if len(v.Problems) > 0 {
		first = v.Problems[0]
	}
	switch v.Verdict {
	case cluster.WellVerdict:
		if old := age(v, p.now); old >= staleAfter {
			return p.style.bad, fmt.Sprintf("✖ stale: what follows is %s old; is the node overloaded?", span(old))
		}
		return p.style.good, "● all is well"
	case cluster.DegradedVerdict:
		return p.style.warn, "▲ degraded: " + first
	case cluster.NoQuorumVerdict:
		if v.Quorum.Reason != "" {
			first = v.Quorum.Reason
		}
		return p.style.bad, "✖ no quorum: " + first
	case cluster.WaitingVerdict:
		if len(v.Problems) == 0 {
			first = "this node belongs to no cluster yet"
		}
		return p.style.warn, "◌ waiting: " + first
	}
	return p.style.bad, fmt.Sprintf("✖ %q is a verdict that this version does not know", string(v.Verdict))
}

// problems lists what the head does not say already.
func (p *page) problems() {
	_, said := p.verdict()
	rest := slices.DeleteFunc(slices.Clone(p.view.Problems), func(s string) bool { return strings.HasSuffix(said, ": "+s) })
	if len(rest) == 0 {
		return
	}
	t := &table{heads: []string{"", ""}}
	for _, problem := range rest {
		t.add("▲", clean(problem))
	}
	p.lines = append(p.lines, "", p.style.bold.Render("Problems"))
	p.lines = append(p.lines, t.lines(p.at)[1:]...) // this table has no heads
}

// since tells how long ago a moment was, as the node that answers saw it.
func (p *page) since(ms int64) string {
	if ms == 0 {
		return ""
	}
	return span(time.UnixMilli(p.view.At).Sub(time.UnixMilli(ms)))
}

// span prints a length of time with at most two units.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < day:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%02dh", d/day, d%day/time.Hour)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
