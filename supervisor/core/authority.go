// SPDX-License-Identifier: Apache-2.0

package core

import (
	"cmp"
	"fmt"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// checkAuthority works out whether a majority stands behind this node, and until
// when the balancers may rest on that.
func (c *Core) checkAuthority(now time.Time) {
	why, sent := c.standing(now)
	if c.until, c.backed = (time.Time{}), sent; why == "" {
		c.until = sent.Add(c.cfg.Times.QuorumAge)
	}
	if why == c.authority {
		return
	}
	if (why == "") != (c.authority == "") {
		c.notice("node.quorum", string(c.cfg.Name), cmp.Or(why, "a majority of voters stands behind this node again"))
	}
	c.authority, c.dirty = why, true
}

// standing tells why there is no authority, if there is none, and when our newest heartbeat was sent that a majority acknowledged.
func (c *Core) standing(now time.Time) (string, time.Time) {
	none := time.Time{}
	age := c.cfg.Times.QuorumAge
	switch {
	case c.clusterID == "":
		return "the node belongs to no cluster yet", none
	case len(c.voters) == 0:
		return "the node has not received the cluster file yet", none
	case c.halted != "":
		return c.halted, none
	case !c.inFile(c.cfg.Name):
		return fmt.Sprintf("node %s is not in the cluster file any more; add it under nodes and apply the file, or stop it", c.cfg.Name), none
	}
	at, ok := c.book.Instant(now, c.voters)
	if ok && now.Sub(at) <= age {
		return "", at
	}
	return fmt.Sprintf("no quorum: %d of %d voters stand behind this node, %d needed",
		c.book.Behind(now, c.voters, age), len(c.voters), len(c.voters)/2+1), at
}

func (c *Core) inFile(id cluster.NodeID) bool {
	_, ok := c.state.Spec.Node(id)
	return ok
}

// sighted keeps the newest message of each node, for the acknowledgements in our
// heartbeats. Of an admitted node only its admitted installation counts: another
// one that uses its name must not be mistaken for it.
func (c *Core) sighted(env bus.Envelope) {
	from := cluster.NodeID(env.From)
	st := c.state.Node(from)
	if st.Install != 0 && st.Install != env.Install {
		return
	}
	if over := st.Install == env.Install && (env.Boot < st.Boot || env.Boot == st.Boot && st.Life != cluster.LifeAlive); !over {
		c.promises.Heard(c.now, env.From, env.Install, env.Boot)
	}
	old := c.seen[from]
	if old.install != env.Install || env.Boot > old.boot || (env.Boot == old.boot && env.Seq > old.seq) {
		c.seen[from] = sighting{env.Install, env.Boot, env.Seq}
	}
}

// seenVector acknowledges what was heard of the admitted lives. Whoever was
// condemned and does not know it yet gets no word of ours to stand on; so nobody
// gets one before we have read again what our own log says of lives that are over.
func (c *Core) seenVector() []bus.Seen {
	if !c.caughtUp {
		return nil
	}
	out := make([]bus.Seen, 0, min(len(c.state.Spec.Nodes), bus.MaxSeen))
	for _, s := range c.state.Spec.Nodes {
		st, at := c.state.Node(s.Name), c.seen[s.Name]
		if st.Life == cluster.LifeAlive && at.install == st.Install && at.boot == st.Boot && len(out) < bus.MaxSeen {
			out = append(out, bus.Seen{Node: string(s.Name), Install: at.install, Boot: at.boot, Seq: at.seq})
		}
	}
	return out
}

// acknowledged takes note of what a heartbeat acknowledges of ours. Only the
// admitted life of a node can stand behind us, and only while it knows our
// cluster file or a neighbour of it: two files further apart may share no majority.
func (c *Core) acknowledged(env bus.Envelope, hb *bus.Heartbeat) {
	from := c.state.Node(cluster.NodeID(env.From))
	if from.Install != env.Install || from.Boot != env.Boot {
		return
	}
	if hb.Revision > c.state.Revision+1 || c.state.Revision > hb.Revision+1 {
		return
	}
	for _, s := range hb.Seen {
		if s.Node == string(c.cfg.Name) && s.Install == c.install && s.Boot == c.boot {
			c.book.Acked(env.From, s.Seq)
		}
	}
}
