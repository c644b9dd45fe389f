// SPDX-License-Identifier: Apache-2.0

package script

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/evenkeel-ha/evenkeel/supervisor/spelling"
)

// attempt is how a line fared with one form.
type attempt[T any] struct {
	form  string
	build func(values) T
}

// fit fits words into the first form that takes them. Without one, what is wrong is told where the line came furthest.
func fit[T any](p *parser, n int, words []token, attempts []attempt[T]) (T, bool) {
	best := miss{at: -1}
	for _, a := range attempts {
		v, m, ok := match(p.ground, parseForm(a.form), words)
		if ok {
			return a.build(v), true
		}
		best = best.or(m)
	}
	p.missed(n, words, best)
	var none T
	return none, false
}

// missed tells what a line lacks.
func (p *parser) missed(n int, words []token, m miss) {
	if m.at >= len(words) {
		last := words[len(words)-1]
		end := token{column: last.column + utf8.RuneCountInString(last.text)}
		p.wrong(n, end, fmt.Sprintf("the line ends after %q; write %s", last.text, spelling.OneOf(m.wants)))
		return
	}
	what := m.wrong
	switch {
	case what != "":
	case len(m.wants) == 0:
		what = "nothing more belongs into this line"
	default:
		what = "write " + spelling.OneOf(m.wants)
	}
	if near := spelling.Nearest(words[m.at].text, m.near); near != "" && m.wrong == "" && !slices.Equal(m.wants, []string{near}) {
		what += "; did you mean " + near + "?"
	}
	p.wrong(n, words[m.at], what)
}

// step reads a step.
func (p *parser) step(n int, words []token) (Act, bool) {
	switch words[0].text {
	case "expect":
		return p.expect(n, words)
	case "never":
		return p.never(n, words)
	}
	var known []string
	var attempts []attempt[Act]
	add := func(form string, build func(values) Act) {
		first, _, _ := strings.Cut(form, " ")
		if known = append(known, first); first == words[0].text {
			attempts = append(attempts, attempt[Act]{form, build})
		}
	}
	add("wait TIME", func(v values) Act { return Wait{v.time()} })
	for _, l := range faultLines() {
		add(l.form, func(v values) Act { return l.act(v) })
	}
	for _, l := range orderLines() {
		add(l.form, func(v values) Act { return l.act(v) })
	}
	if len(attempts) == 0 {
		p.unknown(n, words[0], append(known, "expect", "never"))
		return nil, false
	}
	act, ok := fit(p, n, words, attempts)
	return act, ok && p.sound(n, words, act)
}

// unknown tells of a line that begins with a word that no line begins with.
func (p *parser) unknown(n int, first token, known []string) {
	if !p.stepped || len(p.at) == 0 {
		known = append(known, headerWords()...)
	}
	what := "no line begins like this"
	if near := spelling.Nearest(first.text, known); near != "" {
		what += "; did you mean " + near + "?"
	} else {
		what += "; it is one of " + spelling.OneOf(known)
	}
	p.wrong(n, first, what)
}

// expect reads "expect CONDITION [within TIME]".
func (p *parser) expect(n int, words []token) (Act, bool) {
	var attempts []attempt[Expect]
	for _, l := range condLines() {
		attempts = append(attempts, attempt[Expect]{"expect " + l.form + " [within TIME]", func(v values) Expect { return Expect{l.cond(v), v.time()} }})
	}
	e, ok := fit(p, n, words, attempts)
	return e, ok && p.visible(n, words[1], e.Cond)
}

// never reads "never CONDITION".
func (p *parser) never(n int, words []token) (Act, bool) {
	var attempts []attempt[Never]
	for _, l := range condLines() {
		attempts = append(attempts, attempt[Never]{"never " + l.form, func(v values) Never { return Never{l.cond(v)} }})
	}
	a, ok := fit(p, n, words, attempts)
	return a, ok && p.visible(n, words[1], a.Cond)
}

// sound refuses what has every word in its place and still makes no sense.
func (p *parser) sound(n int, words []token, act Act) bool {
	switch a := act.(type) {
	case Fault:
		guards := a.Kind == KillGuard || a.Kind == PauseGuard
		if p.ground.known && guards && len(p.ground.cluster.Resources) == 0 {
			p.wrong(n, words[1], "no node has a guard; write a line such as resource vip on lb1,lb2 above the first step")
			return false
		}
		if a.Peer != "" && a.Peer == a.Node {
			p.wrong(n, words[len(words)-1], "write two different machines")
			return false
		}
	case Order:
		most := len(p.ground.cluster.Members())
		if floor, ok := strings.CutPrefix(a.Target, "floor "); ok && p.ground.known && (values{"count": floor}).number("count") > most {
			p.wrong(n, words[2], fmt.Sprintf("the pool has %d members", most))
			return false
		}
	case Wait, Expect, Never:
	}
	return true
}

// visible refuses conditions that can never be looked at on this cluster.
func (p *parser) visible(n int, first token, c Cond) bool {
	if !p.ground.known {
		return true
	}
	ofBalancers := []CondKind{MemberIs, InStep, NotInStep, Unchanged}
	switch {
	case slices.Contains(ofBalancers, c.Kind) && p.ground.cluster.Balancers == 0:
		p.wrong(n, first, "the cluster has no balancer to look at")
	case (c.Kind == ClientLost || c.Kind == Answered) && p.ground.cluster.Clients == 0:
		p.wrong(n, first, "nobody asks; write a line such as client 100/s above the first step")
	default:
		return true
	}
	return false
}
