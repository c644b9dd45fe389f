// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// bundle is what moves together: the instances of one name, or of one group, of all nodes.
type bundle struct {
	name  string
	main  []*instance // the first instance, one for each node that has it
	rest  []*instance // the other instances of the group
	group []*group    // the group, for each node that has it
}

func (b *bundle) all() []*instance { return slices.Concat(b.main, b.rest) }

// resources makes the resources of the cluster file.
func (im *importer) resources() {
	seen := map[string]bool{}
	for _, b := range im.bundles() {
		im.resource(b, seen)
	}
}

// bundles joins the instances of the nodes, in the order of the files.
func (im *importer) bundles() []*bundle {
	var out []*bundle
	placed := map[*instance]bool{}
	for _, v := range im.views {
		for _, g := range v.groups {
			if slices.ContainsFunc(out, func(b *bundle) bool { return b.group != nil && b.name == g.name }) {
				continue
			}
			out = append(out, im.grouped(g.name, placed))
		}
	}
	for _, v := range im.views {
		for _, in := range v.instances {
			if !placed[in] {
				b := &bundle{name: in.name}
				im.same(in, placed, &b.main)
				out = append(out, b)
			}
		}
	}
	rank := map[*instance]int{}
	for _, v := range im.views {
		for _, in := range v.instances {
			rank[in] = len(rank)
		}
	}
	first := func(b *bundle) int {
		least := len(rank)
		for _, in := range b.all() {
			least = min(least, rank[in])
		}
		return least
	}
	slices.SortStableFunc(out, func(a, b *bundle) int { return cmp.Compare(first(a), first(b)) })
	return out
}

func (im *importer) grouped(name string, placed map[*instance]bool) *bundle {
	b := &bundle{name: name}
	for _, v := range im.views {
		for _, g := range v.groups {
			if g.name != name {
				continue
			}
			b.group = append(b.group, g)
			for _, m := range g.members {
				im.member(b, v, m, placed)
			}
		}
	}
	return b
}

func (im *importer) member(b *bundle, v *view, name string, placed map[*instance]bool) {
	i := slices.IndexFunc(v.instances, func(in *instance) bool { return in.name == name })
	switch {
	case i < 0 || placed[v.instances[i]]:
	case len(b.main) == 0:
		im.same(v.instances[i], placed, &b.main)
	default:
		im.same(v.instances[i], placed, &b.rest)
	}
}

// same adds an instance and those that are the same on the other nodes: by name, or else by virtual_router_id.
func (im *importer) same(in *instance, placed map[*instance]bool, to *[]*instance) {
	for _, v := range im.views {
		if v == in.view {
			placed[in] = true
			*to = append(*to, in)
			continue
		}
		i := slices.IndexFunc(v.instances, func(o *instance) bool { return o.name == in.name && !placed[o] })
		if i < 0 {
			i = slices.IndexFunc(v.instances, func(o *instance) bool {
				return o.router == in.router && in.router != "" && !placed[o] &&
					!in.view.declared[o.name]
			})
		}
		if i >= 0 {
			placed[v.instances[i]] = true
			*to = append(*to, v.instances[i])
		}
	}
}

// resource makes the resources of one bundle: one for each interface that its addresses are on.
func (im *importer) resource(b *bundle, seen map[string]bool) {
	r := cluster.ResourceSpec{}
	if len(b.main) > 0 {
		r.Prefer = im.prefer(b)
		r.Failback = im.failback(b, r.Prefer)
		if !im.only && len(b.main) < len(im.names()) {
			r.Nodes = nodesOf(b.main)
		}
	}
	proxy := false
	for _, in := range b.all() {
		proxy = im.tracked(in.view, in.tracks) || proxy
	}
	for _, g := range b.group {
		proxy = im.tracked(im.viewOf(g), g.tracks) || proxy
	}
	if proxy {
		r.Balancer = balancerName
		im.bind(im.holders(r))
	}
	names := im.units(b, r, seen)
	im.story(b, r, names)
}

func (im *importer) viewOf(g *group) *view {
	for _, v := range im.views {
		if slices.Contains(v.groups, g) {
			return v
		}
	}
	return im.views[0]
}

func (im *importer) holders(r cluster.ResourceSpec) []cluster.NodeID {
	if len(r.Nodes) > 0 {
		return r.Nodes
	}
	return im.names()
}

func nodesOf(instances []*instance) []cluster.NodeID {
	var out []cluster.NodeID
	for _, in := range instances {
		if !slices.Contains(out, in.view.node) {
			out = append(out, in.view.node)
		}
	}
	return out
}

// story tells what became of the instances and groups.
func (im *importer) story(b *bundle, r cluster.ResourceSpec, names []string) {
	text := "resource " + strings.Join(names, ", ")
	if len(names) == 0 {
		text = "no resource: no address is left for it"
	} else if r.Failback != "" {
		text += ", failback " + r.Failback
	}
	fate := Carried
	switch {
	case len(names) == 0:
		fate = Check
	case im.only && len(r.Prefer) == 0:
		fate = Check
		text += "; which node is the best one this file does not tell, so write prefer yourself"
	}
	for _, in := range b.all() {
		im.note(in.s, fate, "%s", text)
	}
	for _, g := range b.group {
		if len(names) > 1 {
			im.note(g.s, Check, "%s: a resource is on one interface, so these move for the same reasons and not as one", text)
			continue
		}
		im.note(g.s, fate, "%s", text)
	}
}

// prefer returns the nodes in the order of their priorities, and tells what became of priority and state.
func (im *importer) prefer(b *bundle) []cluster.NodeID {
	if im.only {
		return im.preferAlone(b)
	}
	order := byPriority(b.main)
	equal := len(order) > 1 && order[0].priority == order[len(order)-1].priority
	var out []cluster.NodeID
	if len(order) > 1 && (!equal || order[0].isMaster() != order[len(order)-1].isMaster()) {
		out = nodesOf(order)
	}
	for i, in := range order {
		switch {
		case in.rank == nil:
		case len(im.names()) == 1:
			im.note(in.rank, Check, "there is one node so far; with more of them, write prefer")
		case out == nil:
			im.note(in.rank, Needless, "no node is better than another")
		case i > 0 && order[i-1].priority == in.priority:
			im.note(in.rank, Check, "the same as that of %s; prefer has them in the order of state and of the files", order[i-1].view.node)
		default:
			im.note(in.rank, Carried, "prefer: %s is number %d", in.view.node, i+1)
		}
	}
	for _, in := range b.rest {
		im.follower(in, order)
	}
	for _, in := range b.all() {
		im.stateLine(in)
	}
	return out
}

func (im *importer) stateLine(in *instance) {
	if in.state != nil {
		im.note(in.state, Needless, "the cluster gives the resource to the best node that can hold it, also at the start")
	}
}

// follower tells what became of the priority of an instance whose group follows another.
func (im *importer) follower(in *instance, order []*instance) {
	if in.rank == nil {
		return
	}
	i := slices.IndexFunc(order, func(o *instance) bool { return o.view == in.view })
	if i >= 0 && order[i].priority != in.priority {
		im.note(in.rank, Check, "the group goes by the priority of %s, %d", order[i].name, order[i].priority)
		return
	}
	im.note(in.rank, Carried, "the group has one order of nodes")
}

func (in *instance) isMaster() bool { return in.state != nil && in.state.arg(1) == "MASTER" }

// byPriority sorts instances, the best first: by priority, then MASTER before BACKUP, then as they stand.
func byPriority(of []*instance) []*instance {
	order := slices.Clone(of)
	slices.SortStableFunc(order, func(a, b *instance) int {
		if a.priority != b.priority {
			return b.priority - a.priority
		}
		return ranked(b) - ranked(a)
	})
	return order
}

func ranked(in *instance) int {
	if in.isMaster() {
		return 1
	}
	return 0
}

// preferAlone makes the most of the one file that there is: it tells whether its own node comes first.
func (im *importer) preferAlone(b *bundle) []cluster.NodeID {
	in := b.main[0]
	own, names := in.view.node, im.names()
	var out []cluster.NodeID
	switch {
	case in.isMaster():
		out = []cluster.NodeID{own}
	case in.state != nil && in.stay == nil && len(names) == 2:
		out = append(slices.DeleteFunc(slices.Clone(names), func(n cluster.NodeID) bool { return n == own }), own)
	}
	for _, in := range b.all() {
		if in.rank != nil {
			im.note(in.rank, Check, "of this node alone, the others are not told; prefer is made of state: %s", preferred(out))
		}
		if in.state != nil {
			im.note(in.state, Check, "prefer: %s; the files of the other nodes would tell it for sure", preferred(out))
		}
	}
	return out
}

func preferred(nodes []cluster.NodeID) string {
	if len(nodes) == 0 {
		return "no node"
	}
	return strings.Join(cluster.Names(nodes), ", ")
}

// failback returns the word for when the resource goes home, and tells what became of nopreempt and preempt_delay.
func (im *importer) failback(b *bundle, prefer []cluster.NodeID) string {
	best := b.main
	if len(prefer) > 0 && !im.only {
		best = slices.DeleteFunc(slices.Clone(b.all()), func(in *instance) bool { return in.view.node != prefer[0] })
	}
	var stay, delay *statement
	for _, in := range best {
		stay, delay = cmp.Or(stay, in.stay), cmp.Or(delay, in.delay)
	}
	word := cluster.FailbackImmediately
	switch wait, ok := seconds(delay, 1); {
	case stay != nil || len(prefer) == 0:
		word = cluster.FailbackNever
	case ok && wait > 0:
		word = "after " + cluster.Duration(wait).String()
	}
	for _, in := range b.all() {
		im.failbackLines(in, word, stay != nil)
	}
	if len(prefer) == 0 && stay == nil {
		return "" // never is the default, and no node is better anyway
	}
	return word
}

func (im *importer) failbackLines(in *instance, word string, stays bool) {
	if s := in.stay; s != nil {
		switch {
		case !stays:
			im.note(s, Check, "failback: %s, for the node that is preferred has no nopreempt", word)
		case in.isMaster():
			im.note(s, Check, "failback: %s; keepalived ignores nopreempt where state is MASTER, and preempted", word)
		default:
			im.note(s, Carried, "failback: %s", word)
		}
	}
	if s := in.delay; s != nil {
		_, good := seconds(s, 1)
		switch {
		case !good:
			im.note(s, Check, "%q is no number of seconds; failback: %s", shortened(s.arg(1)), word)
		case in.isMaster():
			im.note(s, Check, "failback: %s; keepalived ignores preempt_delay where state is MASTER", word)
		case strings.HasPrefix(word, "after"):
			im.note(s, Carried, "failback: %s", word)
		default:
			im.note(s, Needless, "failback: %s", word)
		}
	}
}

// secondsMost is the longest time that is taken from a file, in seconds.
const secondsMost = 7 * 24 * 3600

// seconds reads the word with this number as seconds, with a fraction.
func seconds(s *statement, n int) (time.Duration, bool) {
	if s == nil {
		return 0, false
	}
	v, err := strconv.ParseFloat(s.arg(n), 64)
	if err != nil || !(v >= 0 && v <= secondsMost) {
		return 0, false
	}
	return time.Duration(v * float64(time.Second)).Round(time.Millisecond), true
}
