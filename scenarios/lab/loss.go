// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// loss is what gets lost on one network: frames from one of these ports to another one of them.
type loss struct {
	percent int
	ports   []port
}

// Lose makes the networks lose frames by chance, one by one: rail i, counted from 1, or 0 for the service network; none
// means all networks. It concerns the nodes that there are, and takes the place of what these networks lost before; 0 percent
// ends it. [Lab.Heal] spares single nodes from it.
func (l *Lab) Lose(percent int, rails ...int) (time.Time, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return time.Time{}, ErrClosed
	}
	if percent < 0 || percent > 100 {
		return time.Time{}, fmt.Errorf("lab: loss of %d percent: want 0 to 100", percent)
	}
	if len(rails) == 0 {
		for i := range l.fabric.bridges {
			rails = append(rails, i)
		}
	}
	want := maps.Clone(l.fabric.losses)
	if want == nil {
		want = map[int]loss{}
	}
	for _, i := range rails {
		if i < 0 || i > l.opts.Rails {
			return time.Time{}, fmt.Errorf("lab: rail %d: there are %d", i, l.opts.Rails)
		}
		ports := make([]port, 0, len(l.nodes))
		for _, n := range l.nodes {
			ports = append(ports, port{n.index, i})
		}
		want[i] = loss{percent, ports}
	}
	return l.fabric.setLosses(want)
}

// spared returns the losses without the ports of some nodes.
func spared(losses map[int]loss, who func(node int) bool) map[int]loss {
	out := map[int]loss{}
	for i, lost := range losses {
		ports := slices.DeleteFunc(slices.Clone(lost.ports), func(p port) bool { return who(p.node) })
		out[i] = loss{lost.percent, ports}
	}
	return out
}

// setLosses makes the chain "lose" lose exactly this, in one transaction, and returns the time after it.
func (f *fabric) setLosses(want map[int]loss) (time.Time, error) {
	var commands strings.Builder
	commands.WriteString("flush chain bridge lab lose\n")
	for _, i := range slices.Sorted(maps.Keys(want)) {
		lost := want[i]
		if lost.percent == 0 || len(lost.ports) < 2 {
			delete(want, i) // a frame needs two ports
			continue
		}
		names := make([]string, 0, len(lost.ports))
		for _, p := range lost.ports {
			names = append(names, fmt.Sprintf("%q", p))
		}
		among := "{ " + strings.Join(names, ", ") + " }"
		// The numbers are those of the kernel's own generator: 0 to 99.
		fmt.Fprintf(&commands, "add rule bridge lab lose iifname %s oifname %s numgen random mod 100 <= %d drop\n", among, among, lost.percent-1)
	}
	if err := f.thread.do(func() error { return runNft(commands.String()) }); err != nil {
		return time.Time{}, err
	}
	f.losses = want
	return time.Now(), nil
}
