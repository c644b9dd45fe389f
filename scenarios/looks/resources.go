// SPDX-License-Identifier: Apache-2.0

package looks

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// resource judges what every node that knows says of the resource that the condition is about.
func (l look) resource(ctx context.Context, judge func(cluster.ResourceView) bool) (finding, error) {
	if err := l.isResource(); err != nil {
		return finding{}, err
	}
	return l.everyKnowing(ctx, "", "", func(v cluster.View) finding {
		i := slices.IndexFunc(v.Resources, func(r cluster.ResourceView) bool { return r.Name == l.Target })
		if i < 0 {
			return finding{seen: fmt.Sprintf("%s does not know %s", v.Node, l.Target)}
		}
		r := v.Resources[i]
		return finding{judge(r), fmt.Sprintf("%s says: %s", v.Node, standing(r))}
	})
}

// isResource fails if the script has no resource of that name.
func (l look) isResource() error {
	if _, known := l.Cluster().Resource(l.Target); !known {
		return fmt.Errorf("there is no resource %q", l.Target)
	}
	return nil
}

// standing tells in a few words how a resource stands.
func standing(r cluster.ResourceView) string {
	what := fmt.Sprintf("%s is %s", r.Name, r.State)
	switch {
	case r.State == cluster.ResourceNobody:
		what = r.Name + " is held by nobody"
	case r.Holder != "":
		what += " on " + string(r.Holder)
	}
	return toldBy(what, r.Reason)
}

// resourceOn holds when the nodes say so, and the machine shows it.
func (l look) resourceOn(ctx context.Context) (finding, error) {
	if err := l.isNode(l.On); err != nil {
		return finding{}, err
	}
	found, err := l.resource(ctx, func(r cluster.ResourceView) bool {
		return r.State == cluster.ResourceHeld && string(r.Holder) == l.On
	})
	if err != nil || !found.holds {
		return found, err
	}
	has, err := l.Holds(ctx, l.Target, l.On)
	if !has {
		found = finding{seen: fmt.Sprintf("%s; but %s does not have it", found.seen, l.On)}
	}
	return found, err
}

// resourceNobody holds when the nodes say so, and no machine shows anything else.
func (l look) resourceNobody(ctx context.Context) (finding, error) {
	found, err := l.resource(ctx, func(r cluster.ResourceView) bool { return r.Holder == "" })
	if err != nil || !found.holds {
		return found, err
	}
	for _, node := range l.Cluster().Nodes() {
		if has, err := l.Holds(ctx, l.Target, node); err != nil || has {
			return finding{seen: fmt.Sprintf("%s; but %s has it", found.seen, node)}, err
		}
	}
	return found, nil
}

func (l look) resourceGone(ctx context.Context) (finding, error) {
	if err := cmp.Or(l.isNode(l.On), l.isResource()); err != nil {
		return finding{}, err
	}
	has, err := l.Holds(ctx, l.Target, l.On)
	switch {
	case err != nil:
		return finding{}, err
	case has:
		return finding{seen: fmt.Sprintf("%s has %s", l.On, l.Target)}, nil
	}
	return finding{true, fmt.Sprintf("%s has nothing of %s", l.On, l.Target)}, nil
}

func (l look) resourceTwice(context.Context) (finding, error) {
	if err := l.isResource(); err != nil {
		return finding{}, err
	}
	seen, twice, err := l.Twice(l.Target)
	return finding{twice, seen}, err
}

func (l look) resourceIs(ctx context.Context) (finding, error) {
	return l.resource(ctx, func(r cluster.ResourceView) bool { return string(r.State) == l.State })
}
