// SPDX-License-Identifier: Apache-2.0

package memwal

import (
	"errors"
	"fmt"
	"slices"

	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
)

var (
	// ErrBroken says that an earlier write failed, after which nothing is written any more.
	ErrBroken = errors.New("raft store is broken")
	// ErrOtherCluster says that the store already belongs to another cluster.
	ErrOtherCluster = errors.New("raft store belongs to another cluster")
)

// Store is one installation's disk. It has one owner at a time.
type Store struct {
	install, boot uint64
	cluster       string
	synced        consensus.Restored
	staged        []*consensus.Append
	broken        error
	syncs         uint64
}

// New returns a blank disk of a new installation; the id comes from the caller's source of randomness.
func New(install uint64) *Store { return &Store{install: install} }

// Install returns the id of the installation.
func (s *Store) Install() uint64 { return s.install }

// NextBoot counts a start of the node, durably.
func (s *Store) NextBoot() (uint64, error) {
	if s.broken != nil {
		return 0, s.broken
	}
	s.boot++
	return s.boot, nil
}

// Cluster returns the id of the cluster that the store belongs to, empty before SetCluster.
func (s *Store) Cluster() string { return s.cluster }

// SetCluster ties the store to a cluster for ever.
func (s *Store) SetCluster(id string) error {
	switch {
	case s.broken != nil:
		return s.broken
	case id == "":
		return errors.New("empty cluster id")
	case s.cluster != "" && s.cluster != id:
		return fmt.Errorf("%w: %q", ErrOtherCluster, s.cluster)
	}
	s.cluster = id
	return nil
}

// Load returns what a start would find: everything that was synced.
func (s *Store) Load() (consensus.Restored, error) {
	if s.broken != nil {
		return consensus.Restored{}, s.broken
	}
	out := s.synced
	out.Entries = slices.Clone(out.Entries)
	return out, out.Check()
}

// Append writes and syncs.
func (s *Store) Append(a *consensus.Append) error {
	if s.broken != nil {
		return s.broken
	}
	s.Write(a)
	return s.Sync()
}

// Write stages an append, as a disk cache does: a crash loses it.
func (s *Store) Write(a *consensus.Append) { s.staged = append(s.staged, a) }

// Sync makes everything that was written durable, or breaks the store for good.
func (s *Store) Sync() error {
	for _, a := range s.staged {
		next, err := s.synced.Append(a)
		if err != nil {
			s.broken = fmt.Errorf("%w: %w", ErrBroken, err)
			return s.broken
		}
		s.synced = next
	}
	s.staged = nil
	s.syncs++
	return nil
}

// Break makes every later call fail, as a disk does after an I/O error.
func (s *Store) Break(reason error) { s.broken = fmt.Errorf("%w: %w", ErrBroken, reason) }

// Crash loses what was not synced and mends what was broken, as replacing the process does.
func (s *Store) Crash() { s.staged, s.broken = nil, nil }

// Syncs is how many times Sync has made something durable.
func (s *Store) Syncs() uint64 { return s.syncs }

// Close does nothing; a store in memory may be opened again by using it.
func (s *Store) Close() error { return nil }
