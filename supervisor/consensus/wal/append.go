// SPDX-License-Identifier: Apache-2.0

package wal

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
)

// entryHeadLen is the term and the kind before the data of an entry.
const entryHeadLen = 8 + 1

// Append makes everything in it durable in one transaction. An error breaks the store: the process must end or carry on without
// consensus, and only a new start tells what the disk holds.
func (s *Store) Append(a *consensus.Append) error {
	if a.Empty() {
		return s.broken // all that was handed out before it is durable
	}
	err := s.update(func(tx *bbolt.Tx) error {
		w, err := newWriter(tx)
		if err != nil {
			return err
		}
		if err := w.append(a); err != nil {
			return err
		}
		return putBounds(tx, w.bounds)
	})
	if err != nil {
		return fmt.Errorf("wal: append: %w", err)
	}
	return nil
}

// writer is one transaction under way.
type writer struct {
	tx     *bbolt.Tx
	log    *bbolt.Bucket
	hard   hardState
	bounds bounds
}

func newWriter(tx *bbolt.Tx) (*writer, error) {
	w := &writer{tx: tx}
	var err error
	if w.log, err = inBucket(tx, bucketLog); err != nil {
		return nil, err
	}
	// Entries arrive in order, so that full pages need no room for later inserts.
	const fillSequential = 0.9
	w.log.FillPercent = fillSequential
	if w.hard, err = getHard(tx); err != nil {
		return nil, err
	}
	w.bounds, err = getBounds(tx)
	return w, err
}

func (w *writer) append(a *consensus.Append) error {
	if a.Restore != nil {
		if err := w.restore(a.Restore); err != nil {
			return err
		}
	}
	if err := w.entries(a.Entries); err != nil {
		return err
	}
	if a.Hard != nil {
		if a.Hard.Term < w.hard.Term || a.Hard.Commit < w.hard.Commit {
			return fmt.Errorf("hard state goes back from %+v to %+v", w.hard, *a.Hard)
		}
		w.hard = *a.Hard
		if err := putHard(w.tx, w.hard); err != nil {
			return err
		}
	}
	if a.Snapshot != nil {
		if err := w.snapshot(a.Snapshot); err != nil {
			return err
		}
	}
	if w.hard.Commit < w.bounds.current || w.hard.Commit > w.bounds.last {
		return fmt.Errorf("committed to %d with a snapshot at %d and a log to %d", w.hard.Commit, w.bounds.current, w.bounds.last)
	}
	return nil
}

// restore throws the log away and begins it after the snapshot.
func (w *writer) restore(s *consensus.Snapshot) error {
	if s.Index <= w.hard.Commit {
		return fmt.Errorf("restore to %d, but committed to %d", s.Index, w.hard.Commit)
	}
	if err := w.putSnapshot(s); err != nil {
		return err
	}
	if err := w.tx.DeleteBucket([]byte(bucketLog)); err != nil {
		return err
	}
	log, err := w.tx.CreateBucket([]byte(bucketLog))
	if err != nil {
		return err
	}
	w.log, w.bounds.first, w.bounds.last = log, s.Index+1, s.Index
	return nil
}

// entries replaces everything from the first given index on.
func (w *writer) entries(entries []consensus.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	from := entries[0].Index
	if from <= w.hard.Commit || from <= w.bounds.current || from < w.bounds.first || from > w.bounds.last+1 {
		return fmt.Errorf("append at %d: log is %d to %d, committed to %d", from, w.bounds.first, w.bounds.last, w.hard.Commit)
	}
	for i := from + uint64(len(entries)); i <= w.bounds.last; i++ {
		if err := w.log.Delete(number(i)); err != nil {
			return err
		}
	}
	for i, e := range entries {
		if e.Index != from+uint64(i) {
			return fmt.Errorf("entry %d in the place of %d", e.Index, from+uint64(i))
		}
		if err := w.log.Put(number(e.Index), sealEntry(e)); err != nil {
			return err
		}
	}
	w.bounds.last = from + uint64(len(entries)) - 1
	return nil
}

// snapshot keeps a snapshot of our own and drops the entries that neither the previous snapshot nor the tail needs.
func (w *writer) snapshot(s *consensus.Snapshot) error {
	if s.Index <= w.bounds.current || s.Index > w.hard.Commit || s.Index > w.bounds.last {
		return fmt.Errorf("snapshot at %d after one at %d, committed to %d", s.Index, w.bounds.current, w.hard.Commit)
	}
	if err := w.putSnapshot(s); err != nil {
		return err
	}
	cut := min(w.bounds.previous, s.Index-min(s.Index, tailEntries))
	for i := w.bounds.first; i <= cut; i++ {
		if err := w.log.Delete(number(i)); err != nil {
			return err
		}
	}
	w.bounds.first = max(w.bounds.first, cut+1)
	return nil
}

// putSnapshot makes the present snapshot the previous one and the given one the present.
func (w *writer) putSnapshot(s *consensus.Snapshot) error {
	content, err := s.MarshalBinary()
	if err != nil {
		return err
	}
	if w.bounds.current != 0 {
		// A damaged present snapshot is not worth keeping; the previous one stays then.
		if old, err := get(w.tx, bucketSnapshot, keyCurrent); err == nil {
			if err := put(w.tx, bucketSnapshot, keyPrevious, old); err != nil {
				return err
			}
			w.bounds.previous = w.bounds.current
		}
	}
	w.bounds.current = s.Index
	return put(w.tx, bucketSnapshot, keyCurrent, content)
}

func sealEntry(e consensus.Entry) []byte {
	content := make([]byte, 0, entryHeadLen+len(e.Data))
	content = binary.BigEndian.AppendUint64(content, e.Term)
	content = append(content, byte(e.Kind))
	return seal(bucketLog, number(e.Index), append(content, e.Data...))
}
