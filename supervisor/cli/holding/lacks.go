// SPDX-License-Identifier: Apache-2.0

package holding

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/core"
)

// carriers is what is known of links: which of them cannot carry an address, and since when.
type carriers struct {
	settle time.Duration // how long a link must have been without carrier
	bad    map[string]fault
}

type fault struct {
	why   string
	since time.Time
}

// look reads how the links are, and returns when to look again at the latest; zero is when somebody says so.
func (c *carriers) look(now time.Time, links []string, state func(string) string) (again time.Time) {
	bad := map[string]fault{}
	for _, name := range links {
		why := state(name)
		if why == "" {
			continue
		}
		f, known := c.bad[name]
		if !known {
			f.since = now
		}
		f.why = why
		bad[name] = f
		if ripe := f.since.Add(c.settle); now.Before(ripe) && (again.IsZero() || ripe.Before(again)) {
			again = ripe
		}
	}
	c.bad = bad
	return again
}

// lacks lists the links that have been unable to carry for long enough.
func (c *carriers) lacks(now time.Time) []core.Lack {
	var out []core.Lack
	for name, f := range c.bad {
		if now.Sub(f.since) >= c.settle {
			out = append(out, core.Lack{Link: name, Why: f.why})
		}
	}
	slices.SortFunc(out, func(a, b core.Lack) int { return strings.Compare(a.Link, b.Link) })
	return out
}

// linkState tells why a link cannot carry an address; empty if it can.
func linkState(name string) string {
	k, err := net.InterfaceByName(name)
	switch {
	case err != nil:
		return fmt.Sprintf("interface %s is not there", name)
	case k.Flags&net.FlagUp == 0:
		return fmt.Sprintf("interface %s is set down", name)
	case k.Flags&net.FlagRunning == 0:
		return fmt.Sprintf("interface %s has no carrier", name)
	}
	return ""
}
