// SPDX-License-Identifier: Apache-2.0

package consensus

import (
	"fmt"
	"maps"
	"slices"
)

// assembly is a snapshot of which some pieces are here. Once complete it stays as a mark without data, so that copies which
// arrive late on another rail start nothing.
type assembly struct {
	id      snapshotID
	attempt uint32
	done    bool
	pieces  [][]byte
	missing uint32
	// touched is the tick of the last new piece.
	touched uint64
}

// assembler puts snapshots together: one at a time for each sender, SnapshotBytesMax for all of them. A new attempt at the same
// snapshot keeps the pieces of the former attempts, so that under steady loss each attempt only has to fill the holes.
type assembler struct {
	bySender map[uint64]*assembly
}

// add takes one piece. It returns the whole snapshot when this piece was the last one missing, else nil.
func (a *assembler) add(from uint64, c chunk, tick uint64) ([]byte, error) {
	as, ok := a.bySender[from]
	switch {
	case ok && as.id == c.snapshotID:
		if as.done && c.attempt <= as.attempt {
			return nil, nil
		}
		if as.done {
			as = a.start(from, c, tick)
		}
	case ok && !newer(c.snapshotID, as.id):
		return nil, nil
	default:
		as = a.start(from, c, tick)
	}
	as.attempt = max(as.attempt, c.attempt)
	if as.pieces[c.part] != nil {
		return nil, nil
	}
	as.pieces[c.part] = slices.Clone(c.data)
	as.missing--
	as.touched = tick
	if as.missing > 0 {
		return nil, nil
	}
	whole := slices.Concat(as.pieces...)
	as.done, as.pieces = true, nil
	if castagnoli(whole) != c.sum {
		delete(a.bySender, from)
		return nil, fmt.Errorf("%w: snapshot at %d fails its checksum", ErrFrame, c.index)
	}
	return whole, nil
}

// newer says whether a snapshot replaces another one of the same sender.
func newer(a, b snapshotID) bool {
	if a.leaderTerm != b.leaderTerm {
		return a.leaderTerm > b.leaderTerm
	}
	return a.index > b.index
}

// start makes room and begins anew for the sender: what was touched longest ago goes first.
func (a *assembler) start(from uint64, c chunk, tick uint64) *assembly {
	delete(a.bySender, from)
	for len(a.bySender) >= assembliesMax || a.promised()+uint64(c.size) > SnapshotBytesMax {
		delete(a.bySender, a.stalest())
	}
	as := &assembly{id: c.snapshotID, pieces: make([][]byte, c.parts()), missing: c.parts(), touched: tick}
	a.bySender[from] = as
	return as
}

// promised is how many bytes the unfinished snapshots will take.
func (a *assembler) promised() uint64 {
	sum := uint64(0)
	for _, from := range slices.Sorted(maps.Keys(a.bySender)) {
		if as := a.bySender[from]; !as.done {
			sum += uint64(as.id.size)
		}
	}
	return sum
}

func (a *assembler) stalest() uint64 {
	ids := slices.Sorted(maps.Keys(a.bySender))
	return slices.MinFunc(ids, func(x, y uint64) int {
		return int(int64(a.bySender[x].touched) - int64(a.bySender[y].touched))
	})
}

// expire drops what was not touched since the given tick.
func (a *assembler) expire(before uint64) {
	maps.DeleteFunc(a.bySender, func(_ uint64, p *assembly) bool { return p.touched < before })
}
