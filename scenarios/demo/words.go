// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// words turns the events of one act into moments. Of what several nodes tell, the first one counts; what does not concern
// the victim is left out.
type words struct {
	act    string
	victim string
	told   map[string]bool
	probes int
}

func newWords(act, victim string) *words {
	return &words{act: act, victim: victim, told: map[string]bool{}}
}

// of returns the moment of a sighting, if it is worth a line.
func (w *words) of(s sighting) (moment, bool) {
	m, key := w.line(s)
	if m.what == "" || w.told[key] {
		return moment{}, false
	}
	w.told[key] = true
	return m, true
}

// line returns the moment of a sighting, or none, and what makes it the same as another one.
func (w *words) line(s sighting) (moment, string) {
	switch {
	case s.Kind == "balancer.server" && strings.HasSuffix(s.Subject, ":"+fleet.PoolName+"/"+w.victim):
		return w.server(s)
	case s.Kind == cluster.EventMemberHealth && s.Subject == fleet.PoolName+"/"+w.victim && w.act == ActApplication:
		return moment{glyph: "·", who: "cluster", what: fmt.Sprintf("agrees that %s is %s", w.victim, s.To)}, s.Kind + s.To
	case s.Kind == cluster.EventMemberAdmin && s.Subject == fleet.PoolName+"/"+w.victim:
		return moment{glyph: "·", who: "cluster", what: fmt.Sprintf("has decided: %s %s", s.To, w.victim)}, s.Kind + s.To
	case s.Kind == "member.probe" && s.Subject == fleet.PoolName+"/"+w.victim && w.act == ActApplication:
		return w.probe(s)
	case s.Subject == w.victim && w.act == ActNode:
		return w.node(s)
	}
	return moment{}, ""
}

// probe tells the first two verdicts on the application: it is gone, and it is back.
func (w *words) probe(s sighting) (moment, string) {
	w.probes++
	switch w.probes {
	case 1:
		return moment{tone: warned, glyph: "!", who: s.from, what: "notices: " + brief(s.Reason)}, s.Kind + "1"
	case 2:
		return moment{glyph: "·", who: s.from, what: "sees it answer again: " + brief(s.Reason)}, s.Kind + "2"
	}
	return moment{}, ""
}

func (w *words) server(s sighting) (moment, string) {
	switch s.To {
	case "draining", "out", "drained":
		if !w.told["out of"+s.from] {
			return moment{glyph: "↓", who: s.from, what: "takes " + w.victim + " out of rotation"}, "out of" + s.from
		}
		if s.To == "drained" {
			return moment{glyph: "↓", who: s.from, what: "finds no session left on " + w.victim + ": maintenance"}, s.To + s.from
		}
	case "ready":
		return moment{glyph: "↑", who: s.from, what: "sends requests to " + w.victim + " again"}, s.To + s.from
	}
	return moment{}, ""
}

func (w *words) node(s sighting) (moment, string) {
	switch s.Kind {
	case "node.suspect":
		return moment{tone: warned, glyph: "!", who: s.from, what: "suspects " + w.victim + ": " + brief(s.Reason)}, s.Kind
	case cluster.EventCondemned:
		return moment{glyph: "·", who: "cluster", what: "condemns " + w.victim + ": " + brief(s.Reason)}, s.Kind
	case "node.new-life":
		return moment{glyph: "·", who: s.from, what: "learns that it was condemned, and begins a new life"}, s.Kind
	case cluster.EventAdmitted:
		return moment{glyph: "·", who: "cluster", what: "admits " + w.victim + ", which " + brief(s.Reason)}, s.Kind
	}
	return moment{}, ""
}

// brief keeps of a reason what fits a line: what happened, without the circumstances, and times to the millisecond.
func brief(reason string) string {
	reason = strings.TrimPrefix(reason, "proven: ")
	for _, circumstance := range []string{", after ", ", limit "} {
		reason, _, _ = strings.Cut(reason, circumstance)
	}
	reason = regexp.MustCompile(` voters, [0-9]+ needed\)`).ReplaceAllString(reason, ")")
	return regexp.MustCompile(`[0-9]+\.[0-9]+m?s`).ReplaceAllStringFunc(reason, func(text string) string {
		d, err := time.ParseDuration(text)
		if err != nil {
			return text
		}
		return d.Round(time.Millisecond).String()
	})
}
