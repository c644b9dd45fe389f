// SPDX-License-Identifier: Apache-2.0

package consensus

import (
	"slices"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/tracker"
)

// Peer is what the leader knows about another member.
type Peer struct {
	ID uint64
	// Match is the last index that is known to be durable there.
	Match uint64
	// Active says that something was heard within the last election timeout.
	Active bool
	// Restoring says that a snapshot is on its way there.
	Restoring bool
}

// Status is a copy of what a replica knows, for status pages and for NextChange.
type Status struct {
	ID, Leader, Term         uint64
	IsLeader                 bool
	Commit, Applied          uint64
	LastIndex, SnapshotIndex uint64
	// Members are ordered by id.
	Members []Member
	// Peers are ordered by id, and known to the leader only.
	Peers []Peer
	// Pending says that a change of voters would be refused as too early.
	Pending bool
	// Stalled says that the disk has not answered for more than an election timeout.
	Stalled bool
	// Failed is why the replica has stopped for good, else empty.
	Failed string
}

// Voters returns the ids of the voters in order.
func (s Status) Voters() []uint64 { return s.ids(RoleVoter) }

// Learners returns the ids of the learners in order.
func (s Status) Learners() []uint64 { return s.ids(RoleLearner) }

func (s Status) ids(role Role) []uint64 {
	var out []uint64
	for _, m := range s.Members {
		if m.Role == role {
			out = append(out, m.ID)
		}
	}
	return out
}

// Node returns the name of the node that a member runs on.
func (s Status) Node(id uint64) (string, bool) {
	for _, m := range s.Members {
		if m.ID == id {
			return m.Node, true
		}
	}
	return "", false
}

// Status returns what the replica knows. After a failure only the reason and the members are left.
func (r *Replica) Status() Status {
	out := Status{ID: r.cfg.ID, Members: slices.Clone(r.members), SnapshotIndex: r.log.snapIndex(), LastIndex: r.lastIndex}
	r.guard("status", func() {
		s := r.rn.BasicStatus()
		out.Leader, out.Term, out.IsLeader = s.Lead, s.GetTerm(), s.RaftState == raft.StateLeader
		out.Commit, out.Applied = s.GetCommit(), s.Applied
		out.Pending, out.Stalled = r.pending(), r.stalled()
		if !out.IsLeader {
			return
		}
		r.rn.WithProgress(func(id uint64, _ raft.ProgressType, pr tracker.Progress) {
			if id != r.cfg.ID {
				out.Peers = append(out.Peers, Peer{
					ID: id, Match: pr.Match, Active: pr.RecentActive, Restoring: pr.State == tracker.StateSnapshot,
				})
			}
		})
	})
	out.Failed = r.failed
	return out
}

// Failed tells why consensus stopped on this replica; empty if it did not.
func (r *Replica) Failed() string { return r.failed }
