// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"regexp"
	"strconv"
	"strings"
)

var (
	sequenceForm = regexp.MustCompile(`^~SEQ(x?)\(([^()]*)\)`)
	listForm     = regexp.MustCompile(`^~LST\(([^()]*)\)`)
)

// repeated reads a line that begins with ~SEQ or ~LST once for each of its values. It is false if the line is none.
func (s *scanner) repeated(l line, depth int) bool {
	if m := sequenceForm.FindStringSubmatch(l.text); m != nil {
		s.sequence(line{l.at, l.text[len(m[0]):]}, m, depth)
		return true
	}
	if m := listForm.FindStringSubmatch(l.text); m != nil {
		s.list(line{l.at, l.text[len(m[0]):]}, m, depth)
		return true
	}
	return false
}

// sequence reads ~SEQ(var, start, step, end) and ~SEQx, which counts in hexadecimal.
func (s *scanner) sequence(rest line, m []string, depth int) {
	args := strings.Split(s.substitute(line{rest.at, m[2]}), ",")
	var n []int64
	for _, a := range args[1:] {
		v, err := strconv.ParseInt(strings.TrimSpace(a), 0, 32)
		if err != nil {
			s.fault(rest.at, m[0], "write whole numbers: ~SEQ(NAME, START, STEP, END)")
			return
		}
		n = append(n, v)
	}
	var start, step, end int64
	switch len(n) {
	case 1:
		start, step, end = 1, 1, n[0]
		if end < 0 {
			start, step = -1, -1
		}
	case 2:
		start, step, end = n[0], 1, n[1]
		if end < start {
			step = -1
		}
	case 3:
		start, step, end = n[0], n[1], n[2]
	}
	if step == 0 {
		s.fault(rest.at, m[0], "write ~SEQ(NAME, START, STEP, END) with a step that is not 0")
		return
	}
	base := 10
	if m[1] == "x" {
		base = 16
	}
	for v := start; step > 0 && v <= end || step < 0 && v >= end; v += step {
		if s.full(rest.at) {
			return
		}
		s.values[strings.TrimSpace(args[0])] = strconv.FormatInt(v, base)
		s.logical(rest, depth+1)
	}
}

// list reads ~LST(var, a, b) and ~LST({v, w}, {a, b}, {c, d}).
func (s *scanner) list(rest line, m []string, depth int) {
	groups := groupsOf(s.substitute(line{rest.at, m[1]}))
	if len(groups) == 0 {
		return
	}
	names := groups[0]
	for _, g := range groups[1:] {
		if s.full(rest.at) {
			return
		}
		for i, name := range names {
			if i < len(g) {
				s.values[name] = g[i]
			}
		}
		s.logical(rest, depth+1)
	}
}

// groupsOf splits "a, {b, c}, d" into [a] [b c] [d].
func groupsOf(text string) [][]string {
	var out [][]string
	for text != "" {
		var part string
		text = strings.TrimLeft(text, " \t,")
		if inner, ok := strings.CutPrefix(text, "{"); ok {
			part, text, _ = strings.Cut(inner, "}")
		} else {
			part, text, _ = strings.Cut(text, ",")
		}
		var group []string
		for word := range strings.SplitSeq(part, ",") {
			group = append(group, strings.TrimSpace(word))
		}
		out = append(out, group)
	}
	return out
}
