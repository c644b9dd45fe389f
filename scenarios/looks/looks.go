// SPDX-License-Identifier: Apache-2.0

package looks

import (
	"context"
	"fmt"
	"slices"

	"github.com/evenkeel-ha/evenkeel/scenarios/moments"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// World is what conditions are looked at in.
type World interface {
	// Cluster is the cluster that the script asked for.
	Cluster() script.Cluster
	// Runs tells whether the Evenkeel of a node runs: it has a process, which is not paused.
	Runs(node string) bool
	// Voices asks one node, or every one that runs if none is named. It fails if there is no such node.
	Voices(ctx context.Context, node string) ([]Voice, error)
	// Proxies asks the HAProxy of one machine, or every one that runs if none is named.
	Proxies(ctx context.Context, machine string) ([]Proxy, error)
	// Journal is what the nodes told, in order.
	Journal() []moments.Entry
	// Changed returns a change that an HAProxy showed since the last fault or order began, with its machine. Every sample
	// counts that was asked for before.
	Changed() (machine string, change moments.Change, changed bool)
	// Lost returns how many requests have failed since the script began; nothing if nobody asks.
	Lost() (requests int64, asks bool)
	// Answered tells whether all requests that ended lately were answered, and there were some; nothing if nobody asks.
	Answered() (seen string, answered, asks bool)
	// Holds tells whether anything of a resource is on a machine, as the machine itself shows it.
	Holds(ctx context.Context, resource, machine string) (bool, error)
	// Twice tells whether, since the script began, a node answered for a resource after another one had taken it over. It fails
	// while that cannot be told yet.
	Twice(resource string) (seen string, twice bool, err error)
}

// Voice is what one node says.
type Voice struct {
	Node   string
	Quorum cluster.QuorumView
	View   func() cluster.View // made when it is asked for: a simulator makes many that nobody needs
	Err    error               // why it says nothing, with its name
}

// Proxy is what the HAProxy of one machine shows.
type Proxy struct {
	Machine string
	Server  func(member string) (server moments.Server, known bool)
	Err     error // why it shows nothing, with the machine's name
}

// finding is whether a condition holds, and what is seen.
type finding struct {
	holds bool
	seen  string
}

// look is a condition that is judged in a world.
type look struct {
	World
	script.Cond
}

// judges returns how each kind of condition is judged.
func judges() map[script.CondKind]func(look, context.Context) (finding, error) {
	return map[script.CondKind]func(look, context.Context) (finding, error){
		script.AllWell:     look.allWell,
		script.HasLeader:   look.hasLeader,
		script.LeaderIsNot: look.leaderIsNot,
		script.NodeIs:      look.nodeIs,
		script.Quorum:      look.quorum,
		script.NoQuorum:    look.noQuorum,
		script.InMode:      look.inMode,
		script.MemberIs:    look.memberIs,
		script.InStep:      look.inStep,
		script.NotInStep:   look.notInStep,
		script.Unchanged:   look.unchanged,
		script.ClientLost:  look.clientLost,
		script.Condemned:   look.condemned,
		script.Answered:    look.answered,

		script.ResourceOn:     look.resourceOn,
		script.ResourceNobody: look.resourceNobody,
		script.ResourceTwice:  look.resourceTwice,
		script.ResourceGone:   look.resourceGone,
		script.ResourceIs:     look.resourceIs,
	}
}

// Look tells whether a condition holds in a world, and what is seen, in a few words. It fails only for what cannot be asked.
func Look(ctx context.Context, w World, c script.Cond) (holds bool, seen string, err error) {
	judge, ok := judges()[c.Kind]
	if !ok {
		return false, "", fmt.Errorf("%s: %w", c.Kind, script.ErrNotHere)
	}
	found, err := judge(look{w, c}, ctx)
	return found.holds, found.seen, err
}

// isNode fails if no machine of that name was asked for that runs Evenkeel.
func (l look) isNode(name string) error {
	if !slices.Contains(l.Cluster().Nodes(), name) {
		return fmt.Errorf("there is no node %q", name)
	}
	return nil
}

func (l look) clientLost(context.Context) (finding, error) {
	lost, asks := l.Lost()
	if !asks {
		return finding{seen: "nobody asks"}, nil
	}
	return finding{lost > int64(l.N), fmt.Sprintf("%d requests failed", lost)}, nil
}

func (l look) answered(context.Context) (finding, error) {
	seen, answered, asks := l.Answered()
	if !asks {
		seen = "nobody asks"
	}
	return finding{answered && asks, seen}, nil
}

// condemned asks the record of what was committed since the script began.
func (l look) condemned(context.Context) (finding, error) {
	condemned := func(e moments.Entry) bool {
		return e.Notice.Kind == cluster.EventCondemned && e.At >= 0 && (l.Target == "" || l.Target == e.Notice.Subject)
	}
	journal := l.Journal()
	if i := slices.IndexFunc(journal, condemned); i >= 0 {
		n := journal[i].Notice
		return finding{true, toldBy(n.Subject+" was condemned", n.Reason)}, nil
	}
	return finding{seen: "nobody of them was condemned"}, nil
}

// toldBy adds a reason, if there is one.
func toldBy(what, reason string) string {
	if reason == "" {
		return what
	}
	return what + ": " + reason
}
