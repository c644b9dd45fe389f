// SPDX-License-Identifier: Apache-2.0

package script

import (
	"fmt"
	"strings"
)

// Format writes a script in its one form: the header, an empty line, one line for each step. Comments are not part of a
// script. Parsing what it writes gives the same script, with the lines as they are written.
func Format(s *Script) []byte {
	var b strings.Builder
	line := func(text string) { b.WriteString(text + "\n") }
	line("promise " + s.Promise)
	if len(s.Worlds) == 1 {
		line("world " + string(s.Worlds[0]))
	}
	line("cluster " + s.Cluster.String())
	for _, l := range s.Cluster.settings() {
		line(l)
	}
	line("")
	for _, step := range s.Steps {
		line(step.Act.String())
	}
	return []byte(b.String())
}

// String returns what the cluster is made of, as in 3 web, 2 balancers.
func (c Cluster) String() string {
	var parts []string
	for _, k := range []struct {
		count     int
		one, many string
	}{{c.Web, "web", "web"}, {c.Balancers, "balancer", "balancers"}, {c.Witnesses, "witness", "witnesses"}, {c.Plain, "plain", "plain"}} {
		switch k.count {
		case 0:
		case 1:
			parts = append(parts, "1 "+k.one)
		default:
			parts = append(parts, fmt.Sprintf("%d %s", k.count, k.many))
		}
	}
	return strings.Join(parts, ", ")
}

// settings returns the other lines of the header.
func (c Cluster) settings() []string {
	var out []string
	for _, v := range []struct {
		word, value string
	}{
		{"timing", c.Timing},
		{"rails", numberOr(c.Rails)},
		{"floor", numberOr(c.Floor)},
		{"deadline", timeOr(c.Deadline)},
		{"slow-start", timeOr(c.SlowStart)},
	} {
		if v.value != "" {
			out = append(out, v.word+" "+v.value)
		}
	}
	if c.NoState {
		out = append(out, "no state file")
	}
	for _, r := range c.Resources {
		out = append(out, r.String())
	}
	if c.Clients > 0 {
		out = append(out, write(parseForm("client ASK [to RESOURCE]"), values{"count": numberOr(c.Clients) + "/s", "resource": c.ClientsTo}))
	}
	return out
}
