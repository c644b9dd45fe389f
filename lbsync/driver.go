// SPDX-License-Identifier: Apache-2.0

package lbsync

import (
	"context"
	"errors"
	"maps"
	"slices"
)

// ErrEpoch says that another process answered than the one that the operations were planned against. Whatever it was
// told is not known to have taken; observe, step and apply again.
var ErrEpoch = errors.New("the balancer process changed")

// Caps says what a driver can do, so that callers ask for nothing else.
type Caps struct {
	// Drain, Kill and Weight tell which operations exist.
	Drain, Kill, Weight bool
	// Sessions is set when sessions in progress can be counted, so that a drain can end before its deadline.
	Sessions bool
	// Events is set when Watch hears of changes rather than never waking.
	Events bool
	// Persist is set when states can be stored for the balancer's next start.
	Persist bool
}

// Kept is one server whose state must survive the next start of the balancer.
type Kept struct {
	Key                Key
	Admin              Admin
	Up                 bool
	Weight, InitWeight int
	Port               uint16
}

// Driver talks to one balancer. It does not retry and holds no wishes. Every error means "not known"; none of its
// methods ever returns an empty answer for one that it could not get.
type Driver interface {
	// Caps says what the driver can do.
	Caps() Caps
	// SelfTest checks, before the first operation, that the balancer can be driven and knows the keys. Its error says
	// what is wrong and what to do.
	SelfTest(ctx context.Context, keys []Key) error
	// Observe reads the named backends. A backend that the balancer denies to have contributes no servers.
	Observe(ctx context.Context, backends []string) (Snapshot, error)
	// Apply carries out operations planned against epoch at, and returns what the balancer shows afterwards: the backends
	// that were last observed and those of the operations. Operations that this read-back does not confirm come as OpErr;
	// ErrEpoch means that another process answered.
	Apply(ctx context.Context, at Epoch, ops []Op) (Snapshot, []OpErr, error)
	// Persist stores the states that the balancer's next start must take up, all others being its configuration's.
	Persist(ctx context.Context, keep []Kept) error
	// Watch returns hints that something may have changed. They may be lost and may be false; the channel holds one
	// and drops further ones until it is read. It is closed once ctx has ended.
	Watch(ctx context.Context) <-chan struct{}
}

// Keep lists the servers of a snapshot that differ from what the balancer would start with, in order of their keys.
func Keep(s Snapshot) []Kept {
	var kept []Kept
	for _, k := range slices.SortedFunc(maps.Keys(s.Servers), Key.Compare) {
		h := s.Servers[k]
		if h.Admin == Ready && h.Weight == h.InitWeight {
			continue
		}
		kept = append(kept, Kept{
			Key: k, Admin: h.Admin, Up: h.Up, Weight: h.Weight, InitWeight: h.InitWeight, Port: h.Port,
		})
	}
	return kept
}
