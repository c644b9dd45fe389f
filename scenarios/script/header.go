// SPDX-License-Identifier: Apache-2.0

package script

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// KindMost is the most machines of one kind; so the number in a name is one digit.
const KindMost = 9

// MachinesMost is the most machines of a cluster.
const MachinesMost = 20

// drainLeast is the shortest deadline and slow start that the product takes.
const drainLeast = 100 * time.Millisecond

// headerWords are what lines of the header begin with.
func headerWords() []string {
	out := []string{"promise", "world", "cluster"}
	for _, l := range headerLines() {
		first, _, _ := strings.Cut(l.form, " ")
		out = append(out, first)
	}
	return out
}

// header reads a line of the header, and tells whether it is one.
func (p *parser) header(n int, text string, words []token) bool {
	first := words[0]
	if !slices.Contains(headerWords(), first.text) {
		return false
	}
	if p.stepped {
		p.wrong(n, first, "this belongs above the first step")
		return true
	}
	if _, again := p.headers[first.text]; again && first.text != resourceWord {
		p.wrong(n, first, "this was said above")
		return true
	}
	if len(p.headers) == 0 && first.text != "promise" {
		p.wrong(n, first, "a script begins with its promise: promise A dead node is drained on every balancer.")
		p.headers["promise"] = n // told once
	}
	p.headers[first.text] = n
	switch first.text {
	case "promise":
		if p.script.Promise = strings.TrimSpace(strings.TrimPrefix(text, "promise")); p.script.Promise == "" {
			p.missed(n, words, miss{at: 1, wants: []string{"a sentence, such as A dead node is drained on every balancer."}})
		}
	case "world":
		p.worlds(n, words)
	case "cluster":
		p.cluster(n, words)
	case resourceWord, clientWord:
		p.later = append(p.later, later{n, words}) // when the cluster is known
	default:
		p.setting(n, words)
	}
	return true
}

func (p *parser) worlds(n int, words []token) {
	for _, w := range words[1:] {
		world := World(w.text)
		switch {
		case world != Sim && world != Lab:
			p.missed(n, []token{words[0], w}, miss{at: 1, wants: []string{"sim", "lab", "sim lab"}, near: []string{"sim", "lab"}})
		case slices.Contains(p.script.Worlds, world):
			p.wrong(n, w, "this was said already")
		default:
			p.script.Worlds = append(p.script.Worlds, world)
		}
	}
	if len(words) == 1 {
		p.missed(n, words, miss{at: 1, wants: []string{"sim", "lab", "sim lab"}})
	}
	slices.Sort(p.script.Worlds)
	slices.Reverse(p.script.Worlds) // sim goes before lab
}

// kindOf returns where the machines of a kind are counted.
func (c *Cluster) kindOf(word string) *int {
	switch word {
	case "web":
		return &c.Web
	case "balancer", "balancers":
		return &c.Balancers
	case "witness", "witnesses":
		return &c.Witnesses
	case "plain":
		return &c.Plain
	}
	return nil
}

// cluster reads "cluster 3 web, 2 balancers, 1 witness, 1 plain".
func (p *parser) cluster(n int, words []token) {
	kinds := []string{"web", "balancers", "witnesses", "plain"}
	before, last := len(p.mistakes), len(words)-1
	for i := 1; i <= last; i += 2 {
		count, err := strconv.Atoi(words[i].text)
		if err != nil || count < 0 || count > KindMost {
			p.wrong(n, words[i], fmt.Sprintf("write how many, 1 to %d", KindMost))
			return
		}
		if i == last {
			p.missed(n, words, miss{at: i + 1, wants: kinds})
			return
		}
		kind, comma := strings.CutSuffix(words[i+1].text, ",")
		if comma == (i+1 == last) {
			p.wrong(n, words[i+1], "put commas between the kinds: cluster 3 web, 2 balancers, 1 witness, 1 plain")
			return
		}
		if p.script.Cluster.kindOf(kind) == nil {
			p.missed(n, []token{words[i], {kind, words[i+1].column}}, miss{at: 1, wants: kinds, near: kinds})
			return
		}
		*p.script.Cluster.kindOf(kind) += count
	}
	p.checkCluster(n, words)
	p.ground.known = len(p.mistakes) == before
}

func (p *parser) checkCluster(n int, words []token) {
	c := p.script.Cluster
	switch {
	case len(words) == 1:
		p.missed(n, words, miss{at: 1, wants: []string{"what it is made of, such as 3 web, 2 balancers, 1 witness, 1 plain"}})
	case len(c.Nodes()) == 0:
		p.wrong(n, words[0], "nothing in it runs Evenkeel")
	case max(c.Web, c.Balancers, c.Witnesses, c.Plain) > KindMost:
		p.wrong(n, words[0], fmt.Sprintf("at most %d machines of a kind", KindMost))
	case len(c.Machines()) > MachinesMost:
		p.wrong(n, words[0], fmt.Sprintf("%d machines, at most %d fit on one host", len(c.Machines()), MachinesMost))
	}
}

// setting reads the other lines of the header.
func (p *parser) setting(n int, words []token) {
	var attempts []attempt[values]
	for _, l := range headerLines() {
		if strings.HasPrefix(l.form, words[0].text+" ") {
			attempts = append(attempts, attempt[values]{l.form, func(v values) values { return v }})
		}
	}
	v, ok := fit(p, n, words, attempts)
	if !ok {
		return
	}
	c := &p.script.Cluster
	switch words[0].text {
	case resourceWord:
		p.resource(n, words, v)
	case clientWord:
		c.Clients, c.ClientsTo = v.number("count"), v["resource"]
		p.clients(n, words)
	case "timing":
		c.Timing = v["state"]
	case "rails":
		c.Rails = v.number("count")
	case "floor":
		c.Floor = v.number("count")
	case "deadline":
		c.Deadline = v.time()
	case "slow-start":
		c.SlowStart = v.time()
	case "no":
		c.NoState = true
	}
	if words[0].text == "floor" && c.Floor == 0 {
		p.wrong(n, words[1], "write 1 or more; apply floor 0 is a step")
	}
	if d := v.time(); words[0].text != resourceWord && d != 0 && d < drainLeast {
		p.wrong(n, words[1], "write "+formatTime(drainLeast)+" or more")
	}
}
