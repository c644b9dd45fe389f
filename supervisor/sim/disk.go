// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
)

// disk is what survives: the identity of an installation, its lives, its cluster and its log. Orders are carried out one
// after the other; what is under way when the power goes is there afterwards, or is not.
type disk struct {
	install, boot uint64
	cluster       string
	log           consensus.Restored

	orders []core.Job
	busy   bool
	done   time.Duration // when the order under way is
	sync   time.Duration // how long an order takes
	broken bool          // the next order fails, and so does the process
}

// carryOut makes an order durable, and returns what the core is told.
func (d *disk) carryOut(j core.Job) (core.Input, error) {
	switch j := j.(type) {
	case core.Append:
		log, err := d.log.Append(j.Append)
		if err != nil {
			return nil, err
		}
		d.log = log
		return core.Stored{Append: j.Append}, nil
	case core.NewLife:
		d.boot++
		return core.Born{Boot: d.boot, Reason: j.Reason}, nil
	case core.Join:
		if j.Founding != nil {
			log, err := d.log.Append(j.Founding)
			if err != nil {
				return nil, err
			}
			d.log = log
		}
		d.cluster = j.Cluster
		return core.Joined{Cluster: d.cluster, Log: d.log}, nil
	}
	return nil, nil //nolint:nilnil // there are no other orders
}

// half carries out the part of an order that the power lets it: a founding may be written without the id of its cluster.
func (d *disk) half(j core.Job) {
	if join, ok := j.(core.Join); ok && join.Founding != nil {
		if log, err := d.log.Append(join.Founding); err == nil {
			d.log = log
		}
	}
}
