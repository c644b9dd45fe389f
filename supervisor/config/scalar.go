// SPDX-License-Identifier: Apache-2.0

package config

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// spanPattern is the form of a duration, for files and for the JSON Schema.
const spanPattern = `^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`

const spanWant = "write a number with a unit (ms, s, m, h), such as 500ms, 30s or 10m"

var (
	spanForm   = regexp.MustCompile(spanPattern)
	wholeForm  = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,8})$`)
	numberForm = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)
	daysForm   = regexp.MustCompile(`^([0-9]{1,4}) ?(d|days?)$`)
)

// scalar reads one value; or it returns what would be right. Types are not
// converted into each other: 012, no and 1e3 mean different things to
// different readers of YAML, so text that looks like a number is quoted.
func scalar(n *yaml.Node, s shape) (value any, want string) {
	quoted := n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
	switch s.kind {
	case text:
		switch {
		case quoted || n.Tag == "!!str" || n.Tag == "!!timestamp":
			return n.Value, ""
		case n.Value != "":
			return nil, "text is wanted, and YAML reads a " + reads(n) + "; put it in quotes: " + strconv.Quote(n.Value)
		}
	case whole:
		if !quoted && wholeForm.MatchString(n.Value) {
			i, err := strconv.Atoi(n.Value)
			if err == nil {
				return i, ""
			}
		}
		if quoted && wholeForm.MatchString(n.Value) {
			return nil, "a number; remove the quotes"
		}
	case truth:
		if !quoted && n.Tag == "!!bool" {
			return strings.EqualFold(n.Value, "true"), ""
		}
		switch strings.ToLower(n.Value) {
		case "yes", "on", "1", "true":
			return nil, "write true, without quotes"
		case "no", "off", "0", "false":
			return nil, "write false, without quotes"
		}
	case span:
		return duration(n.Value)
	case size:
		if sizeForm.MatchString(n.Value) {
			return n.Value, ""
		}
	case list, words, record:
	}
	return nil, s.wants()
}

func reads(n *yaml.Node) string {
	if n.Tag == "!!bool" {
		return "truth value"
	}
	return "number"
}

// duration checks a duration and returns its text.
func duration(v string) (value any, want string) {
	if spanForm.MatchString(v) {
		if _, err := time.ParseDuration(v); err == nil {
			return v, ""
		}
		return nil, "longer than the 292 years that fit; write less"
	}
	if numberForm.MatchString(v) {
		return nil, "the unit is missing; write " + v + "s for seconds or " + v + "ms for milliseconds"
	}
	if m := daysForm.FindStringSubmatch(v); m != nil {
		if days, err := strconv.Atoi(m[1]); err == nil {
			return nil, "days are not known; write " + strconv.Itoa(24*days) + "h"
		}
	}
	return nil, spanWant
}
