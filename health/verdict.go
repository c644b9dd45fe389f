// SPDX-License-Identifier: Apache-2.0

package health

import (
	"errors"
	"fmt"
	"time"
)

// Liveness is what the detector of one node thinks of another node.
type Liveness uint8

// The opinions of a detector. The zero Liveness belongs to a node that is not watched.
const (
	// Alive says that the node was heard lately, or has only just been watched.
	Alive Liveness = iota + 1
	// Suspect says that the node was silent for too long. It is an opinion, not a fact: others vote on it.
	Suspect
)

// String gives the word used in logs, pages and events.
func (l Liveness) String() string {
	switch l {
	case Alive:
		return "alive"
	case Suspect:
		return "suspect"
	default:
		return "unwatched"
	}
}

// Verdict is one change of opinion about one node.
type Verdict struct {
	// Node is the name under which the node is watched.
	Node string
	// Boot is the boot id of the last heartbeat, zero if the node was never heard.
	Boot uint64
	// State is the new opinion.
	State Liveness
	// At is the reading of the caller's clock at the change.
	At time.Time
	// Silence is how long the node had been silent, counted from its last heartbeat or from Watch.
	Silence time.Duration
	// Reason says why in words.
	Reason string
}

// Standing is what a detector knows about a node at a moment.
type Standing struct {
	// State is the opinion as of the last call of Tick or Beat.
	State Liveness
	// Boot is the boot id of the last heartbeat, zero if none came yet.
	Boot uint64
	// Heard says whether any heartbeat came since the node is watched.
	Heard bool
	// Silence is the time since the last heartbeat, or since Watch if none came yet.
	Silence time.Duration
}

// DetectorParams are the times of a Detector. A node becomes suspect once its silence exceeds Limit.
type DetectorParams struct {
	// Beat is the time between two heartbeats of a healthy node.
	Beat time.Duration
	// Missed is how many beats may fail to come before the node is suspect, at least 1.
	Missed int
	// Tick is how often Tick is called.
	Tick time.Duration
	// Slack is by how much a heartbeat may come late and still count as in time.
	Slack time.Duration
}

// Limit is the longest silence that is still forgiven: Missed beats, and the slack of the one that comes right at the
// last moment.
func (p DetectorParams) Limit() time.Duration {
	return time.Duration(p.Missed)*p.Beat + p.Slack
}

// maxBeat bounds Beat, Tick and Slack, so that no product of the parameters overflows.
const maxBeat = time.Hour

// maxMissed bounds Missed for the same reason.
const maxMissed = 1000

// Validate names everything that is wrong with the parameters.
func (p DetectorParams) Validate() error {
	var errs []error
	if p.Beat <= 0 || p.Beat > maxBeat {
		errs = append(errs, fmt.Errorf("beat is %s: must be more than 0s and at most %s", p.Beat, maxBeat))
	}
	if p.Missed < 1 || p.Missed > maxMissed {
		errs = append(errs, fmt.Errorf("missed is %d: must be from 1 to %d", p.Missed, maxMissed))
	}
	if p.Tick <= 0 || p.Tick > maxBeat {
		errs = append(errs, fmt.Errorf("tick is %s: must be more than 0s and at most %s", p.Tick, maxBeat))
	}
	if p.Slack < 0 || p.Slack > maxBeat {
		errs = append(errs, fmt.Errorf("slack is %s: must be at least 0s and at most %s", p.Slack, maxBeat))
	}

	return errors.Join(errs...)
}
