// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// checkAuthority works out whether a majority stands behind this node, and until
// when the balancers may rest on that.
func (n *Node) checkAuthority(now time.Time) {
	why, until := n.standing(now)
	n.balancers.Until(until)
	n.until = until
	if why == n.authority {
		return
	}
	if (why == "") != (n.authority == "") {
		n.notice(now, "node.quorum", string(n.cfg.Name), orElse(why, "a majority of voters stands behind this node again"))
	}
	n.authority, n.dirty = why, true
}

// standing tells why there is no authority, or until when there is.
func (n *Node) standing(now time.Time) (string, time.Time) {
	none := time.Time{}
	age := n.cfg.Times.QuorumAge
	switch {
	case n.clusterID == "":
		return "the node belongs to no cluster yet", none
	case len(n.voters) == 0:
		return "the node has not received the cluster file yet", none
	case n.halted != "":
		return n.halted, none
	case !n.inFile(n.cfg.Name):
		return fmt.Sprintf("node %s is not in the cluster file any more; add it under nodes and apply the file, or stop it", n.cfg.Name), none
	}
	if at, ok := n.book.Instant(now, n.voters); ok && now.Sub(at) <= age {
		return "", at.Add(age)
	}
	return fmt.Sprintf("no quorum: %d of %d voters stand behind this node, %d needed",
		n.book.Behind(now, n.voters, age), len(n.voters), len(n.voters)/2+1), none
}

func (n *Node) inFile(id cluster.NodeID) bool {
	_, ok := n.state.Spec.Node(id)
	return ok
}

// sighted keeps the newest message of each node, for the acknowledgements in our
// heartbeats. Of an admitted node only its admitted installation counts: another
// one that uses its name must not be mistaken for it.
func (n *Node) sighted(env bus.Envelope) {
	from := cluster.NodeID(env.From)
	st := n.state.Node(from)
	if st.Install != 0 && st.Install != env.Install {
		return
	}
	old := n.seen[from]
	if old.install != env.Install || env.Boot > old.boot || (env.Boot == old.boot && env.Seq > old.seq) {
		n.seen[from] = sighting{env.Install, env.Boot, env.Seq}
	}
}

// seenVector acknowledges what was heard of the admitted lives. Whoever was
// condemned and does not know it yet gets no word of ours to stand on.
func (n *Node) seenVector() []bus.Seen {
	var out []bus.Seen
	for _, s := range n.state.Spec.Nodes {
		st, at := n.state.Node(s.Name), n.seen[s.Name]
		if st.Life == cluster.LifeAlive && at.install == st.Install && at.boot == st.Boot && len(out) < bus.MaxSeen {
			out = append(out, bus.Seen{Node: string(s.Name), Boot: at.boot, Seq: at.seq})
		}
	}
	return out
}

// acknowledged takes note of what a heartbeat acknowledges of ours. Only the
// admitted life of a node can stand behind us, and only while it knows our
// cluster file or a neighbour of it: two files further apart may share no majority.
func (n *Node) acknowledged(env bus.Envelope, hb bus.Heartbeat) {
	from := n.state.Node(cluster.NodeID(env.From))
	if from.Install != env.Install || from.Boot != env.Boot {
		return
	}
	if hb.Revision > n.state.Revision+1 || n.state.Revision > hb.Revision+1 {
		return
	}
	for _, s := range hb.Seen {
		if s.Node == string(n.cfg.Name) && s.Boot == n.boot {
			n.book.Acked(env.From, s.Seq)
		}
	}
}
