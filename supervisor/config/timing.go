// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/lease"
	"github.com/evenkeel-ha/evenkeel/supervisor/spelling"
)

// Timing is every span of time that decides who lives and who may act. It is
// derived from the profile and from nothing else, so that the nodes of a
// cluster agree on it. Its first part is measured or assumed of machines and
// networks, and the rest obeys Inequalities.
type Timing struct {
	Profile string

	// RoundTrip is the longest round trip between two nodes that counts as
	// normal (τ).
	RoundTrip time.Duration
	// Late is how much later than it asked for a process on a busy machine may
	// run and still count as well (σ).
	Late time.Duration
	// DiskSync is the longest fsync of the log that counts as normal.
	DiskSync time.Duration

	Beat         time.Duration // between two heartbeats of a node (H)
	Missed       int           // heartbeats that may be lost in a row (m)
	SuspectAfter time.Duration // silence after which a node is suspected
	FreshWithin  time.Duration // how recently a majority of voters must have been heard for a suspicion to be acted upon
	VoteTTL      time.Duration // how long a vote counts when it is not said again
	QuorumAge    time.Duration // age of the newest own heartbeat that a majority acknowledged, beyond which the node has no authority (D_k)
	Hold         time.Duration // the same age, beyond which a node holds nothing that is exclusive (D_k of exclusive rights)
	Pause        time.Duration // longest time for which the guard may be kept from running between a look at the clock and what it does then
	Margin       time.Duration // for clocks that are read in steps and timers that fire late
	StaleAfter   time.Duration // age beyond which what a node reported is no longer relied on

	PulsesPerBeat  int           // looks of the node loop at its clock in a beat
	Pulse          time.Duration // between two of them; unit of raft's clock
	Slack          time.Duration // by how much a node's beat may wait for the leader's; also the least time between two beats with news
	ElectionPulses int           // pulses without a leader before an election; each node draws one to two times this

	BusPing     time.Duration // between two pings on a route of the bus
	BusPingsOut int           // pings without an answer after which the route is closed

	TakeoverWithin time.Duration // what is promised: a dead node, be it the leader, is condemned within this time
}

// The profiles.
const (
	ProfileLAN  = "lan"  // one site, ordinary disks
	ProfileFast = "fast" // one switch, SSD, real-time scheduling for the process
	ProfileWAN  = "wan"  // sites within 200 ms
)

// Profiles returns the names of the profiles, the default first.
func Profiles() []string { return []string{ProfileLAN, ProfileFast, ProfileWAN} }

const ms = time.Millisecond

func profiles() []Timing {
	return []Timing{
		{
			Profile: ProfileFast, RoundTrip: 10 * ms, Late: 40 * ms, DiskSync: 10 * ms,
			Beat: 50 * ms, Missed: 3, QuorumAge: 250 * ms, Hold: 350 * ms, Pause: 300 * ms, Margin: 10 * ms,
			PulsesPerBeat: 2, ElectionPulses: 8,
			BusPing: 375 * ms, BusPingsOut: 1, TakeoverWithin: time.Second,
		},
		{
			Profile: ProfileLAN, RoundTrip: 20 * ms, Late: 80 * ms, DiskSync: 50 * ms,
			Beat: 100 * ms, Missed: 3, QuorumAge: 500 * ms, Hold: 1200 * ms, Pause: 1000 * ms, Margin: 20 * ms,
			PulsesPerBeat: 2, ElectionPulses: 8,
			BusPing: 1000 * ms, BusPingsOut: 1, TakeoverWithin: 2500 * ms,
		},
		{
			Profile: ProfileWAN, RoundTrip: 200 * ms, Late: 250 * ms, DiskSync: 100 * ms,
			Beat: 500 * ms, Missed: 3, QuorumAge: 2500 * ms, Hold: 5000 * ms, Pause: 2000 * ms, Margin: 50 * ms,
			PulsesPerBeat: 5, ElectionPulses: 20,
			BusPing: 500 * ms, BusPingsOut: 2, TakeoverWithin: 8 * time.Second,
		},
	}
}

// Derive returns the timing of a profile. It refuses one that it does not know.
func Derive(profile string) (Timing, error) {
	all := profiles()
	i := slices.IndexFunc(all, func(t Timing) bool { return t.Profile == profile })
	if i < 0 {
		return Timing{}, fmt.Errorf("timing %q: write %s%s", profile, spelling.OneOf(Profiles()), spelling.DidYouMean(profile, Profiles()))
	}
	t := all[i]
	t.SuspectAfter = times(t.Missed, t.Beat)
	t.VoteTTL = t.SuspectAfter
	t.FreshWithin = t.Beat * 3 / 2
	t.StaleAfter = 10 * t.Beat
	t.Pulse, t.Slack = t.Beat/time.Duration(t.PulsesPerBeat), t.Beat/10
	return t, t.Check()
}

// Check returns an error that names the first inequality that does not hold.
func (t Timing) Check() error {
	for _, q := range t.Inequalities() {
		if !q.Holds {
			return fmt.Errorf("timing %s: %s: %s = %s must be at least %s = %s: %s", t.Profile, q.Name, q.Left, q.LeftD, q.Right, q.RightD, q.Why)
		}
	}
	return nil
}

// drift is by which part the clocks of two machines may differ from true time each, while it is counted how long a right lasts.
// Clocks are slewed by up to 8.3 % where a time daemon corrects them (the default of maxslewrate, chrony.conf(5)), and that bends
// the clocks that never jump as well (clock_gettime(2)); the kernel has no clock for its gate that is not bent.
const drift = 0.09

// Terms returns the spans of time that exclusive rights rest on.
func (t Timing) Terms() lease.Terms {
	return lease.Terms{Hold: t.Hold, Pause: t.Pause, Margin: t.Margin, Drift: drift}
}

// RaftElection returns the shortest time without a leader before an election;
// the longest is twice that.
func (t Timing) RaftElection() time.Duration {
	return times(t.ElectionPulses, t.Pulse)
}

// commit is the longest normal time to commit an entry: the leader and a
// follower write it, and a message goes there and back.
func (t Timing) commit() time.Duration { return t.RoundTrip + 2*t.DiskSync }
