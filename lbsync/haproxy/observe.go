// SPDX-License-Identifier: Apache-2.0

package haproxy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/lbsync"
)

// ErrLeaving says that a process answered which a reload has replaced already. Ask again.
var ErrLeaving = errors.New("a leaving HAProxy process answered")

// startTolerance is how far a start time computed from the uptime may move before it counts as another start.
const startTolerance = 2 * time.Second

// Observe reads the named backends.
func (d *Driver) Observe(ctx context.Context, backends []string) (lbsync.Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, d.opt.Timeout)
	defer cancel()
	backends = slices.Compact(slices.Sorted(slices.Values(backends)))
	_, snap, err := d.read(ctx, nil, backends, lbsync.Epoch{})
	if err != nil {
		return lbsync.Snapshot{}, d.fail("observe", err)
	}
	d.mu.Lock()
	d.backends = backends
	d.mu.Unlock()
	return snap, nil
}

// read sends commands and reads the backends after them. A process that is new to us is asked twice, since the numbers
// of its backends come with the first answer.
func (d *Driver) read(ctx context.Context, commands, backends []string, at lbsync.Epoch) (reply, lbsync.Snapshot, error) {
	tables, err := d.dump(backends)
	if err != nil {
		return reply{}, lbsync.Snapshot{}, err
	}
	r, err := d.ask(ctx, slices.Concat(commands, tables), at)
	if err != nil {
		return reply{}, lbsync.Snapshot{}, err
	}
	if d.learn(r) {
		if tables, err = d.dump(backends); err != nil {
			return reply{}, lbsync.Snapshot{}, err
		}
		again, err := d.ask(ctx, tables, d.epochOf(r.info))
		if err != nil {
			return reply{}, lbsync.Snapshot{}, err
		}
		again.notes = append(again.notes, r.notes...)
		r = again
	}
	snap, err := d.snapshot(r, backends)
	return r, snap, err
}

func (d *Driver) dump(backends []string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return dump(backends, d.ids)
}

// learn notes the numbers of the backends and tells whether statistics are missing for want of them.
func (d *Driver) learn(r reply) bool {
	counted := map[string]bool{}
	for _, row := range r.stats {
		counted[row.key.Backend] = true
	}
	missing := false
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, row := range r.states {
		d.ids[row.key.Backend] = row.backendID
		missing = missing || !counted[row.key.Backend]
	}
	return missing
}

// ask sends commands in as many lines as they need and returns all that came back. All lines must be answered by one
// process, which must be the one of the epoch at, if that is set.
func (d *Driver) ask(ctx context.Context, commands []string, at lbsync.Epoch) (reply, error) {
	var all reply
	for _, line := range lines(commands) {
		text, err := d.wire.exchange(ctx, line)
		if err != nil {
			return reply{}, err
		}
		r, err := parseReply(text)
		if err != nil {
			return reply{}, err
		}
		if err := d.accept(r, at); err != nil {
			return reply{}, err
		}
		at = d.epochOf(r.info)
		all.add(r)
	}
	return all, nil
}

// accept judges the stamp of a reply.
func (d *Driver) accept(r reply, at lbsync.Epoch) error {
	switch {
	case !r.info.whole() && r.failures() != "":
		return fmt.Errorf("%w: %s", ErrNoAnswer, r.failures())
	case !r.info.whole():
		return fmt.Errorf("%w: the reply does not end with HAProxy's own description: cut short, or not a stats socket", ErrNoAnswer)
	case r.info.stopping && !at.IsZero():
		return fmt.Errorf("%w: process %d is leaving", lbsync.ErrEpoch, r.info.pid)
	case r.info.stopping:
		return fmt.Errorf("%w (process %d)", ErrLeaving, r.info.pid)
	}
	if now := d.epochOf(r.info); !at.IsZero() && !now.Equal(at) {
		return fmt.Errorf("%w: process %d answered instead of %d", lbsync.ErrEpoch, now.PID, at.PID)
	}
	return nil
}

// epochOf returns the epoch of the process that answered, and ends an event stream that hangs on another one.
func (d *Driver) epochOf(i info) lbsync.Epoch {
	started := time.Unix(i.started, 0)
	if i.started == 0 {
		started = time.Now().Add(-time.Duration(i.uptime) * time.Second).Round(time.Second)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if i.pid == d.epoch.PID && started.Sub(d.epoch.Started).Abs() <= startTolerance {
		return d.epoch
	}
	d.epoch = lbsync.Epoch{PID: i.pid, Started: started}
	clear(d.static)
	clear(d.ids)
	d.stream.leave(i.pid)
	return d.epoch
}

// snapshot puts the two tables of a reply together. A backend is absent only if HAProxy said so; any other gap means
// that the reply cannot be trusted.
func (d *Driver) snapshot(r reply, backends []string) (lbsync.Snapshot, error) {
	stats := make(map[lbsync.Key]statRow, len(r.stats))
	algorithms := map[string]string{}
	for _, row := range r.stats {
		if row.key.Server == backendRow {
			algorithms[row.key.Backend] = row.algorithm
			continue
		}
		stats[row.key] = row
	}
	if _, denied := r.said("Can't find backend"); r.tables < len(backends) && !denied {
		return lbsync.Snapshot{}, fmt.Errorf("%w: tables of %d backends, %d asked for", ErrNoAnswer, r.tables, len(backends))
	}
	snap := lbsync.Snapshot{Epoch: d.epochOf(r.info), Servers: make(map[lbsync.Key]lbsync.Have, len(r.states))}
	for _, row := range r.states {
		if !slices.Contains(backends, row.key.Backend) {
			return lbsync.Snapshot{}, fmt.Errorf("%w: an answer about backend %.40q", ErrNoAnswer, row.key.Backend)
		}
		s, ok := stats[row.key]
		if !ok {
			return lbsync.Snapshot{}, fmt.Errorf("%w: no statistics of server %s", ErrNoAnswer, row.key)
		}
		h := row.have()
		h.Sessions, h.Queued = s.sessions, s.queued
		h.Static = d.isStatic(row.key.Backend, algorithms[row.key.Backend])
		snap.Servers[row.key] = h
	}
	if len(snap.Servers) != len(stats) {
		return lbsync.Snapshot{}, fmt.Errorf("%w: states of %d servers, statistics of %d", ErrNoAnswer, len(snap.Servers), len(stats))
	}
	return snap, nil
}

// isStatic tells whether a backend takes no weights but 0 % and 100 %. Of hash algorithms the statistics do not say
// whether they are consistent; those are known by their refusal.
func (d *Driver) isStatic(backend, algorithm string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return algorithm == "static-rr" || d.static[backend]
}
