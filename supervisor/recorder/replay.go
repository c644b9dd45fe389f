// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"reflect"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/recorder/image"
	"github.com/evenkeel-ha/evenkeel/supervisor/recorder/tape"
)

// Moment is one step of a replayed core.
type Moment struct {
	At     time.Time
	Inputs []core.Input
	Out    core.Output
	Core   *core.Core // after the step; nobody may change it
}

// Summary is what a replay came to.
type Summary struct {
	Steps uint64    // replayed and found the same
	Since time.Time // of the first one
	Until time.Time // of the last one
	// Torn tells that the recording breaks off without an end: the process was killed, or it still runs.
	Torn bool
}

// DifferenceError tells that a core did not decide as it was recorded.
type DifferenceError struct {
	At   time.Time
	Step uint64 // counted from the beginning of the file, from 1
	File string
	What string
}

// Error implements error.
func (d *DifferenceError) Error() string {
	return fmt.Sprintf("at %s (step %d of %s) %s", d.At.Format(time.RFC3339Nano), d.Step, d.File, d.What)
}

// GapError tells that a part of what the core was given was not recorded.
type GapError struct {
	tape.Gap
	Until time.Time // where the recording goes on
}

// Error implements error.
func (g *GapError) Error() string {
	what := "what came"
	if g.Steps > 0 {
		what = fmt.Sprintf("%d steps", g.Steps)
	}
	return fmt.Sprintf("%s between %s and %s is not recorded (%s), and no replay crosses that",
		what, g.Since.Format(time.RFC3339Nano), g.Until.Format(time.RFC3339Nano), g.Why)
}

// Span is what of a recording is replayed: from the file in which From lies, and no step after To. A zero time is no
// bound.
type Span struct{ From, To time.Time }

// errEnough ends a replay in good order.
var errEnough = errors.New("enough")

// Replay gives what was recorded to a fresh core, and each moment to visit. It ends with a *DifferenceError when the core does
// not decide as it did.
//
// Raft draws random numbers from crypto/rand.Reader, which is another one until Replay returns: nothing else in the
// process may draw any meanwhile, nor another replay run.
func Replay(ctx context.Context, r Recording, span Span, visit func(Moment) error) (Summary, error) {
	if err := checkTimes(); err != nil {
		return Summary{}, err
	}
	p := &player{span: span, visit: visit, draws: &given{}, output: image.NewWriter(rulesOfOutput())}
	was := rand.Reader
	rand.Reader = p.draws
	defer func() { rand.Reader = was }()
	parts := r.parts[r.from(span.From):]
	for i, part := range parts {
		err := p.part(ctx, part)
		switch {
		case errors.Is(err, errEnough):
			return p.sum, nil
		case errors.Is(err, tape.ErrTorn) && i == len(parts)-1:
			p.sum.Torn = true
			return p.sum, nil
		case err != nil && (!errors.Is(err, tape.ErrTorn) || parts[i+1].head.Gap == nil):
			return p.sum, err
		case i == len(parts)-1:
			return p.sum, nil
		}
		if err := follows(part.head, parts[i+1].head); err != nil {
			return p.sum, err
		}
	}
	return p.sum, nil
}

// follows tells why a file does not go on where another one ended.
func follows(a, b tape.Head) error {
	switch {
	case b.Gap != nil:
		return &GapError{*b.Gap, b.At}
	case b.Part != a.Part+1:
		return &GapError{tape.Gap{Since: a.At, Why: fmt.Sprintf("%d files are missing", b.Part-a.Part-1)}, b.At}
	}
	return nil
}

// player is a replay under way.
type player struct {
	span  Span
	visit func(Moment) error
	sum   Summary
	draws *given

	core    *core.Core
	writing []*consensus.Append // that wait for the disk, oldest first
	output  *image.Writer
	scratch []byte
	chain   uint64

	path  string
	step  uint64
	steps *stepReader
}

// part replays a file. One that follows another must begin with just the memory that the core has now.
func (p *player) part(ctx context.Context, of part) error {
	in, err := tape.Open(of.path)
	if err != nil {
		return err
	}
	p.path, p.step, p.chain, p.steps = of.path, 0, 0, newStepReader(of.head.At)
	err = p.records(ctx, in, of.head)
	return errors.Join(err, in.Close())
}

func (p *player) records(ctx context.Context, in *tape.Reader, h tape.Head) error {
	kind, data, err := in.Next()
	if err != nil {
		return p.named(err)
	}
	if err := p.begin(kind, data, h); err != nil {
		return err
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		kind, data, err := in.Next()
		switch {
		case errors.Is(err, io.EOF):
			return fmt.Errorf("%w after step %d of %s", tape.ErrTorn, p.step, p.path)
		case err != nil:
			return p.named(err)
		case kind == recordEnd:
			return p.end(data)
		case kind != recordStep:
			return fmt.Errorf("%s: %w: of kind %d", p.path, errBody, kind)
		}
		s, err := p.steps.decode(data)
		if err == nil {
			err = p.take(s)
		}
		if err != nil {
			return p.named(err)
		}
	}
}

// named adds the name of the file to an error that does not have it.
func (p *player) named(err error) error {
	if _, ok := errors.AsType[*DifferenceError](err); ok || errors.Is(err, errEnough) {
		return err
	}
	return fmt.Errorf("%s, step %d: %w", p.path, p.step+1, err)
}

// begin makes the core with which a file begins.
func (p *player) begin(kind byte, data []byte, h tape.Head) error {
	switch kind {
	case recordMade:
		return p.make(data, h)
	case recordCheckpoint:
	default:
		return fmt.Errorf("%s: %w: it begins with one of kind %d", p.path, errBody, kind)
	}
	if p.core != nil {
		return p.same(data, h)
	}
	if err := p.fits(h, layoutCore, layoutRare); err != nil {
		return err
	}
	p.draws.free = true
	defer func() { p.draws.free = false }()
	var err error
	if p.core, err = revive(data); err != nil {
		return fmt.Errorf("%s: its checkpoint: %w", p.path, err)
	}
	p.writing, err = writing(p.core)
	return err
}

// fits tells why this version cannot read the images of a file.
func (p *player) fits(h tape.Head, names ...string) error {
	rules, err := rulesOfCore()
	if err != nil {
		return err
	}
	ours := layouts(rules)
	for _, name := range names {
		if h.Layouts[name] != ours[name] {
			return fmt.Errorf("%s was recorded by version %s, whose memory has another layout (%s); replay it with that version", p.path, h.Version, name)
		}
	}
	return nil
}

// make makes a core as one was made when its process began.
func (p *player) make(data []byte, h tape.Head) error {
	if err := p.fits(h, layoutMade, layoutRare); err != nil {
		return err
	}
	var m making
	if _, err := rulesOfInput().Read(data, reflect.ValueOf(&m)); err != nil {
		return fmt.Errorf("%s: its beginning: %w", p.path, err)
	}
	p.draws.left = m.Draws
	var err error
	if p.core, err = core.New(m.Now, m.Cfg, m.ID, m.Held); err != nil {
		return fmt.Errorf("the core was not made, then as now: %w", err)
	}
	return p.drawn(m.Now)
}

// same compares the memory of the core with what was recorded.
func (p *player) same(data []byte, h tape.Head) error {
	rules, err := rulesOfCore()
	if err != nil {
		return err
	}
	ours, err := imageOf(image.NewWriter(rules), p.core)
	if err != nil {
		return err
	}
	if string(ours) != string(data) {
		return &DifferenceError{At: h.At, File: p.path, What: "the memory of the core is not the recorded one"}
	}
	return nil
}

// take replays a step.
func (p *player) take(s step) error {
	if !p.span.To.IsZero() && s.now.After(p.span.To) {
		return errEnough
	}
	p.step++
	for i, in := range s.inputs {
		if _, ok := in.(core.Stored); !ok {
			continue
		}
		if len(p.writing) == 0 {
			return p.differs(s.now, "an append became durable that this core never asked for")
		}
		s.inputs[i], p.writing = core.Stored{Append: p.writing[0]}, p.writing[1:]
	}
	p.draws.left = s.draws
	out := p.core.Step(s.now, s.inputs...)
	for _, j := range out.Disk {
		if a, ok := j.(core.Append); ok {
			p.writing = append(p.writing, a.Append)
		}
	}
	if err := p.drawn(s.now); err != nil {
		return err
	}
	if p.chain, p.scratch = sumOf(p.output, p.chain, p.scratch, out); uint32(p.chain&sumMask) != s.sum {
		err := p.differs(s.now, "the core decides something else than was recorded")
		return errors.Join(err, p.visit(Moment{s.now, s.inputs, out, p.core}))
	}
	p.sum.Steps++
	if p.sum.Since.IsZero() {
		p.sum.Since = s.now
	}
	p.sum.Until = s.now
	return p.visit(Moment{s.now, s.inputs, out, p.core})
}

// drawn makes sure that just the recorded random numbers were drawn.
func (p *player) drawn(at time.Time) error {
	switch {
	case p.draws.short:
		return p.differs(at, "raft drew more random numbers than were recorded")
	case len(p.draws.left) > 0:
		return p.differs(at, fmt.Sprintf("raft left %d of the recorded random bytes", len(p.draws.left)))
	}
	return nil
}

func (p *player) differs(at time.Time, what string) error {
	return &DifferenceError{At: at, Step: p.step, File: p.path, What: what}
}

// end compares the sum of all that the core answered.
func (p *player) end(data []byte) error {
	if sum, used := binary.Uvarint(data); used <= 0 || sum != p.chain&sumMask {
		return p.differs(p.sum.Until, "what the core decided is not what was recorded")
	}
	return nil
}
