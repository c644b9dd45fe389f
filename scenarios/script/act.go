// SPDX-License-Identifier: Apache-2.0

package script

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

func (f faultLine) act(v values) Fault {
	return Fault{Kind: f.kind, Node: v["node"], Peer: v["peer"], Rail: v.number("rail"), Percent: v.number("percent"), For: v.time()}
}

// String returns the line that asks for the fault.
func (f Fault) String() string {
	v := values{
		"node": f.Node, "peer": f.Peer, "rail": numberOr(f.Rail), "percent": strconv.Itoa(f.Percent) + "%", "time": timeOr(f.For),
	}
	for _, l := range faultLines() {
		if l.kind == f.Kind {
			return write(parseForm(l.form), v)
		}
	}
	return strings.TrimSpace(string(f.Kind) + " " + f.Node)
}

func (o orderLine) act(v values) Order {
	out := Order{Verb: o.verb, Target: v["node"], At: v["at"], Deadline: v.time(), Refused: v["is"] != ""}
	if v["resource"] != "" {
		out.Target, out.Node = v["resource"], v["node"]
	}
	if o.what != "" {
		out.Target, out.Deadline = o.what+" "+v["count"]+v["time"], 0
	}
	return out
}

// String returns the line that gives the order.
func (o Order) String() string {
	v := values{"node": o.Target, "at": o.At, "time": timeOr(o.Deadline)}
	if o.Verb.ofResource() {
		v["resource"], v["node"] = o.Target, o.Node
	}
	what, value, _ := strings.Cut(o.Target, " ")
	if o.Verb == Apply {
		v["count"], v["time"] = value, value
	} else {
		what = ""
	}
	if o.Refused {
		v["is"] = "yes"
	}
	for _, l := range orderLines() {
		if l.verb == o.Verb && l.what == what {
			return write(parseForm(l.form), v)
		}
	}
	return string(o.Verb) + " " + o.Target
}

// ofResource tells whether the verb is about a resource.
func (v Verb) ofResource() bool {
	return slices.Contains([]Verb{Move, Restart, Ban, Clear, Enable, Disable}, v)
}

func (c condLine) cond(v values) Cond {
	out := Cond{Kind: c.kind, Target: cmp.Or(v["node"], v["resource"]), State: v["state"], On: v["on"], N: v.number("count")}
	if c.kind == MemberIs && out.State == "" {
		out.State = string(StateServes)
	}
	return out
}

// String returns the words that ask for the condition.
func (c Cond) String() string {
	v := values{"node": c.Target, "resource": c.Target, "state": c.State, "on": c.On, "count": strconv.Itoa(c.N)}
	for _, l := range condLines() {
		form := parseForm(l.form)
		if l.kind == c.Kind && fits(form, v) {
			return write(form, v)
		}
	}
	return strings.TrimSpace(string(c.Kind) + " " + c.Target)
}

// String returns the line that waits.
func (w Wait) String() string { return "wait " + formatTime(w.For) }

// String returns the line that expects.
func (e Expect) String() string {
	if e.Within == 0 {
		return "expect " + e.Cond.String()
	}
	return "expect " + e.Cond.String() + " within " + formatTime(e.Within)
}

// String returns the line that forbids.
func (n Never) String() string { return "never " + n.Cond.String() }
