// SPDX-License-Identifier: Apache-2.0

package script

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of what may stand in a slot.
const (
	// LongestTime is the longest time that a line may name.
	LongestTime = time.Hour
	// RateMost is by how many percent a clock may be fast or slow.
	RateMost = 50
	// CountMost is the highest count of failed requests.
	CountMost = 1_000_000
	// AskMost is the most requests per second through each balancer.
	AskMost = 1000
	// RailsMost is the most networks that carry the bus.
	RailsMost = 8
)

// A slot is a place in a line where a word of some kind stands.
type slot struct {
	key   string   // under which the word is kept
	means string   // for the reference
	wants []string // what would be right
	near  []string // the words among that, or that it stands for
	// read returns the word in its one form, or else what is wrong with it in particular; both empty is another kind of word.
	read func(word string) (value, wrong string)
}

// grounds are what the words of a script are checked against.
type grounds struct {
	cluster Cluster
	known   bool // the cluster is: otherwise names are checked for their form only
}

// names returns the slot of a name.
func (g grounds) names(kind, means string, list []string) slot {
	wants := "a " + kind + " (" + strings.Join(list, ", ") + ")"
	switch {
	case !g.known:
		wants = "a " + kind
	case len(list) == 0:
		wants = "a " + kind + ", of which the cluster has none"
	}
	return slot{key: "node", means: means, wants: []string{wants}, near: list, read: func(word string) (string, string) {
		if slices.Contains(list, word) || !g.known && nameForm.MatchString(word) {
			return word, ""
		}
		return "", ""
	}}
}

// nameForm is what a name of a machine or a member looks like.
var nameForm = regexp.MustCompile(`^(web/)?(web|lb|wit|app)[0-9]+$`)

// slot returns the slot that a form calls NODE, TIME and so on.
func (g grounds) slot(name string) slot {
	c := g.cluster
	switch name {
	case "NODE":
		return g.names("node", "a machine that runs Evenkeel: web1, lb1, wit1", c.Nodes())
	case "MACHINE":
		return g.names("machine", "a node, or a machine without Evenkeel: app1", c.Machines())
	case "APP":
		return g.names("machine with an application", "a machine with an application: web1, app1", c.Apps())
	case "BALANCER":
		return g.names("balancer", "a node with an HAProxy: lb1", c.BalancerNodes())
	case "MEMBER":
		return g.names("member", "a member of the pool: web/web1, web/app1", c.Members())
	case "HOLDER":
		return g.names("holder", "a node that may hold a resource: lb1", c.Holders())
	case "RESOURCE":
		return g.resources()
	case "NAME":
		return slot{key: "resource", means: "letters, digits and -, such as vip", wants: []string{nameWanted}, read: readName}
	case "NODES":
		return slot{key: "nodes", means: "nodes that are no witnesses, the best first: lb1,lb2", wants: []string{"nodes such as lb1,lb2"}, read: g.readNodes}
	case "TIME":
		return slot{key: "time", means: "a time from 1ms to 1h: 500ms, 3s, 1m30s", wants: []string{timeWanted}, read: readTime}
	case "RAIL":
		return integer("rail", "", "a network that carries the bus, counted from 1", 1, c.rails())
	case "PERCENT":
		return integer("percent", "%", "0% to 100%", 0, 100)
	case "RATE":
		return integer("percent", "%", "by how much a clock is fast: 3%; -3% is slow", -RateMost, RateMost)
	case "COUNT":
		return integer("count", "", "a count from 0", 0, CountMost)
	case "RAILS":
		return integer("count", "", "how many networks carry the bus; 2 unless said", 1, RailsMost)
	case "FLOOR":
		return integer("count", "", "a count of members", 0, 2*KindMost)
	case "ASK":
		return integer("count", "/s", "requests per second: 100/s", 1, AskMost)
	}
	return choice(strings.Split(name, "|"))
}

// rails returns how many networks carry the bus.
func (c Cluster) rails() int {
	if c.Rails == 0 {
		return railsDefault
	}
	return c.Rails
}

// railsDefault is the number of rails of a cluster whose script names none.
const railsDefault = 2

// integer returns the slot of a number with a unit.
func integer(key, unit, means string, least, most int) slot {
	wants := fmt.Sprintf("%d%s to %d%s", least, unit, most, unit)
	if least == most {
		wants = fmt.Sprintf("%d%s", least, unit)
	}
	return slot{key: key, means: means, wants: []string{wants}, read: func(word string) (string, string) {
		n, err := strconv.Atoi(strings.TrimSuffix(word, unit))
		switch {
		case err != nil:
			return "", ""
		case n < least || n > most:
			return "", "write " + wants
		case !strings.HasSuffix(word, unit):
			return "", fmt.Sprintf("write it with its unit: %d%s", n, unit)
		}
		return strconv.Itoa(n) + unit, ""
	}}
}

// choice returns the slot of one of some words.
func choice(words []string) slot {
	return slot{key: "state", wants: words, near: words, read: func(word string) (string, string) {
		if slices.Contains(words, word) {
			return word, ""
		}
		return "", ""
	}}
}

// timeWanted is what would be right where no time stands.
const timeWanted = "a time such as 500ms, 3s or 1m30s"

// readTime reads a time. A number with the wrong unit, or with none, is told the right one.
func readTime(word string) (value, wrong string) {
	d, err := time.ParseDuration(word)
	if err != nil {
		end := strings.LastIndexAny(word, "0123456789") + 1
		if _, err := strconv.ParseFloat(word[:end], 64); err != nil {
			return "", ""
		}
		unit := unitOf(word[end:])
		if unit == word[end:] {
			return "", "at most 1h" // it does not even fit into a number
		}
		return "", fmt.Sprintf("write %s; did you mean %s%s?", timeWanted, word[:end], unit)
	}
	switch {
	case d > LongestTime:
		return "", "at most 1h"
	case d <= 0:
		return "", "write a time above 0"
	case d%time.Millisecond != 0:
		return "", "write whole milliseconds"
	}
	return formatTime(d), ""
}

// unitOf returns the unit that was most likely meant.
func unitOf(text string) string {
	text = strings.ToLower(text)
	switch {
	case strings.HasPrefix(text, "ms"), strings.HasPrefix(text, "mil"):
		return "ms"
	case strings.HasPrefix(text, "m"):
		return "m"
	case strings.HasPrefix(text, "h"):
		return "h"
	}
	return "s"
}

// formatTime writes a time without units that count nothing: 10m, not 10m0s.
func formatTime(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
