// SPDX-License-Identifier: Apache-2.0

package consensus

import (
	"errors"
	"fmt"
)

var (
	// ErrFailed says that the replica has stopped for good; Status.Failed has the reason.
	ErrFailed = errors.New("consensus has failed on this node")
	// ErrNotLeader says that only the leader can do what was asked.
	ErrNotLeader = errors.New("not the leader")
	// ErrDropped says that the proposal was not taken: a transfer is under way or too much is uncommitted. It may be tried again.
	ErrDropped = errors.New("proposal dropped")
	// ErrPending says that an earlier change of voters, or the first entry of this term, is not yet applied.
	ErrPending = errors.New("a change of voters is pending")
	// ErrChange says that the change of voters makes no sense for the present members.
	ErrChange = errors.New("impossible change of voters")
	// ErrTooLarge says that a proposal or a snapshot is over its limit.
	ErrTooLarge = errors.New("over the size limit")
	// ErrEmpty says that an empty proposal was refused; empty entries are raft's own.
	ErrEmpty = errors.New("empty proposal")
	// ErrNotApplied says that a snapshot was offered for another index than the last applied one.
	ErrNotApplied = errors.New("not the last applied index")

	// ErrFrame says that a frame is malformed, damaged or impossible.
	ErrFrame = errors.New("bad frame")
	// ErrMisdirected says that a frame is for or from another installation than it should be.
	ErrMisdirected = errors.New("misdirected frame")
	// ErrElsewhere says that a frame is for another installation of this node. It is an ErrMisdirected.
	ErrElsewhere = fmt.Errorf("%w, for another installation of this node", ErrMisdirected)
	// ErrOtherCluster says that a frame belongs to another cluster.
	ErrOtherCluster = errors.New("frame of another cluster")
	// ErrTermJump says that the term of a frame is absurdly far ahead.
	ErrTermJump = errors.New("absurd term")

	// ErrDamaged says that what the disk gave back contradicts itself.
	ErrDamaged = errors.New("damaged raft state")
)
