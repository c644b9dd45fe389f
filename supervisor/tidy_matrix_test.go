// SPDX-License-Identifier: Apache-2.0

package supervisor_test

import (
	"slices"
	"strconv"
	"strings"
)

// A row of the import matrix: what one folder, or all folders below one ("bus/..."), may know of this module.
type row struct {
	folder string
	may    []string // folders of this module, "x/..." for all below x, "..." for all
	by     []string // who may import it; nil is everyone who may
	pure   bool
	extra  []string // what a pure folder may import besides pureStandard
	why    string
}

// The pure packages of the supervisor, and the roots of the leaves.
var (
	pureCore = []string{
		"supervisor/cluster", "supervisor/quorum", "supervisor/lease", "supervisor/placement",
		"supervisor/failover", "supervisor/converge", "supervisor/consensus",
	}
	leaves = []string{"bus", "health", "fencing", "lbsync"}
)

// matrix is the authority on who knows whom. A folder without a row fails: whoever adds one says what it may know, and why.
var matrix = []row{
	{
		folder: ".", may: []string{"supervisor/cli"},
		why: "the binary calls the command line and nothing else",
	},
	{
		folder: "supervisor",
		why:    "it holds the tests that police the tree, and no code",
	},
	{
		folder: "supervisor/cluster", pure: true,
		why: "the words of the cluster are everybody's ground, so they stand on nothing",
	},
	{
		folder: "supervisor/quorum", pure: true,
		why: "counting votes is arithmetic",
	},
	{
		folder: "supervisor/lease", pure: true,
		why: "the arithmetic of rights is checked without a cluster around it",
	},
	{
		folder: "supervisor/spelling", pure: true,
		why: "which word was meant follows from the words that there are",
	},
	{
		folder: "supervisor/placement", pure: true, may: []string{"supervisor/cluster"},
		why: "a plan follows from the state alone; it knows neither what failed nor how a move is made",
	},
	{
		folder: "supervisor/converge", pure: true, may: []string{"supervisor/cluster"},
		why: "a node's duty follows from what should be and what is; why it should be is not its business",
	},
	{
		folder: "supervisor/failover", pure: true,
		may: []string{"supervisor/cluster", "supervisor/quorum", "supervisor/lease", "supervisor/placement", "health", "fencing"},
		why: "judgement uses the words of the leaves and never their hands: no driver, no loop, no log",
	},
	{
		folder: "supervisor/consensus", pure: true, may: []string{"supervisor/cluster"},
		extra: []string{"go.etcd.io/raft/v3", "go.etcd.io/raft/v3/...", "google.golang.org/protobuf/proto"},
		why:   "raft is a value that is stepped; its bytes leave through a port, so it does not know the bus",
	},
	{
		folder: "supervisor/consensus/...", may: []string{"supervisor/cluster", "supervisor/consensus"},
		why: "the disk under raft knows raft and nothing above it",
	},
	{
		folder: "supervisor/core", pure: true, may: slices.Concat(pureCore, []string{"bus", "health", "fencing"}),
		why: "a node as a value joins what decides, and touches nothing",
	},
	{
		folder: "supervisor/node", may: slices.Concat(pureCore, leaves, []string{"supervisor/core", "supervisor/holdings"}),
		why: "the loop feeds the core; it reaches hands and drivers through the ports that it declares",
	},
	{
		folder: "supervisor/instant", pure: true, extra: []string{"reflect"},
		why: "it makes times and never reads a clock",
	},
	{
		folder: "supervisor/recorder",
		may: []string{
			"supervisor/core", "supervisor/consensus", "supervisor/cluster", "supervisor/converge", "supervisor/instant", "supervisor/lease", "supervisor/recorder/...", "bus", "health",
		},
		by:  []string{"supervisor/cli", "supervisor/node"},
		why: "it records what a core is given and gives it to another one; the loop knows it through a port, and only its tests by name",
	},
	{
		folder: "supervisor/recorder/...", by: []string{"supervisor/recorder", "supervisor/recorder/...", "supervisor/cli"},
		why: "files and images of values, whatever they are of",
	},
	{
		folder: "supervisor/agent", may: []string{"supervisor/cluster", "supervisor/converge", "lbsync", "fencing"},
		why: "hands do not think: an agent never knows failover",
	},
	{
		folder: "supervisor/agent/...", may: []string{"supervisor/cluster", "supervisor/converge", "supervisor/agent", "supervisor/agent/...", "lbsync", "fencing"},
		why: "hands do not think: an agent never knows failover",
	},
	{
		folder: "supervisor/agent/balancer/planner", pure: true, may: []string{"supervisor/cluster", "supervisor/converge", "lbsync"},
		why: "what a keeper decides runs in the simulator as well",
	},
	{
		folder: "supervisor/guard", pure: true,
		why: "what holds addresses knows deadlines and nothing of clusters",
	},
	{
		folder: "supervisor/guard/dialogue", pure: true, may: []string{"supervisor/guard"},
		why: "what a guard is told next follows from what it was told and what it said; the simulator tells its guards the same",
	},
	{
		folder: "supervisor/holdings", pure: true,
		may: []string{"supervisor/core", "supervisor/lease", "supervisor/guard", "supervisor/guard/dialogue", "bus"},
		why: "it words the core for the guard and the guard for the core, here and in the simulator",
	},
	{
		folder: "supervisor/guard/...", may: []string{"supervisor/guard", "supervisor/guard/..."}, by: []string{"supervisor/guard/...", "supervisor/cli", "supervisor/cli/holding"},
		why: "the guard's process and the way to it know the guard alone, so that it outlives whatever else goes wrong",
	},
	{
		folder: "supervisor/api", may: []string{"supervisor/cluster", "supervisor/api/..."},
		why: "it shows a snapshot that it is given; it never knows the node that made it",
	},
	{
		folder: "supervisor/api/...", may: []string{"supervisor/cluster"},
		why: "a page shows what the API says",
	},
	{
		folder: "supervisor/config",
		may:    []string{"supervisor/cluster", "supervisor/quorum", "supervisor/lease", "supervisor/spelling", "bus", "health", "fencing", "lbsync"},
		why:    "it speaks the words of the core and the leaves; what runs is built elsewhere",
	},
	{
		folder: "supervisor/config/keepalived", pure: true, may: []string{"supervisor/cluster"}, by: []string{"supervisor/cli"},
		why: "what another program's file becomes follows from the file; who reads it from a disk is not its business",
	},
	{
		folder: "supervisor/cli", may: []string{"..."}, by: []string{"."},
		why: "it wires, so it knows everything, and nothing knows it but the binary",
	},
	{
		folder: "supervisor/cli/...", may: []string{"..."}, by: []string{"supervisor/cli", "supervisor/cli/..."},
		why: "it wires, so it knows everything, and nothing knows it but the command line",
	},
	{
		folder: "supervisor/sim", pure: true,
		may: slices.Concat(pureCore, leaves, []string{
			"supervisor/core", "supervisor/agent/balancer/planner", "supervisor/instant", "supervisor/guard", "supervisor/guard/dialogue", "supervisor/holdings",
			"scenarios/script", "scenarios/looks", "scenarios/moments", "scenarios/orders",
		}),
		extra: []string{"math/rand/v2", "io"},
		why:   "a world that touches the real one cannot be run again: no driver, no network, no disk",
	},
	{
		folder: "scenarios",
		why:    "the promises themselves are text",
	},
	{
		folder: "scenarios/script", pure: true, may: []string{"supervisor/spelling"},
		why: "the language and its player are the same in every world, so they touch none",
	},
	{
		folder: "scenarios/moments", pure: true, may: []string{"scenarios/script", "supervisor/cluster"},
		why: "what happened is told alike in every world, by whoever saw it",
	},
	{
		folder: "scenarios/looks", pure: true, may: []string{"scenarios/script", "scenarios/moments", "supervisor/cluster"},
		why: "a condition means the same in every world, which is asked through a port",
	},
	{
		folder: "scenarios/orders", pure: true, may: []string{"scenarios/script", "supervisor/cluster"},
		why: "an order asks for the same in every world; who sends it is the world's business",
	},
	{
		folder: "scenarios/timeline", pure: true, may: []string{"scenarios/script"},
		why: "a picture of a report is drawn from the report alone",
	},
	{
		folder: "scenarios/lab", may: []string{"scenarios/lab/..."},
		why: "machines and networks, whatever runs on them",
	},
	{
		folder: "scenarios/lab/labtest", may: []string{"scenarios/lab"},
		why: "what tests on real nodes have in common",
	},
	{
		folder: "scenarios/lab/...", may: []string{"scenarios/lab/..."},
		why: "machines and networks, whatever runs on them",
	},
	{
		folder: "scenarios/...", may: []string{"scenarios", "scenarios/...", "supervisor/api", "supervisor/cluster", "supervisor/config"},
		why: "a scenario runs the product as a process, writes its files and talks to it as an operator does; what it knew from inside, it would not test",
	},
	{folder: "bus", pure: true, why: "the root of a leaf is words and codecs; it is a stranger to the other leaves"},
	{folder: "bus/...", may: []string{"bus"}, why: "a driver knows its own root"},
	{folder: "health", pure: true, why: "the root of a leaf judges what it is told; it is a stranger to the other leaves"},
	{folder: "health/...", may: []string{"health"}, why: "a driver knows its own root"},
	{folder: "fencing", pure: true, why: "the root of a leaf says what to try next; it is a stranger to the other leaves"},
	{folder: "fencing/...", may: []string{"fencing"}, why: "a driver knows its own root"},
	{folder: "lbsync", pure: true, why: "the root of a leaf says what differs; it is a stranger to the other leaves"},
	{folder: "lbsync/...", may: []string{"lbsync"}, why: "a driver knows its own root"},
}

// rowOf finds the row of a folder: its own, or else that of the nearest folder above that speaks for all below.
func rowOf(folder string) (row, bool) {
	for _, r := range matrix {
		if r.folder == folder {
			return r, true
		}
	}
	var best row
	for _, r := range matrix {
		if covers(r.folder, folder) && len(r.folder) > len(best.folder) {
			best = r
		}
	}
	return best, best.folder != ""
}

// covers reports whether a pattern names a folder.
func covers(pattern, folder string) bool {
	if pattern == "..." {
		return true
	}
	if above, ok := strings.CutSuffix(pattern, "/..."); ok {
		return strings.HasPrefix(folder, above+"/")
	}
	return pattern == folder
}

func coversAny(patterns []string, folder string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return covers(p, folder) })
}

// An edge is one import, by its path; ours is the folder when it is of this module.
type edge struct {
	path string
	ours string
	at   finding // without its text
}

func edges(t *tree, files []*source) []edge {
	var all []edge
	for _, s := range files {
		for _, spec := range s.ast.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				continue // the parser has refused it already
			}
			e := edge{path: imported, at: finding{path: s.path, line: t.fset.Position(spec.Pos()).Line}}
			if imported == module {
				e.ours = "."
			} else if ours, ok := strings.CutPrefix(imported, module+"/"); ok {
				e.ours = ours
			}
			all = append(all, e)
		}
	}
	return all
}

func (e edge) finding(what string) finding {
	e.at.what = what
	return e.at
}

// checkImports holds every import of ours against the row of the folder that makes it. What a folder reaches through others needs no second look: each
// of them is held against its own row.
func checkImports(t *tree) []finding {
	var found []finding
	for _, f := range t.folders {
		r, ok := rowOf(f.path)
		if !ok {
			found = append(found, finding{path: f.path, what: "has no row in the import matrix: add one that says what it may know, and why"})
			continue
		}
		for _, e := range edges(t, f.code()) {
			if e.ours != "" && !coversAny(r.may, e.ours) {
				found = append(found, e.finding(f.path+" must not import "+e.ours+": "+r.why))
			}
		}
	}
	return found
}

// checkImporters holds every import of ours, by tests as well, against the row of the folder that is imported.
func checkImporters(t *tree) []finding {
	var found []finding
	for _, f := range t.folders {
		for _, e := range edges(t, f.files) {
			r, ok := rowOf(e.ours)
			if ok && r.by != nil && e.ours != f.path && !coversAny(r.by, f.path) {
				found = append(found, e.finding(e.ours+" must not be imported by "+f.path+": "+r.why))
			}
		}
	}
	return found
}

// checkLeafTests keeps the tests of a leaf within its own family.
func checkLeafTests(t *tree) []finding {
	var found []finding
	for _, f := range t.folders {
		family, _, _ := strings.Cut(f.path, "/")
		if !slices.Contains(leaves, family) {
			continue
		}
		for _, e := range edges(t, f.tests()) {
			if e.ours != "" && e.ours != family && !strings.HasPrefix(e.ours, family+"/") {
				found = append(found, e.finding("a test of "+family+" must not import "+e.ours))
			}
		}
	}
	return found
}

// plantedImports break the matrix.
func plantedImports() []planted {
	imports := func(folders ...string) string {
		src := []string{"package p"}
		for _, f := range folders {
			src = append(src, `import _ "`+module+"/"+f+`"`)
		}
		return lines(src...)
	}
	return []planted{
		{"imports", map[string]string{
			"main.go":                           lines("package main", `import _ "`+module+`/supervisor/cli"`),
			"supervisor/cli/run.go":             imports("supervisor/node", "bus/natsbus", "supervisor/api/page"),
			"supervisor/failover/machine.go":    imports("supervisor/quorum", "fencing"),
			"supervisor/failover/story_test.go": imports("supervisor/node"),
			"supervisor/agent/vip/vip.go":       imports("supervisor/agent"),
			"lbsync/haproxy/socket.go":          imports("lbsync"),
		}, nil},
		{"imports", map[string]string{"supervisor/quorum/tally.go": imports("supervisor/cluster")}, []string{
			"supervisor/quorum/tally.go:2: supervisor/quorum must not import supervisor/cluster: counting votes is arithmetic",
		}},
		{"imports", map[string]string{"supervisor/failover/machine.go": imports("health", "health/probe")}, []string{
			"supervisor/failover/machine.go:3: supervisor/failover must not import health/probe: " +
				"judgement uses the words of the leaves and never their hands: no driver, no loop, no log",
		}},
		{"imports", map[string]string{"supervisor/api/http.go": imports("supervisor/node")}, []string{
			"supervisor/api/http.go:2: supervisor/api must not import supervisor/node: " +
				"it shows a snapshot that it is given; it never knows the node that made it",
		}},
		{"imports", map[string]string{"supervisor/agent/vip/vip.go": imports("supervisor/failover")}, []string{
			"supervisor/agent/vip/vip.go:2: supervisor/agent/vip must not import supervisor/failover: " +
				"hands do not think: an agent never knows failover",
		}},
		{"imports", map[string]string{"supervisor/sim/world.go": imports("lbsync/haproxy")}, []string{
			"supervisor/sim/world.go:2: supervisor/sim must not import lbsync/haproxy: " +
				"a world that touches the real one cannot be run again: no driver, no network, no disk",
		}},
		{"imports", map[string]string{"bus/natsbus/rail.go": imports("bus", "health")}, []string{
			"bus/natsbus/rail.go:3: bus/natsbus must not import health: a driver knows its own root",
		}},
		{"imports", map[string]string{"bus/natsbus/rail.go": imports("bus/membus")}, []string{
			"bus/natsbus/rail.go:2: bus/natsbus must not import bus/membus: a driver knows its own root",
		}},
		{"imports", map[string]string{"main.go": lines("package main", `import _ "`+module+`/supervisor/node"`)}, []string{
			"main.go:2: . must not import supervisor/node: the binary calls the command line and nothing else",
		}},
		{"imports", map[string]string{"supervisor/novelty/new.go": imports()}, []string{
			"supervisor/novelty: has no row in the import matrix: add one that says what it may know, and why",
		}},
		{"importers", map[string]string{
			"main.go":                    lines("package main", `import _ "`+module+`/supervisor/cli"`),
			"supervisor/cli/run_test.go": imports("supervisor/cli"),
		}, nil},
		{"importers", map[string]string{"supervisor/node/loop_test.go": imports("supervisor/cli")}, []string{
			"supervisor/node/loop_test.go:2: supervisor/cli must not be imported by supervisor/node: " +
				"it wires, so it knows everything, and nothing knows it but the binary",
		}},
		{"test imports", map[string]string{"bus/bus_test.go": imports("bus", "bus/membus", "lbsync")}, []string{
			"bus/bus_test.go:4: a test of bus must not import lbsync",
		}},
	}
}
