// SPDX-License-Identifier: Apache-2.0

package looks

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

func (l look) memberIs(ctx context.Context) (finding, error) {
	all, err := l.Proxies(ctx, l.On)
	if err != nil {
		return finding{}, err
	}
	last := finding{seen: "no HAProxy runs"}
	for _, p := range all {
		if p.Err != nil {
			return finding{seen: p.Err.Error()}, nil //nolint:nilerr // nobody knows, which holds for no condition
		}
		server, known := p.Server(l.Target)
		if !known {
			return finding{}, fmt.Errorf("the HAProxy of %s has no server %s", p.Machine, l.Target)
		}
		last = finding{string(server.State()) == l.State, fmt.Sprintf("%s is %s on %s", l.Target, server.Words, p.Machine)}
		if !last.holds {
			return last, nil
		}
	}
	return last, nil
}

func (l look) inStep(ctx context.Context) (finding, error) {
	return l.steps(ctx, func(out []string) bool { return len(out) == 0 })
}

// notInStep holds when at least one of the balancers is not in step, for each node that is asked.
func (l look) notInStep(ctx context.Context) (finding, error) {
	return l.steps(ctx, func(out []string) bool { return len(out) > 0 })
}

// steps judges which balancers are not in step, as the nodes that know tell it: of one node, or of all that run.
func (l look) steps(ctx context.Context, accept func(out []string) bool) (finding, error) {
	meant := l.Cluster().BalancerNodes()
	switch {
	case l.On == "":
		meant = slices.DeleteFunc(meant, func(node string) bool { return !l.Runs(node) })
	case !slices.Contains(meant, l.On):
		return finding{}, fmt.Errorf("%s has no HAProxy", l.On)
	default:
		meant = []string{l.On}
	}
	if len(meant) == 0 {
		return finding{seen: "no node with a balancer runs"}, nil
	}
	return l.everyKnowing(ctx, "", "", func(v cluster.View) finding {
		out, known := outOfStep(v, meant)
		if known < len(meant) {
			return finding{seen: fmt.Sprintf("%s tells of %d of %d balancers", v.Node, known, len(meant))}
		}
		seen := "in step"
		if len(out) > 0 {
			seen = fmt.Sprintf("%s says: %s", v.Node, strings.Join(out, "; "))
		}
		return finding{accept(out), seen}
	})
}

// outOfStep returns those of some balancers that are not in step, with the reasons, and how many of them are known.
func outOfStep(v cluster.View, meant []string) (out []string, known int) {
	for _, b := range v.Balancers {
		if !slices.Contains(meant, string(b.Node)) {
			continue
		}
		known++
		if !b.InStep {
			out = append(out, toldBy(string(b.Node)+" is not in step", b.Reason))
		}
	}
	return out, known
}

// unchanged asks the record of samples, once it is complete up to here.
func (l look) unchanged(ctx context.Context) (finding, error) {
	all, err := l.Proxies(ctx, "")
	if err != nil {
		return finding{}, err
	}
	for _, p := range all {
		if p.Err != nil {
			return finding{seen: p.Err.Error()}, nil //nolint:nilerr // nobody knows, which holds for no condition
		}
	}
	if machine, c, changed := l.Changed(); changed {
		return finding{seen: fmt.Sprintf("%s went from %s to %s on %s", c.Server, c.From.Words, c.To.Words, machine)}, nil
	}
	return finding{true, "nothing was changed"}, nil
}
