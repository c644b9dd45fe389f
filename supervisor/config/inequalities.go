// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/lease"
)

// Inequality is one rule that the timing obeys: Left is at least Right.
type Inequality struct {
	Name        string
	Left, Right string // as formulas
	LeftD       time.Duration
	RightD      time.Duration
	Holds       bool
	Why         string // what goes wrong otherwise
}

// Inequalities returns every rule with the values of this timing in it.
func (t Timing) Inequalities() []Inequality {
	all := slices.Concat(t.aboutBeats(), t.aboutVotes(), t.aboutRaft(), t.aboutRights(), t.aboutBus())
	for i := range all {
		all[i].Holds = all[i].LeftD >= all[i].RightD
	}
	return all
}

// times returns n times d.
func times(n int, d time.Duration) time.Duration { return time.Duration(n) * d }

func (t Timing) aboutBeats() []Inequality {
	return []Inequality{
		{
			Name: "suspicion outlasts jitter",
			Left: "suspect_after", LeftD: t.SuspectAfter,
			Right: "(missed - 1) * beat + slack + round_trip/2 + late", RightD: times(t.Missed-1, t.Beat) + t.Slack + t.RoundTrip/2 + t.Late,
			Why: "a node that is well would be suspected when it loses a heartbeat or two and sends the next one late",
		},
		{
			Name: "authority outlasts lost beats",
			Left: "quorum_age", LeftD: t.QuorumAge,
			Right: "missed * beat + slack + round_trip + late", RightD: times(t.Missed, t.Beat) + t.Slack + t.RoundTrip + t.Late,
			Why: "a node that is well would lose its right to act for a few lost heartbeats",
		},
		{
			Name: "the living are fresh",
			Left: "fresh_within", LeftD: t.FreshWithin,
			Right: "beat + slack + round_trip/2", RightD: t.Beat + t.Slack + t.RoundTrip/2,
			Why: "a majority that lives would not count as heard, and no suspicion would ever be acted upon",
		},
		{
			Name: "the dead are not fresh",
			Left: "suspect_after - beat - slack", LeftD: t.SuspectAfter - t.Beat - t.Slack,
			Right: "fresh_within", RightD: t.FreshWithin,
			Why: "when several nodes die together, or this one is cut off, the first would be acted upon while the others still seem to live",
		},
		{
			Name: "a pause is noticed before it accuses",
			Left: "suspect_after", LeftD: t.SuspectAfter,
			Right: "3 * pulse + beat + slack + round_trip/2", RightD: 3*t.Pulse + t.Beat + t.Slack + t.RoundTrip/2,
			Why: "a node that stood still itself for too short a time to notice would take the heartbeats that it did not read for silence",
		},
	}
}

func (t Timing) aboutVotes() []Inequality {
	return []Inequality{
		{
			Name: "votes outlast a lost frame",
			Left: "vote_ttl", LeftD: t.VoteTTL,
			Right: "2 * beat + round_trip/2", RightD: 2*t.Beat + t.RoundTrip/2,
			Why: "votes ride in heartbeats; a single lost one would unsay a vote, and tallies would flicker",
		},
		{
			Name: "votes end with their voter",
			Left: "suspect_after", LeftD: t.SuspectAfter,
			Right: "vote_ttl", RightD: t.VoteTTL,
			Why: "the vote of a node that fell silent would count longer than the node itself",
		},
		{
			Name: "reports outlast suspicion",
			Left: "stale_after", LeftD: t.StaleAfter,
			Right: "suspect_after + quorum_age", RightD: t.SuspectAfter + t.QuorumAge,
			Why: "what a node last reported would be thrown away before it is decided whether the node lives",
		},
	}
}

func (t Timing) aboutRaft() []Inequality {
	return []Inequality{
		{
			Name: "elections wait for heartbeats",
			Left: "raft_election", LeftD: t.RaftElection(),
			Right: "3 * beat + round_trip + disk_sync", RightD: 3*t.Beat + t.RoundTrip + t.DiskSync,
			Why: "a leader that is well would be voted out for two lost heartbeats or one slow write",
		},
		{
			Name: "elections wait for suspicion",
			Left: "raft_election", LeftD: t.RaftElection(),
			Right: "suspect_after", RightD: t.SuspectAfter,
			Why: "the leader would be replaced for trouble that does not even make its node suspect",
		},
	}
}

func (t Timing) aboutRights() []Inequality {
	return []Inequality{
		{
			Name: "holding outlasts authority",
			Left: "hold", LeftD: t.Hold,
			Right: "quorum_age", RightD: t.QuorumAge,
			Why: "a node that may still change a balancer would already have lost its addresses",
		},
		{
			Name: "a lost holder is condemned before it is over",
			Left: "lapse (gate)", LeftD: t.Terms().Lapse(lease.Gate),
			Right: "suspect_after + beat + round_trip + commit", RightD: t.SuspectAfter + t.Beat + t.RoundTrip + t.commit(),
			Why: "the time for which voters wait would begin too late to count from the last heartbeat",
		},
	}
}

func (t Timing) aboutBus() []Inequality {
	return []Inequality{
		{
			Name: "routes survive a slow moment",
			Left: "bus_ping * pings_out", LeftD: times(t.BusPingsOut, t.BusPing),
			Right: "2 * (round_trip + late)", RightD: 2 * (t.RoundTrip + t.Late),
			Why: "the bus would close a route that is only slow, and heartbeats would be lost while it is dialled again",
		},
		{
			Name: "rails are whole again soon",
			Left: "10 * suspect_after", LeftD: 10 * t.SuspectAfter,
			Right: "bus_ping * (pings_out + 1)", RightD: times(t.BusPingsOut+1, t.BusPing),
			Why: "a route that died without a word would stay in use for long; suspicion comes before the bus notices, so the other rail alone carries the heartbeats meanwhile",
		},
		{
			Name: "the promise is kept",
			Left: "takeover_within", LeftD: t.TakeoverWithin,
			Right: "condemned at the latest, the leader being the dead one", RightD: t.condemned().To,
			Why: "the times do not add up to what the profile promises",
		},
	}
}
