// SPDX-License-Identifier: Apache-2.0

package config

import (
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/lease"
)

// Estimate is how long something takes on machines and networks that are as
// the profile assumes, without a split vote.
type Estimate struct {
	Name     string
	From, To time.Duration // earliest and latest, after the cause
	Sum      string        // the latest, as a formula
}

// Estimates returns what operators may expect of this timing.
func (t Timing) Estimates() []Estimate {
	return []Estimate{
		t.suspected(),
		{
			Name: "dead node condemned, leader alive",
			From: t.suspected().From, To: t.suspected().To + t.voted() + t.commit(),
			Sum: "suspected + beat + round_trip/2 + commit",
		},
		t.elected(),
		t.condemned(),
		{
			Name: "node that is cut off gives up its authority",
			From: t.QuorumAge - 2*t.Beat - t.RoundTrip - t.Late, To: t.QuorumAge + t.Late,
			Sum: "quorum_age + late",
		},
		t.takenOver(lease.Gate), t.takenOver(lease.TimedSet), t.takenOver(lease.Address),
		{
			Name: "route of the bus that died silently is closed",
			From: times(t.BusPingsOut, t.BusPing), To: times(t.BusPingsOut+1, t.BusPing),
			Sum: "bus_ping * (pings_out + 1)",
		},
	}
}

func (t Timing) suspected() Estimate {
	return Estimate{
		Name: "silent node suspected, its members drained",
		From: t.SuspectAfter - t.Beat - t.Slack, To: t.SuspectAfter + t.RoundTrip/2,
		Sum: "suspect_after + round_trip/2",
	}
}

func (t Timing) elected() Estimate {
	return Estimate{
		Name: "dead leader replaced",
		From: t.RaftElection() - t.Beat, To: 2*t.RaftElection() + t.Pulse + 2*t.RoundTrip + t.DiskSync,
		Sum: "2 * raft_election + pulse + 2 * round_trip + disk_sync",
	}
}

func (t Timing) condemned() Estimate {
	return Estimate{
		Name: "dead node condemned, it was the leader",
		From: max(t.suspected().From, t.elected().From),
		To:   max(t.suspected().To, t.elected().To) + t.voted() + 2*t.commit(),
		Sum:  "max(suspected, replaced) + beat + round_trip/2 + 2 * commit",
	}
}

// voted is the longest time until a vote has reached the leader: it rides in
// the next heartbeat.
func (t Timing) voted() time.Duration { return t.Beat + t.RoundTrip/2 }

// takenOver is when somebody else has what a node held that was lost, by what ends its right in the kernel: a voter with a slow clock
// waits for longer.
func (t Timing) takenOver(c lease.Class) Estimate {
	lapse := t.Terms().Lapse(c)
	slow := time.Duration(float64(lapse) / (1 - t.Terms().Drift)).Truncate(time.Millisecond)
	return Estimate{
		Name: "address of a lost node taken over (" + string(c) + ")",
		From: lapse - t.Beat - t.Slack, To: t.RoundTrip/2 + slow + t.voted() + t.commit() + t.Late,
		Sum: "round_trip/2 + lapse, by a slow clock + beat + round_trip/2 + commit + late",
	}
}
