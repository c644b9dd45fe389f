// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// address returns where the node of a view is, as far as its configuration tells.
func (v *view) address() netip.Addr {
	for _, in := range v.instances {
		if in.source.IsValid() {
			return in.source
		}
	}
	return netip.Addr{}
}

// nameNodes gives every view its node, and finds the nodes that have no configuration.
func (im *importer) nameNodes() {
	taken := map[string]bool{}
	for i, v := range im.views {
		name := unique(im.nodeOf(v, i, taken), taken)
		v.node = cluster.NodeID(name)
		im.router(v)
	}
	for _, n := range im.options.Nodes {
		if !taken[n.Name] {
			im.others = append(im.others, n)
			taken[n.Name] = true
		}
	}
	if len(im.options.Nodes) > 0 || len(im.views) > 1 {
		im.only = len(im.views) == 1 && len(im.others) > 0
		return
	}
	for _, in := range im.views[0].instances {
		for _, p := range in.peers {
			if slices.ContainsFunc(im.others, func(n Node) bool { return n.Address == p.String() }) || p == im.views[0].address() {
				continue
			}
			name := unique(fmt.Sprintf("n%d", len(im.others)+2), taken)
			im.others = append(im.others, Node{name, p.String()})
		}
	}
	im.only = len(im.others) > 0
	im.unnamed()
}

// unnamed tells of nodes that got their names here.
func (im *importer) unnamed() {
	if !im.only {
		im.general("nodes", "one file tells of one node; give the files of the other nodes too, or name all nodes: --nodes lb1=10.0.0.1,lb2=10.0.0.2")
		return
	}
	var names []string
	for _, n := range im.others {
		names = append(names, n.Name+" ("+n.Address+")")
	}
	im.general("nodes", "names were made up for %s; name all nodes as their node files do: --nodes lb1=10.0.0.1,lb2=10.0.0.2, or give their files too", strings.Join(names, ", "))
}

// nodeOf finds the name of the node of a view.
func (im *importer) nodeOf(v *view, i int, taken map[string]bool) string {
	if v.told != "" {
		return v.told
	}
	a := v.address()
	for _, n := range im.options.Nodes {
		if at, err := netip.ParseAddr(n.Address); err == nil && at.Unmap() == a && !taken[n.Name] {
			return n.Name
		}
	}
	guesses := []string{routerName(v)}
	if im.routersDiffer() {
		if len(im.views) > 1 && len(im.options.Nodes) == 0 {
			return guesses[0]
		}
	} else {
		guesses = nil
	}
	guesses = append(guesses, baseName(v.file))
	for _, n := range im.options.Nodes {
		if slices.Contains(guesses, n.Name) && !taken[n.Name] {
			return n.Name
		}
	}
	for _, n := range im.options.Nodes {
		if !taken[n.Name] {
			im.general("nodes", "%s is taken for the file of node %s; say it with %s=%s", v.file, n.Name, n.Name, v.file)
			return n.Name
		}
	}
	if len(im.views) > 1 && im.filesDiffer() {
		return baseName(v.file)
	}
	if len(im.views) == 1 {
		return cmpOr(routerName(v), "n1")
	}
	return fmt.Sprintf("n%d", i+1)
}

func routerName(v *view) string {
	if v.router == nil {
		return ""
	}
	return plainName(v.router.arg(1))
}

// routersDiffer tells whether every view has a router_id of its own.
func (im *importer) routersDiffer() bool { return differ(im.views, routerName) }

// filesDiffer tells whether every view has a file name of its own.
func (im *importer) filesDiffer() bool {
	return differ(im.views, func(v *view) string { return baseName(v.file) })
}

func differ(views []*view, name func(*view) string) bool {
	var seen []string
	for _, v := range views {
		n := name(v)
		if n == "" || slices.Contains(seen, n) {
			return false
		}
		seen = append(seen, n)
	}
	return true
}

// router tells what became of router_id.
func (im *importer) router(v *view) {
	switch {
	case v.router == nil:
	case routerName(v) == string(v.node):
		im.note(v.router, Carried, "the name of node %s", v.node)
	default:
		im.note(v.router, Needless, "the node is called %s", v.node)
	}
}

// names returns the nodes that can hold something: those with a configuration first, in the order of the files, unless
// the person gave another.
func (im *importer) names() []cluster.NodeID {
	var out []cluster.NodeID
	for _, v := range im.views {
		out = append(out, v.node)
	}
	for _, n := range im.others {
		out = append(out, cluster.NodeID(n.Name))
	}
	place := func(id cluster.NodeID) int {
		i := slices.IndexFunc(im.options.Nodes, func(n Node) bool { return n.Name == string(id) })
		if i < 0 {
			return len(im.options.Nodes)
		}
		return i
	}
	slices.SortStableFunc(out, func(a, b cluster.NodeID) int { return place(a) - place(b) })
	return out
}

// nodes writes the nodes of the cluster file.
func (im *importer) nodes() {
	for _, id := range im.names() {
		im.spec.Nodes = append(im.spec.Nodes, cluster.NodeSpec{Name: id, Address: im.addressOf(id)})
	}
	if w := im.options.Witness; w != "" {
		im.spec.Nodes = append(im.spec.Nodes, cluster.NodeSpec{Name: cluster.NodeID(w), Witness: true})
	}
	if voters := len(im.spec.Voters()); voters < 3 {
		im.general("nodes", "%d of %d voters are a majority, so nothing is taken over when one is lost; add a third node, or a small machine that only votes: --witness NAME", voters/2+1, voters)
	}
}

func (im *importer) addressOf(id cluster.NodeID) string {
	for _, n := range slices.Concat(im.options.Nodes, im.others) {
		if n.Name == string(id) && n.Address != "" {
			return n.Address
		}
	}
	for _, v := range im.views {
		if v.node == id && v.address().IsValid() {
			return v.address().String()
		}
	}
	return ""
}
