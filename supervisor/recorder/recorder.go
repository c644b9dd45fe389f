// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"errors"
	"fmt"
	"hash/crc64"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/recorder/image"
)

const (
	// pendingMax and pendingBytesMax bound what waits to be written, in records and in bytes of messages and images. What
	// comes when it is full is left out, up to the next checkpoint.
	pendingMax      = 8192
	pendingBytesMax = 16 << 20
	// checkpointPause is the least time between two checkpoints: an image is the dearest thing that the loop does for us.
	checkpointPause = 10 * time.Second
)

// Options say what is recorded, and where.
type Options struct {
	Dir string
	// Size bounds what lies in Dir, in bytes.
	Size                   int64
	Node, Cluster, Version string
	// Tap is where raft draws its random numbers.
	Tap *Tap
	Log zerolog.Logger
}

// Recorder records what a core is given. Begin, Made and Stepped belong to the loop of the node and never wait; Run
// writes.
type Recorder struct {
	opts    Options
	start   time.Time
	clock   clock
	layouts map[string]string

	// What follows belongs to the loop.
	output       *image.Writer
	core         *image.Writer
	scratch      []byte
	sum          uint64
	install      uint64
	boot         uint64
	checkpointed time.Time
	unable       bool // no image can be made

	wake    chan struct{} // holds one: there is something to write at once
	mu      sync.Mutex
	pending []entry
	bytes   int
	wanted  bool // a checkpoint
	gap     gap  // what was left out since the last record
}

// entry is something on its way to the file.
type entry struct {
	kind byte
	step step
	at   time.Time
	data []byte // of a beginning
	gap  gap    // before a beginning
	id   core.Identity
}

// gap is what was not recorded.
type gap struct {
	steps uint64
	since time.Time
	why   string
}

// and joins two gaps of which the other one follows.
func (g gap) and(other gap) gap {
	if g.steps == 0 {
		return other
	}
	g.steps += other.steps
	return g
}

// lose counts one more step that is left out.
func (g gap) lose(at time.Time, why string) gap { return g.and(gap{1, at, why}) }

// New makes a recorder. It touches no file before Run.
func New(opts Options) (*Recorder, error) {
	if opts.Tap == nil {
		return nil, errors.New("flight recorder: raft's random numbers cannot be noted")
	}
	rules, err := rulesOfCore()
	if err != nil {
		return nil, fmt.Errorf("flight recorder: %w", err)
	}
	now := time.Now()
	return &Recorder{
		opts: opts, start: now, clock: clockFrom(now), layouts: layouts(rules),
		output: image.NewWriter(rulesOfOutput()), core: image.NewWriter(rules), wake: make(chan struct{}, 1),
	}, nil
}

// Begin comes right before the core is made, and before each step.
func (r *Recorder) Begin() { r.opts.Tap.begin() }

// Made records how the core was made.
func (r *Recorder) Made(now time.Time, cfg core.Config, id core.Identity, held core.Held) {
	m := making{now, cfg, id, held, r.opts.Tap.end()}
	r.install, r.boot, r.checkpointed = id.Install, id.Boot, now
	data, err := image.NewWriter(rulesOfInput()).Append(nil, reflect.ValueOf(m))
	if err != nil {
		r.unable = true
		r.opts.Log.Error().Err(err).Msg("flight recorder: the start of the node cannot be recorded")
		return
	}
	r.push(entry{kind: recordMade, at: now, data: data, id: id})
}

// Stepped records a step that the core has just made, and what it answered.
func (r *Recorder) Stepped(c *core.Core, now time.Time, inputs []core.Input, out core.Output) {
	draws := r.opts.Tap.end()
	r.sum, r.scratch = sumOf(r.output, r.sum, r.scratch, out)
	r.push(entry{kind: recordStep, at: now, step: step{now, slices.Clone(inputs), draws, uint32(r.sum & sumMask)}})
	if r.due(now) {
		r.checkpoint(c, now)
	}
	if len(out.Notices)+len(out.Events)+len(out.Answers) > 0 {
		r.rouse()
	}
}

// sumOf adds what a step answered to the sum of the steps before. A part of it that no image can hold counts as such.
func sumOf(w *image.Writer, sum uint64, scratch []byte, out core.Output) (uint64, []byte) {
	b, err := w.Append(scratch[:0], reflect.ValueOf(&out).Elem())
	if err != nil {
		b = append(b, err.Error()...)
	}
	return crc64.Update(sum, crc64.MakeTable(crc64.ECMA), b), b
}

// due tells whether a checkpoint is wanted, and may be made.
func (r *Recorder) due(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.wanted && !r.unable && now.Sub(r.checkpointed) >= checkpointPause && len(r.pending) < pendingMax/2 && r.bytes < pendingBytesMax/2
}

func (r *Recorder) checkpoint(c *core.Core, now time.Time) {
	began := time.Now()
	data, err := imageOf(r.core, c)
	if err != nil {
		r.unable = true
		r.opts.Log.Error().Err(err).Msg("flight recorder: no checkpoint can be made; recording ends when its room is used up")
		return
	}
	r.opts.Log.Debug().Int("bytes", len(data)).Dur("took", time.Since(began)).Msg("flight recorder: checkpoint")
	r.checkpointed, r.sum = now, 0
	r.mu.Lock()
	lost := r.gap
	r.wanted, r.gap = false, gap{}
	r.mu.Unlock()
	r.push(entry{kind: recordCheckpoint, at: now, data: data, gap: lost, id: core.Identity{Install: r.install, Boot: r.boot}})
}

// push puts a record into the queue, or counts it as left out.
func (r *Recorder) push(e entry) {
	size := len(e.data)
	for _, in := range e.step.inputs {
		if heard, ok := in.(core.Heard); ok {
			size += weight(heard.Body)
		}
	}
	r.mu.Lock()
	full := len(r.pending) >= pendingMax || (r.bytes+size > pendingBytesMax && len(r.pending) > 0)
	switch {
	case e.kind == recordStep && (r.gap.steps > 0 || full):
		r.gap, r.wanted = r.gap.lose(e.at, "it could not be written in time"), true
	default:
		r.pending = append(r.pending, e)
		r.bytes += size
	}
	half := len(r.pending) >= pendingMax/2 || r.bytes >= pendingBytesMax/2
	r.mu.Unlock()
	if half || e.kind != recordStep {
		r.rouse()
	}
}

// weight is about how many bytes a message takes.
func weight(b bus.Body) int {
	const few = 64
	switch b := b.(type) {
	case bus.Raft:
		return len(b) + few
	case bus.Proposal:
		return len(b) + few
	case *bus.Heartbeat:
		return few * (1 + len(b.Members) + len(b.Balancers) + len(b.Seen))
	case *bus.Vote:
	}
	return few
}

// rouse lets Run write at once.
func (r *Recorder) rouse() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// taken returns what is to be written.
func (r *Recorder) taken() []entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.pending
	r.pending, r.bytes = nil, 0
	return out
}

// want asks the loop for a checkpoint.
func (r *Recorder) want() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wanted = true
}
