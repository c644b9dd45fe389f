// SPDX-License-Identifier: Apache-2.0

package script

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// ResourcesMost is the most resources of a cluster.
const ResourcesMost = 9

// Lines of the header that are read when the cluster is known begin with these words.
const (
	resourceWord = "resource"
	clientWord   = "client"
)

// later is a line of the header that is read when the cluster is known.
type later struct {
	line  int
	words []token
}

func (l later) first() string { return l.words[0].text }

// failbackAfter is what the failback begins with that comes after a time.
const failbackAfter = "after "

// String returns the line that asks for the resource.
func (r Resource) String() string {
	v := values{"resource": r.Name, "nodes": strings.Join(r.Nodes, ","), "prefer": strings.Join(r.Prefer, ","), "requires": r.Requires}
	if r.Balancer {
		v["balancer"] = "yes"
	}
	if r.Pool {
		v["pool"] = "yes"
	}
	after, timed := strings.CutPrefix(r.Failback, failbackAfter)
	if timed {
		v["time"] = after
		return write(parseForm(resourceForm+" [failback after TIME]"), v)
	}
	v["failback"] = r.Failback
	return write(parseForm(resourceForm+" [failback never|immediately|when-idle:failback]"), v)
}

// Resource returns the resource of that name.
func (c Cluster) Resource(name string) (Resource, bool) {
	i := slices.IndexFunc(c.Resources, func(r Resource) bool { return r.Name == name })
	if i < 0 {
		return Resource{}, false
	}
	return c.Resources[i], true
}

// MayHold returns the nodes that may hold a resource.
func (c Cluster) MayHold(r Resource) []string {
	if len(r.Nodes) > 0 {
		return r.Nodes
	}
	return c.Holders()
}

// Begins returns the node on which a script finds a resource: the most preferred one, or the first that may hold it.
func (c Cluster) Begins(r Resource) string { return append(slices.Clone(r.Prefer), c.MayHold(r)...)[0] }

// resource adds a resource.
func (p *parser) resource(n int, words []token, v values) {
	c := &p.script.Cluster
	r := Resource{
		Name: v["resource"], Nodes: listOf(v["nodes"]), Prefer: listOf(v["prefer"]), Balancer: v["balancer"] != "", Pool: v["pool"] != "",
		Requires: v["requires"], Failback: v["failback"],
	}
	if d := v.time(); d > 0 {
		r.Failback = failbackAfter + formatTime(d)
	}
	may := c.MayHold(r)
	_, again := c.Resource(r.Name)
	switch {
	case again:
		p.wrong(n, words[1], "there is one of that name above")
	case len(c.Resources) == ResourcesMost:
		p.wrong(n, words[0], fmt.Sprintf("at most %d resources", ResourcesMost))
	case !p.ground.known:
	case len(may) == 0:
		p.wrong(n, words[0], "no node of the cluster can hold anything")
	case stranger(may, r.Prefer) != "":
		p.wrong(n, wordOf(words, v["prefer"]), stranger(may, r.Prefer)+" is preferred, and is none of those that may hold it")
	case r.Balancer && stranger(c.BalancerNodes(), may) != "":
		p.wrong(n, wordOf(words, "balancer"), stranger(c.BalancerNodes(), may)+" may hold it, and has no HAProxy; name those that have one after on")
	case r.Pool && stranger(c.Apps(), may) != "":
		p.wrong(n, wordOf(words, "pool"), stranger(c.Apps(), may)+" may hold it, and has no member; name those that have one after on")
	}
	if !again && len(c.Resources) < ResourcesMost {
		c.Resources = append(c.Resources, r)
	}
}

// stranger returns the first of some that is not among others; empty if all are.
func stranger(among, some []string) string {
	i := slices.IndexFunc(some, func(node string) bool { return !slices.Contains(among, node) })
	if i < 0 {
		return ""
	}
	return some[i]
}

// wordOf returns the word of that text.
func wordOf(words []token, text string) token {
	return words[max(0, slices.IndexFunc(words, func(w token) bool { return w.text == text }))]
}

// clients judges who asks what.
func (p *parser) clients(n int, words []token) {
	c := p.script.Cluster
	if !p.ground.known {
		return
	}
	r, asked := c.Resource(c.ClientsTo)
	switch {
	case !asked && (c.Balancers == 0 || len(c.Members()) == 0):
		p.wrong(n, words[0], "clients need a balancer, and a member behind it")
	case asked && slices.ContainsFunc(c.MayHold(r), func(node string) bool { return !slices.Contains(c.BalancerNodes(), node) }):
		p.wrong(n, words[len(words)-1], "who asks it needs an HAProxy on every node that may hold it: write resource "+r.Name+" on "+strings.Join(c.BalancerNodes(), ","))
	}
}

// forbidTwice lets no resource be on two nodes at any time, unless the script begins with saying so.
func (p *parser) forbidTwice() {
	var steps []Step
	var at []token
	for _, r := range p.script.Cluster.Resources {
		act := Never{Cond{Kind: ResourceTwice, Target: r.Name}}
		said := false
		for _, s := range p.script.Steps {
			if _, never := s.Act.(Never); !never {
				break
			}
			said = said || s.Act == act
		}
		if line, ok := p.lineOf(r.Name); ok && !said {
			steps, at = append(steps, Step{Line: line.line, Text: act.String(), Act: act}), append(at, line.words[0])
		}
	}
	p.script.Steps, p.at = append(steps, p.script.Steps...), append(at, p.at...)
}

// lineOf returns the line that asks for a resource.
func (p *parser) lineOf(name string) (later, bool) {
	i := slices.IndexFunc(p.later, func(l later) bool {
		return l.first() == resourceWord && len(l.words) > 1 && l.words[1].text == name
	})
	if i < 0 {
		return later{}, false
	}
	return p.later[i], true
}

// resources returns the slot of a resource that the script has.
func (g grounds) resources() slot {
	var list []string
	for _, r := range g.cluster.Resources {
		list = append(list, r.Name)
	}
	wants := "a resource (" + strings.Join(list, ", ") + ")"
	switch {
	case !g.known:
		wants = "a resource"
	case len(list) == 0:
		wants = "a resource, of which the script has none"
	}
	return slot{
		key: "resource", means: "a resource that the script has above its first step: vip", wants: []string{wants}, near: list,
		read: func(word string) (string, string) {
			if slices.Contains(list, word) {
				return word, ""
			}
			return "", ""
		},
	}
}

// resourceNameMost is the longest name of a resource, in bytes.
const resourceNameMost = 14

const nameWanted = "a name such as vip"

// resourceName is what the name of a resource looks like.
var resourceName = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// readName reads the name of a new resource. Words that lines begin with, or that stand for machines, would be taken for those.
func readName(word string) (value, wrong string) {
	taken := []string{"all", "haproxy", "app", "guard", "balancers", "requests", "anybody", "nobody", "well", "leader", "quorum", "no", "lost"}
	switch {
	case slices.Contains(taken, word) || nameForm.MatchString(word):
		return "", "that means something else already; write " + nameWanted
	case len(word) > resourceNameMost:
		return "", fmt.Sprintf("write at most %d letters", resourceNameMost)
	case resourceName.MatchString(word):
		return word, ""
	}
	return "", ""
}

// readNodes reads a list of nodes that may hold a resource.
func (g grounds) readNodes(word string) (value, wrong string) {
	list := listOf(word)
	for i, node := range list {
		switch {
		case slices.Contains(list[:i], node):
			return "", "it names " + node + " twice"
		case g.known && !slices.Contains(g.cluster.Holders(), node):
			return "", "write some of these, with commas and no spaces: " + strings.Join(g.cluster.Holders(), ",")
		case !nameForm.MatchString(node):
			return "", ""
		}
	}
	return word, ""
}

func listOf(word string) []string {
	if word == "" {
		return nil
	}
	return strings.Split(word, ",")
}
