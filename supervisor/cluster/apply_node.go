// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"cmp"
	"fmt"
)

func (a *applier) admit(b Admit) string {
	if _, ok := a.Spec.Node(b.Node); !ok {
		return fmt.Sprintf("node %s is not in the cluster file; add it under nodes and apply the file", b.Node)
	}
	if b.Install == 0 || b.Boot == 0 {
		return fmt.Sprintf("node %s: installation %d in life %d cannot be; both count from 1", b.Node, b.Install, b.Boot)
	}
	if other, ok := a.Holder(b.Install); ok && other != b.Node {
		return fmt.Sprintf("node %s runs from a copy of the data directory of node %s; remove that directory, or node %s from the cluster file", b.Node, other, other)
	}
	n := a.Node(b.Node)
	if n.Install == b.Install && b.Boot <= n.Boot {
		return fmt.Sprintf("node %s: life %d is not newer than the admitted life %d; was its data directory restored from a backup?", b.Node, b.Boot, n.Boot)
	}
	if n.Replaced(b.Install, b.Boot) {
		return fmt.Sprintf("node %s: another installation was admitted in the place of life %d; only a later life of it can be admitted", b.Node, b.Boot)
	}
	former := n
	n.Former = n.replacedBy(b.Install)
	a.Epoch++
	n.Life, n.Install, n.Boot, n.Epoch = LifeAlive, b.Install, b.Boot, a.Epoch
	n.Since, n.Reason = a.c.At, clip(b.Reason)
	a.Nodes[b.Node] = n
	a.keepHolding(b.Node, former)
	a.event(Event{Kind: EventAdmitted, Subject: string(b.Node), From: former.Life.String(), To: string(LifeAlive), Reason: n.Reason, Epoch: n.Epoch})
	return ""
}

// Holder returns the node that was admitted with the installation.
func (s State) Holder(install uint64) (NodeID, bool) {
	for _, n := range s.Spec.Nodes {
		if st, ok := s.Nodes[n.Name]; ok && st.Install == install {
			return n.Name, true
		}
	}
	return "", false
}

// condemn counts the votes again: the voters may be others by now than when the
// leader proposed it.
func (a *applier) condemn(b Condemn) string {
	n := a.Node(b.Node)
	if n.Life != LifeAlive {
		return fmt.Sprintf("node %s is %s; only one that is alive can be condemned", b.Node, n.Life)
	}
	if n.Epoch != b.Epoch {
		return fmt.Sprintf("node %s lives in epoch %d; the votes speak about epoch %d", b.Node, n.Epoch, b.Epoch)
	}
	voters, said := a.Spec.Voters(), a.Spec.Against(b.Node, b.Votes)
	if need := len(voters)/2 + 1; said < need {
		return fmt.Sprintf("node %s: %d of %d voters do not hear it, %d needed", b.Node, said, len(voters), need)
	}
	a.Epoch++
	n.Life, n.Epoch, n.Since, n.Reason = LifeDown, a.Epoch, a.c.At, clip(b.Reason)
	a.Nodes[b.Node] = n
	a.event(Event{Kind: EventCondemned, Subject: string(b.Node), From: string(LifeAlive), To: string(LifeDown), Reason: n.Reason, Epoch: n.Epoch})
	return ""
}

func (a *applier) leave(b Leave) string {
	n := a.Node(b.Node)
	if n.Life != LifeAlive || n.Epoch != b.Epoch {
		return fmt.Sprintf("node %s is %s in epoch %d; it asked to leave epoch %d", b.Node, n.Life, n.Epoch, b.Epoch)
	}
	a.Epoch++
	n.Life, n.Epoch, n.Since, n.Reason = LifeLeft, a.Epoch, a.c.At, "its supervisor was stopped in good order"
	a.Nodes[b.Node] = n
	a.event(Event{Kind: EventLeft, Subject: string(b.Node), From: string(LifeAlive), To: string(LifeLeft), Reason: n.Reason, Epoch: n.Epoch})
	return ""
}

func (a *applier) setMode(b SetMode) string {
	if _, ok := a.Spec.Node(b.Node); !ok {
		return fmt.Sprintf("there is no node %s in the cluster file; it has %s", b.Node, joinIDs(a.Spec.nodeNames()))
	}
	switch b.Mode {
	case ModeActive, ModeStandby, ModeMaintenance:
	default:
		return fmt.Sprintf("mode %q: write active, standby or maintenance", string(b.Mode))
	}
	was := a.inService()
	n := a.Node(b.Node)
	from := n.Mode
	n.Mode, n.ModeBy, n.ModeWhy, n.ModeAt = b.Mode, a.c.By, clip(b.Reason), a.c.At
	n.ModeForce = b.Force && b.Mode == ModeStandby
	a.Nodes[b.Node] = n
	if b.Mode == ModeStandby && !b.Force {
		if why := a.breaksFloor(was); why != "" {
			return why
		}
	}
	a.event(Event{Kind: EventMode, Subject: string(b.Node), From: string(from), To: string(b.Mode), Reason: cmp.Or(n.ModeWhy, "asked by "+cmp.Or(a.c.By, "an operator"))})
	return ""
}

func (s Spec) nodeNames() []NodeID {
	var out []NodeID
	for _, n := range s.Nodes {
		out = append(out, n.Name)
	}
	return out
}
