// SPDX-License-Identifier: Apache-2.0

package looks

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

const (
	nobodyRuns  = "no node runs"
	nobodyKnows = "no node that runs has quorum"
)

// every judges all voices: the condition holds if it does for each, and there is one. What is seen is that of the first for
// which it does not hold, or of the last.
func every(voices []Voice, nobody string, judge func(Voice) finding) finding {
	last := finding{seen: nobody}
	for _, v := range voices {
		if v.Err != nil {
			return finding{seen: v.Err.Error()}
		}
		if last = judge(v); !last.holds {
			return last
		}
	}
	return last
}

// everyVoice judges the node that is named, or every one that runs.
func (l look) everyVoice(ctx context.Context, judge func(Voice) finding) (finding, error) {
	voices, err := l.Voices(ctx, l.On)
	if err != nil {
		return finding{}, err
	}
	return every(voices, nobodyRuns, judge), nil
}

// everyKnowing judges one node, or of those that run the ones that have quorum, but for one that may be left out.
func (l look) everyKnowing(ctx context.Context, on, without string, judge func(cluster.View) finding) (finding, error) {
	voices, err := l.Voices(ctx, on)
	if err != nil {
		return finding{}, err
	}
	knowing := slices.DeleteFunc(voices, func(v Voice) bool {
		return on == "" && (v.Node == without || v.Err == nil && !v.Quorum.Holds)
	})
	return every(knowing, nobodyKnows, func(v Voice) finding { return judge(v.View()) }), nil
}

func (l look) allWell(ctx context.Context) (finding, error) {
	return l.everyVoice(ctx, func(voice Voice) finding {
		v := voice.View()
		if v.Verdict == cluster.WellVerdict {
			return finding{true, "all is well"}
		}
		return finding{seen: fmt.Sprintf("%s says %s: %s", v.Node, v.Verdict, strings.Join(v.Problems, "; "))}
	})
}

func (l look) quorum(ctx context.Context) (finding, error) {
	return l.everyVoice(ctx, func(v Voice) finding { return finding{v.Quorum.Holds, quorumOf(v)} })
}

func (l look) noQuorum(ctx context.Context) (finding, error) {
	return l.everyVoice(ctx, func(v Voice) finding { return finding{!v.Quorum.Holds, quorumOf(v)} })
}

func quorumOf(v Voice) string {
	if v.Quorum.Holds {
		return v.Node + " has quorum"
	}
	return toldBy(v.Node+" has no quorum", strings.TrimPrefix(v.Quorum.Reason, "no quorum: "))
}

func (l look) hasLeader(ctx context.Context) (finding, error) {
	leader, found, err := l.leader(ctx)
	if err != nil || !found.holds {
		return found, err
	}
	return finding{l.Target == "" || leader == l.Target, leader + " leads"}, nil
}

func (l look) leaderIsNot(ctx context.Context) (finding, error) {
	leader, found, err := l.leader(ctx)
	if err != nil || !found.holds {
		return found, err
	}
	return finding{leader != l.Target, leader + " leads"}, nil
}

// leader returns whom the nodes agree on, if that one runs.
func (l look) leader(ctx context.Context) (string, finding, error) {
	leader := ""
	found, err := l.everyKnowing(ctx, l.On, "", func(v cluster.View) finding {
		says := string(v.Leader)
		switch {
		case says == "":
			return finding{seen: fmt.Sprintf("%s knows no leader", v.Node)}
		case leader != "" && says != leader:
			return finding{seen: fmt.Sprintf("%s says that %s leads, and another one %s", v.Node, says, leader)}
		}
		leader = says
		return finding{holds: true}
	})
	if found.holds && !l.Runs(leader) {
		found = finding{seen: leader + " leads, and does not run"}
	}
	return leader, found, err
}

func (l look) nodeIs(ctx context.Context) (finding, error) {
	without := l.Target
	if l.State == string(script.StateAlive) {
		without = ""
	}
	return l.target(ctx, without, func(v cluster.View, n cluster.NodeView) finding {
		return finding{n.Life == l.State, toldBy(fmt.Sprintf("%s is %s on %s", n.Name, n.Life, v.Node), n.Reason)}
	})
}

func (l look) inMode(ctx context.Context) (finding, error) {
	return l.target(ctx, "", func(v cluster.View, n cluster.NodeView) finding {
		return finding{string(n.Mode) == l.State, fmt.Sprintf("%s is in %s on %s", n.Name, n.Mode, v.Node)}
	})
}

// target judges what those that know say of the node that the condition is about.
func (l look) target(ctx context.Context, without string, judge func(cluster.View, cluster.NodeView) finding) (finding, error) {
	if err := l.isNode(l.Target); err != nil {
		return finding{}, err
	}
	return l.everyKnowing(ctx, l.On, without, func(v cluster.View) finding {
		i := slices.IndexFunc(v.Nodes, func(n cluster.NodeView) bool { return string(n.Name) == l.Target })
		if i < 0 {
			return finding{seen: fmt.Sprintf("%s does not know %s", v.Node, l.Target)}
		}
		return judge(v, v.Nodes[i])
	})
}
