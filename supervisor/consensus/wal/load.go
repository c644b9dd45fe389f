// SPDX-License-Identifier: Apache-2.0

package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
)

// Load returns what the disk holds, or consensus.ErrDamaged when it contradicts itself.
func (s *Store) Load() (consensus.Restored, error) {
	if s.broken != nil {
		return consensus.Restored{}, fmt.Errorf("wal: load: %w", s.broken)
	}
	var out consensus.Restored
	err := s.view(func(tx *bbolt.Tx) error {
		var err error
		out, err = load(tx)
		return err
	})
	if err == nil {
		err = out.Check()
	}
	if err != nil {
		return consensus.Restored{}, fmt.Errorf("wal: load: %w", damaged(s.db.Path(), err))
	}
	return out, nil
}

func load(tx *bbolt.Tx) (consensus.Restored, error) {
	var out consensus.Restored
	var err error
	if out.Hard, err = getHard(tx); err != nil {
		return out, err
	}
	b, err := getBounds(tx)
	if err != nil {
		return out, err
	}
	entries, err := loadEntries(tx, b)
	if err != nil {
		return out, err
	}
	if out.Snapshot, err = loadSnapshot(tx, b); err != nil {
		return out, err
	}
	if out.Snapshot == nil {
		out.Entries = entries
		return out, nil
	}
	at := out.Snapshot.Index
	if at+1 < b.first || at > b.last {
		return out, fmt.Errorf("%w: snapshot at %d, log %d to %d", consensus.ErrDamaged, at, b.first, b.last)
	}
	if skip := at + 1 - b.first; skip > 0 && entries[skip-1].Term != out.Snapshot.Term {
		return out, fmt.Errorf("%w: snapshot at %d has term %d, the entry has %d",
			consensus.ErrDamaged, at, out.Snapshot.Term, entries[skip-1].Term)
	}
	out.Entries = slices.Clip(entries[at+1-b.first:])
	if len(out.Entries) == 0 {
		out.Entries = nil
	}
	return out, nil
}

// loadEntries reads the whole log, which must be exactly what the bounds say.
func loadEntries(tx *bbolt.Tx, b bounds) ([]consensus.Entry, error) {
	log, err := inBucket(tx, bucketLog)
	if err != nil {
		return nil, err
	}
	var out []consensus.Entry
	next := b.first
	c := log.Cursor()
	for key, value := c.First(); key != nil; key, value = c.Next() {
		if len(key) != 8 || binary.BigEndian.Uint64(key) != next || next > b.last {
			return nil, fmt.Errorf("%w: entry %x in the place of %d", consensus.ErrDamaged, key, next)
		}
		content, err := unseal(bucketLog, key, value)
		if err != nil {
			return nil, err
		}
		if len(content) < entryHeadLen {
			return nil, fmt.Errorf("%w: entry %d cut short", consensus.ErrDamaged, next)
		}
		e := consensus.Entry{Index: next, Term: binary.BigEndian.Uint64(content), Kind: consensus.EntryKind(content[8])}
		if data := content[entryHeadLen:]; len(data) > 0 {
			e.Data = slices.Clone(data)
		}
		out = append(out, e)
		next++
	}
	if next != b.last+1 {
		return nil, fmt.Errorf("%w: the log ends before entry %d, it should end at %d", consensus.ErrDamaged, next, b.last)
	}
	return out, nil
}

// loadSnapshot reads the present snapshot or, when that is damaged, the previous one if the log goes on from there.
func loadSnapshot(tx *bbolt.Tx, b bounds) (*consensus.Snapshot, error) {
	if b.current == 0 {
		return nil, nil
	}
	s, err := readSnapshot(tx, keyCurrent, b.current)
	if err == nil {
		return s, nil
	}
	if b.previous == 0 || b.previous+1 < b.first {
		return nil, fmt.Errorf("%w; the log does not reach back to an older snapshot", err)
	}
	previous, errPrevious := readSnapshot(tx, keyPrevious, b.previous)
	if errPrevious != nil {
		return nil, errors.Join(err, errPrevious)
	}
	return previous, nil
}

func readSnapshot(tx *bbolt.Tx, key string, index uint64) (*consensus.Snapshot, error) {
	content, err := get(tx, bucketSnapshot, key)
	if err != nil {
		return nil, err
	}
	var s consensus.Snapshot
	if err := s.UnmarshalBinary(content); err != nil {
		return nil, fmt.Errorf("%w: %s %w", consensus.ErrDamaged, key, err)
	}
	if s.Index != index {
		return nil, fmt.Errorf("%w: %s snapshot is at %d, not %d", consensus.ErrDamaged, key, s.Index, index)
	}
	return &s, nil
}
