// SPDX-License-Identifier: Apache-2.0

package script

import (
	"fmt"
	"strings"
)

// Reference returns all there is to know for writing a script, as plain text at most 100 columns wide.
func Reference() string {
	var b strings.Builder
	b.WriteString(`A scenario is a file of lines. It says which cluster there is, what happens to it, and what must
come true. Where # begins a word, the rest of the line is a comment. A script is played from top to
bottom; a step that fails ends it.

    promise A dead node is drained on every balancer.
    cluster 3 web, 2 balancers
    client 100/s

    never web/web2 drained          # from here to the end
    kill web1
    expect web/web1 out within 5s
    start web1
    expect well within 20s

ABOVE THE FIRST STEP
`)
	head := []line{
		{"promise SENTENCE", "what the script proves; the first line"},
		{"world sim|lab", "the only world it is for; without this line it is for both, the simulator and real nodes"},
		{"cluster 3 web, 2 balancers, 1 witness, 1 plain", "the machines: web1, lb1, wit1, app1 and so on"},
	}
	table(&b, append(head, headerLines()...))
	b.WriteString("\nSTEPS\n")
	table(&b, []line{
		{"wait TIME", "let time pass"},
		{"expect CONDITION [within TIME]", "wait until it holds, at most so long; without a time it must hold now"},
		{"never CONDITION", "it must not hold at any look from here to the end"},
	})
	b.WriteString("\nFAULTS (* only in the simulator)\n")
	var faults []line
	for _, l := range faultLines() {
		if l.sim {
			l.means = "* " + l.means
		}
		faults = append(faults, l.line)
	}
	table(&b, faults)
	b.WriteString("\nORDERS (an operator asks a node; \"is refused\" where the answer must be no)\n")
	var orders []line
	for _, l := range orderLines() {
		orders = append(orders, l.line)
	}
	table(&b, orders)
	b.WriteString("\nCONDITIONS\n")
	var conds []line
	for _, l := range condLines() {
		conds = append(conds, l.line)
	}
	table(&b, conds)
	b.WriteString("\nWORDS\n")
	var slots []line
	for _, name := range []string{"NODE", "MACHINE", "APP", "BALANCER", "MEMBER", "RESOURCE", "NAME", "NODES", "HOLDER", "TIME", "RAIL", "RAILS", "PERCENT", "RATE", "COUNT", "FLOOR", "ASK"} {
		slots = append(slots, line{name, grounds{}.slot(name).means})
	}
	table(&b, slots)
	fmt.Fprintf(&b, `
At most %d steps, %d machines of a kind, %d bytes a line, %d KiB a file.
`, StepsMost, KindMost, LineMost, BytesMost>>10)
	return b.String()
}

// Columns of the reference.
const (
	formColumns  = 46 // a longer form has its meaning on the next line
	totalColumns = 100
)

// table writes forms with their meanings beside them.
func table(b *strings.Builder, lines []line) {
	for _, l := range lines {
		form := plain(l.form)
		gap := formColumns - len(form)
		if gap < 2 {
			form, gap = strings.Join(wrap(form, totalColumns-6), "\n      ")+"\n  ", formColumns
		}
		text := wrap(l.means, totalColumns-2-formColumns)
		b.WriteString("  " + form + strings.Repeat(" ", gap) + strings.Join(text, "\n"+strings.Repeat(" ", formColumns+2)) + "\n")
	}
}

// plain writes a form without the keys of its slots.
func plain(form string) string {
	words := strings.Fields(form)
	for i, w := range words {
		name, rest, ok := strings.Cut(w, ":")
		if ok {
			words[i] = name + strings.Repeat("]", strings.Count(rest, "]"))
		}
	}
	return strings.Join(words, " ")
}

// wrap breaks a text into lines.
func wrap(text string, width int) []string {
	var out []string
	for word := range strings.FieldsSeq(text) {
		if last := len(out) - 1; last >= 0 && len(out[last])+1+len(word) <= width {
			out[last] += " " + word
			continue
		}
		out = append(out, word)
	}
	return out
}
