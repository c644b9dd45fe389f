// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// File is a file of keepalived.
type File struct {
	Name string // what notes and errors call it; includes are relative to it
	Data []byte
}

// Source is the configuration of one node.
type Source struct {
	Node string // its name; empty if nobody said it
	File File
}

// Node is a node of the cluster as the person who imports names it.
type Node struct {
	Name    string
	Address string // IP address; may be empty
}

// DefaultCluster and DefaultSocket stand where nothing else is said: the latter is HAProxy's stats socket on Debian.
const (
	DefaultCluster = "main"
	DefaultSocket  = "/run/haproxy/admin.sock"
)

// Options are what the files of keepalived do not say.
type Options struct {
	Cluster string // name of the cluster; empty = DefaultCluster, with a note
	Nodes   []Node // nodes of the cluster; empty = what the files tell
	Witness string // name of a node that votes and runs nothing; empty = none
	Socket  string // HAProxy's stats socket; empty = what the files tell, else DefaultSocket, with a note
	// Include returns the files that a file includes by this pattern; none if there are none. Nil includes nothing.
	Include func(from, pattern string) ([]File, error)
}

// Result is what came of the files.
type Result struct {
	Spec     cluster.Spec      `json:"cluster"`
	Notes    []Note            `json:"notes"`              // one for every statement at least, in the order of the files
	Problems []cluster.Problem `json:"problems,omitempty"` // what a person has to fill in before the cluster file is right
}

// Translate turns the configurations of one or several nodes into a cluster file. One file is enough when it has @node
// lines or tells its peers. Its error is an *Error.
func Translate(sources []Source, o Options) (Result, error) {
	im := &importer{notebook: newNotebook(), options: o, taken: map[string]bool{}, pooled: map[string]bool{}}
	if im.read(sources); len(im.faults) > 0 {
		slices.SortStableFunc(im.faults, func(a, b Fault) int {
			return cmp.Or(cmp.Compare(slices.Index(im.files, a.File), slices.Index(im.files, b.File)), cmp.Compare(a.Line, b.Line))
		})
		return Result{}, &Error{Faults: im.faults}
	}
	for _, v := range im.views {
		im.gather(v)
	}
	im.nameNodes()
	im.spec.Cluster = o.Cluster
	if o.Cluster == "" {
		im.spec.Cluster = DefaultCluster
		im.general("cluster", "keepalived has no name for it; it is called %s here, and every node file must say the same", DefaultCluster)
	}
	im.resources()
	im.pools()
	im.balancer()
	im.nodes()
	for _, v := range im.views {
		im.sweep(v.tree)
	}
	return Result{Spec: im.spec, Notes: im.sorted(im.files), Problems: im.spec.Validate()}, nil
}

// importer is one translation.
type importer struct {
	*notebook
	options Options
	files   []string
	faults  []Fault
	views   []*view // one for each node of which there is a configuration
	others  []Node  // nodes that are only known by name or address
	only    bool    // one configuration speaks for several nodes, none of which it names
	spec    cluster.Spec

	virtuals []*virtual // of all views, each once
	socket   string     // of HAProxy, as a script tells it
	bound    []cluster.NodeID
	taken    map[string]bool // names of resources
	pooled   map[string]bool // names of pools
}

// read reads every file into the view of its node. A file alone with @node lines is read once for each of its nodes.
func (im *importer) read(sources []Source) {
	var scans []*scanner
	for _, s := range sources {
		if len(sources) > 1 {
			c := im.scan(s, cmpOr(s.Node, baseName(s.File.Name)))
			if scans = append(scans, c); len(c.ids) > 0 && s.Node == "" {
				im.general("nodes", "%s has @ lines and was read as on node %s; if it is another one, say NODE=%s", s.File.Name, c.id, s.File.Name)
			}
			continue
		}
		first := newScanner(s.Node, im.options.Include)
		first.file(s.File, 0)
		if len(first.ids) == 0 || len(first.faults) > 0 {
			scans = append(scans, im.scan(s, s.Node))
			continue
		}
		ids := im.idsOf(first)
		if len(ids) > cluster.MaxNodes {
			im.faults = append(im.faults, Fault{File: s.File.Name, Line: 1, Word: "@" + ids[0], Want: fmt.Sprintf("the @ lines of this file name %d nodes, and a cluster has at most %d", len(ids), cluster.MaxNodes)})
			return
		}
		for _, id := range ids {
			scans = append(scans, im.scan(s, id))
		}
		if len(im.options.Nodes) == 0 {
			im.general("nodes", "%s has @ lines, so it was read once for each of %s; if the nodes have other names, change them in the cluster file", s.File.Name, strings.Join(ids, ", "))
		}
	}
	for _, c := range scans {
		im.elsewhere(c, scans)
	}
}

// idsOf returns the nodes for which a file with @node lines is read.
func (im *importer) idsOf(first *scanner) []string {
	if len(im.options.Nodes) == 0 {
		return first.ids
	}
	var ids []string
	for _, n := range im.options.Nodes {
		ids = append(ids, n.Name)
	}
	return ids
}

// scan reads a file as the node with this config id does.
func (im *importer) scan(s Source, id string) *scanner {
	c := newScanner(id, im.options.Include)
	c.file(s.File, 0)
	tree, faults := treeOf(c.lines)
	faults = append(faults, tooMany(tree)...)
	for _, f := range append(c.faults, faults...) {
		if len(im.faults) <= faultsShown && !slices.Contains(im.faults, f) {
			im.faults = append(im.faults, f)
		}
	}
	im.files = append(im.files, c.files...)
	v := &view{file: s.File.Name, id: id, told: s.Node, tree: tree}
	if len(c.ids) > 0 {
		v.told = cmpOr(s.Node, id)
		if len(im.options.Nodes) == 0 {
			v.told = cmpOr(s.Node, plainName(id))
		}
	}
	im.views = append(im.views, v)
	for _, l := range c.missing {
		im.add(Note{File: l.at.file, Line: l.at.line, Keyword: "include", Fate: Check, Text: "no file was found by this pattern, so nothing of it is here: " + shortened(l.text)})
	}
	return c
}

// tooMany tells of keywords that begin more blocks than can be looked at.
func tooMany(tree []*statement) []Fault {
	blocks := map[string]int{}
	for _, s := range tree {
		blocks[s.keyword()]++
		if blocks[s.keyword()] > maxBlocks {
			return []Fault{{File: s.at.file, Line: s.at.line, Word: s.keyword(), Want: fmt.Sprintf("more than %d of these", maxBlocks)}}
		}
	}
	return nil
}

// elsewhere tells of the @ lines that no node reads.
func (im *importer) elsewhere(c *scanner, all []*scanner) {
	for _, u := range c.unused {
		if !slices.ContainsFunc(all, func(o *scanner) bool { return o.used[u] }) {
			im.add(Note{File: u.at.file, Line: u.at.line, Keyword: u.id, Fate: Left, Text: "none of the nodes reads this line"})
		}
	}
}
