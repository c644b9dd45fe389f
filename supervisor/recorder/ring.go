// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/recorder/tape"
)

// The kinds of records.
const (
	recordMade       = 1 // how the core was made
	recordCheckpoint = 2 // the memory of the core
	recordStep       = 3
	recordEnd        = 4 // nothing follows in this file; the whole sum
)

const (
	// extension ends the names of files.
	extension = ".flight"
	// partsOfRing is how many files share the room.
	partsOfRing = 4
	// filesMax bounds the files, however small: a node that crashes at every start makes many.
	filesMax = 256
	// flushEvery is how often what was recorded is written, in the main.
	flushEvery = time.Second
	// retryAfter is after how long a disk that failed is tried again.
	retryAfter = time.Minute
)

// ring writes the files of a recorder.
type ring struct {
	*Recorder
	files []file // closed, oldest first
	next  uint64 // number of the next file

	tape    *tape.Writer // nil: nothing is recorded now
	open    file         // what tape writes
	steps   *stepWriter
	part    int   // number of the next part
	head    int64 // size of the file after its beginning
	sum     uint32
	gap     gap       // since the last record
	retryAt time.Time // when a disk that failed is tried again
	failed  bool      // and people know it
}

type file struct {
	path string
	size int64
}

// Run writes until ctx ends, then what is left, and never fails: a node does not stop because its recorder does.
func (r *Recorder) Run(ctx context.Context) error {
	w := &ring{Recorder: r}
	if err := os.MkdirAll(r.opts.Dir, 0o700); err != nil {
		w.fail(err)
	}
	w.find()
	clock := time.NewTicker(flushEvery)
	defer clock.Stop()
	for {
		select {
		case <-ctx.Done():
			w.write(r.taken())
			w.close()
			return nil
		case <-clock.C:
		case <-r.wake:
		}
		w.write(r.taken())
	}
}

// find looks for the files that are there.
func (w *ring) find() {
	entries, err := os.ReadDir(w.opts.Dir)
	if err != nil {
		w.fail(err)
		return
	}
	for _, e := range entries {
		number, ok := strings.CutSuffix(e.Name(), extension)
		n, err := strconv.ParseUint(number, 10, 48)
		info, infoErr := e.Info()
		if !ok || err != nil || infoErr != nil || !info.Mode().IsRegular() {
			continue
		}
		w.files = append(w.files, file{filepath.Join(w.opts.Dir, e.Name()), info.Size()})
		w.next = max(w.next, n+1)
	}
	slices.SortFunc(w.files, func(a, b file) int { return cmp.Compare(a.path, b.path) })
}

func (w *ring) write(entries []entry) {
	for _, e := range entries {
		var err error
		switch {
		case e.kind != recordStep:
			err = w.begin(e)
		case w.tape == nil:
			w.gap = w.gap.lose(e.at, "the disk did not take it")
		default:
			err = w.step(e.step)
		}
		if err != nil {
			w.drop(e.at, err)
		}
	}
	now := time.Now()
	if w.tape == nil {
		if w.failed && !now.Before(w.retryAt) {
			w.want()
		}
		return
	}
	if err := w.tape.Flush(); err != nil {
		w.drop(now, err)
		return
	}
	switch size := w.tape.Size(); {
	case size >= w.opts.Size:
		w.drop(now, errors.New("the room is used up, and no checkpoint came"))
	case size >= w.opts.Size/partsOfRing && size >= 2*w.head:
		w.want()
	}
}

func (w *ring) step(s step) error {
	data, err := w.steps.encode(s)
	if err != nil {
		return fmt.Errorf("a step cannot be recorded: %w", err)
	}
	w.sum = s.sum
	return w.tape.Add(recordStep, data)
}

// begin begins a new file with a checkpoint.
func (w *ring) begin(e entry) error {
	w.gap = w.gap.and(e.gap)
	w.close()
	w.makeRoom()
	h := tape.Head{
		Node: w.opts.Node, Cluster: w.opts.Cluster, Install: e.id.Install, Boot: e.id.Boot, Version: w.opts.Version,
		Run: w.start.UnixNano(), Part: w.part, At: e.at.Round(0), Layouts: w.layouts,
	}
	if w.gap.steps > 0 {
		h.Gap = &tape.Gap{Steps: w.gap.steps, Since: w.gap.since.Round(0), Why: w.gap.why}
	}
	path := filepath.Join(w.opts.Dir, fmt.Sprintf("%012d%s", w.next, extension))
	t, err := tape.Create(path, h)
	if err != nil {
		return err
	}
	w.tape, w.steps, w.sum, w.open = t, newStepWriter(e.at, w.clock), 0, file{path: path}
	w.next++
	w.part++
	if err := errors.Join(t.Add(e.kind, e.data), t.Flush()); err != nil {
		return err
	}
	if w.failed {
		w.failed = false
		w.opts.Log.Info().Uint64("lost", w.gap.steps).Msg("flight recorder: it records again")
	}
	w.head, w.gap = t.Size(), gap{}
	return nil
}

// close ends the present file, if there is one.
func (w *ring) close() {
	if w.tape == nil {
		return
	}
	end := binary.AppendUvarint(nil, uint64(w.sum))
	if err := errors.Join(w.tape.Add(recordEnd, end), w.tape.Close()); err != nil {
		w.fail(err)
	}
	w.open.size = w.tape.Size()
	w.files, w.tape = append(w.files, w.open), nil
}

// drop gives the present file up; what it has stays.
func (w *ring) drop(at time.Time, err error) {
	w.fail(err)
	w.gap = w.gap.lose(at, err.Error())
	w.retryAt = time.Now().Add(retryAfter)
	if w.tape == nil {
		return
	}
	w.open.size = w.tape.Size()
	if err := w.tape.Close(); err != nil {
		w.opts.Log.Debug().Err(err).Msg("flight recorder: the file is given up")
	}
	w.files, w.tape = append(w.files, w.open), nil
}

// fail tells people once that nothing is recorded.
func (w *ring) fail(err error) {
	if !w.failed {
		w.opts.Log.Error().Err(err).Stringer("again_in", retryAfter).Msg("flight recorder: it records nothing; the node goes on")
	}
	w.failed = true
}

// makeRoom removes the oldest files, so that another one fits.
func (w *ring) makeRoom() {
	used := int64(0)
	for _, f := range w.files {
		used += f.size
	}
	for len(w.files) > 0 && (used > w.opts.Size-w.opts.Size/partsOfRing || len(w.files) >= filesMax) {
		if err := os.Remove(w.files[0].path); err != nil && !errors.Is(err, os.ErrNotExist) {
			w.fail(err)
			return
		}
		used -= w.files[0].size
		w.files = w.files[1:]
	}
}
