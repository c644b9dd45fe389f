// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"go.etcd.io/raft/v3"

	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/recorder/image"
)

// noReplica is the role of a core that takes no part in a log; others are those of raft, plus one.
const noReplica = 0

// imageOf returns the memory of a core: the role of its replica, and an image. The image of what it cannot understand is
// an error and never a panic: the loop calls it.
func imageOf(w *image.Writer, c *core.Core) (data []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", image.ErrForeign, p)
		}
	}()
	v := reflect.ValueOf(c).Elem()
	role := uint64(noReplica)
	if replica := v.FieldByName("replica"); !replica.IsNil() {
		role = replica.Elem().FieldByName("rn").Elem().FieldByName("raft").Elem().FieldByName("state").Uint() + 1
	}
	return w.Append([]byte{byte(role)}, v)
}

// revive makes a core with the memory that imageOf took a picture of.
func revive(data []byte) (*core.Core, error) {
	if len(data) == 0 {
		return nil, errBody
	}
	rules, err := rulesOfCore()
	if err != nil {
		return nil, err
	}
	c, err := blank()
	if err != nil {
		return nil, err
	}
	v := reflect.ValueOf(c)
	if data[0] != noReplica {
		replica, err := inRole(raft.StateType(data[0] - 1))
		if err != nil {
			return nil, err
		}
		field, err := image.Reach(v.Elem(), "replica")
		if err != nil {
			return nil, err
		}
		field.Set(reflect.ValueOf(replica))
	}
	left, err := rules.Read(data[1:], v)
	if err != nil {
		return nil, err
	}
	if len(left) > 0 {
		return nil, fmt.Errorf("%w: %d bytes behind the memory of a core", errBody, len(left))
	}
	return c, nil
}

// Numbers of what is overwritten, which only have to be allowed.
const (
	anyInstall  = 1
	otherVoter  = 2
	anyElection = 8 // ticks
)

// blank returns a core whose memory is to be overwritten.
func blank() (*core.Core, error) {
	const pulse = 50 * time.Millisecond
	return core.New(time.Unix(0, 0), core.Config{Name: "n", Times: core.Times{
		Beat: 2 * pulse, Missed: 3, Pulse: pulse, SuspectAfter: 6 * pulse, ElectionPulses: anyElection,
	}}, core.Identity{Install: anyInstall, Boot: 1}, core.Held{})
}

// inRole returns a replica that does what one in this role does. Its memory is to be overwritten.
func inRole(role raft.StateType) (*consensus.Replica, error) {
	if role > raft.StatePreCandidate {
		return nil, fmt.Errorf("%w: a role that there is not", errBody)
	}
	first := consensus.Found(consensus.Founder{ID: anyInstall, Node: "n"})
	if role == raft.StateCandidate || role == raft.StatePreCandidate { // which do the same
		first.Restore.Members = append(first.Restore.Members, consensus.Member{ID: otherVoter, Node: "o", Role: consensus.RoleVoter})
	}
	held, err := consensus.Restored{}.Append(first)
	if err != nil {
		return nil, err
	}
	r, err := consensus.New(consensus.Config{ID: anyInstall, Cluster: "c", ElectionTicks: anyElection, HeartbeatTicks: 2}, held)
	if err != nil {
		return nil, err
	}
	switch role {
	case raft.StateCandidate, raft.StatePreCandidate:
		return r, r.Campaign()
	case raft.StateLeader:
		return r, lead(r)
	case raft.StateFollower:
	}
	return r, nil
}

// lead makes the only voter of a log its leader.
func lead(r *consensus.Replica) error {
	if err := r.Campaign(); err != nil {
		return err
	}
	for range anyElection {
		out, ok := r.Ready()
		if ok && out.IsLeader {
			return nil
		}
		if out.Append != nil {
			r.Appended(out.Append)
		}
	}
	return errors.New("the only voter does not lead")
}

// writing returns the appends that wait for the disk, oldest first.
func writing(c *core.Core) ([]*consensus.Append, error) {
	replica, err := image.Reach(reflect.ValueOf(c).Elem(), "replica")
	if err != nil || replica.IsNil() {
		return nil, err
	}
	field, err := image.Reach(replica.Elem(), "writing")
	if err != nil {
		return nil, err
	}
	out, ok := reflect.TypeAssert[[]*consensus.Append](field)
	if !ok {
		return nil, fmt.Errorf("what waits for the disk is %s", field.Type())
	}
	return append([]*consensus.Append(nil), out...), nil
}
