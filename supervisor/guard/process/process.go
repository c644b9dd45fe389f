// SPDX-License-Identifier: Apache-2.0

package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/bootclock"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/wire"
)

const (
	// closeMax bounds the wait for what the kernel does not let go of.
	closeMax = time.Second
	// linger is how long a guard stays that nobody needs, unless Options say otherwise: longer than any right lasts, and than a
	// supervisor takes to be back that is restarted.
	linger = time.Minute
	// probeWithin is how long a probe waits for a stranger to answer, unless Options say otherwise. Neighbours on a wire
	// answer within a millisecond.
	probeWithin = 15 * time.Millisecond
)

// Options are what a guard is made of.
type Options struct {
	// Socket is the path of the unix socket. The lock is beside it.
	Socket string
	// Version is that of the program.
	Version string
	Hands   Hands
	Gate    Gate
	// ProbeWithin is how long a probe waits for a stranger to answer; 15 ms if it is zero.
	ProbeWithin time.Duration
	// Linger is after how long without a supervisor a guard ends that has nothing; a minute if it is zero.
	Linger time.Duration
	// Lacks is what Harden returned.
	Lacks []string
	// Log must never make its writer wait. See Log.
	Log zerolog.Logger
}

// process is a guard that runs. The fields without a word on it belong to the loop.
type process struct {
	Options
	actor    *actor
	machine  *guard.Machine
	hello    wire.Hello
	peer     *peer // the supervisor, if there is one
	quitting bool
	needed   guard.Instant // when there was last a supervisor, or something to hold

	onHands, onGate *lane
	acts            sync.WaitGroup // hands, gate, probes and the watch
	talks           sync.WaitGroup // peers
	results         chan guard.Event
	arrivals        chan *peer
	said            chan said
	slots           chan struct{} // of peers
}

// Run is the guard: it serves its supervisors until the context has ended, and then lets go of everything. It ends by itself once
// it has had neither a supervisor nor anything else to do for Options.Linger. An error tells why it could not begin, or what it
// could not let go of.
func Run(ctx context.Context, o Options) error {
	l, release, err := listen(ctx, o.Socket)
	if err != nil {
		return fmt.Errorf("guard: %w", err)
	}
	p := newProcess(o)
	err = p.run(ctx, l)
	if err := errors.Join(err, release()); err != nil {
		return fmt.Errorf("guard: %w", err)
	}
	return nil
}

func newProcess(o Options) *process {
	o.ProbeWithin, o.Linger = cmp.Or(o.ProbeWithin, probeWithin), cmp.Or(o.Linger, linger)
	class, why := o.Gate.Class()
	return &process{
		Options: o, machine: guard.New(),
		actor: &actor{hands: o.Hands, gate: o.Gate, within: o.ProbeWithin, slots: make(chan struct{}, probesMax)},
		hello: wire.Hello{
			Protocol: wire.Protocol, Version: o.Version, PID: os.Getpid(), Since: bootclock.Now(), Class: class, Why: why, Lacks: o.Lacks,
		},
		onHands: newLane(), onGate: newLane(),
		results: make(chan guard.Event, batch), arrivals: make(chan *peer), said: make(chan said),
		slots: make(chan struct{}, peersMax),
	}
}

// run begins everything, loops, and ends everything. What works on goes on working when the context has ended, to let go.
func (p *process) run(ctx context.Context, l net.Listener) error {
	p.Log.Info().Str("gate", p.hello.Class).Str("why", p.hello.Why).Strs("lacks", p.Lacks).Int("pid", p.hello.PID).Msg("the guard begins")
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	p.acts.Go(func() { p.work(working, p.onHands) })
	p.acts.Go(func() { p.work(working, p.onGate) })
	p.acts.Go(func() { p.watch(working) })
	p.talks.Go(func() { accept(working, l, p.arrivals, p.refused) })

	err := p.loop(working, ctx.Done())
	stop()
	_ = l.Close() // its error comes again when the lock is released
	if p.peer != nil {
		p.peer.close("the guard ends")
	}
	return errors.Join(err, wait(&p.talks, "a connection does not end"), wait(&p.acts, "the kernel does not answer"))
}

func (p *process) refused(err error) { p.Log.Warn().Err(err).Msg("a connection is refused") }

// wait waits for goroutines, but not for ever: the kernel may hold one.
func wait(wg *sync.WaitGroup, complaint string) error {
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	return waitFor(done, complaint)
}

func waitFor(done <-chan struct{}, complaint string) error {
	select {
	case <-done:
		return nil
	case <-time.After(closeMax):
		return errors.New(complaint)
	}
}
