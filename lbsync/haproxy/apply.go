// SPDX-License-Identifier: Apache-2.0

package haproxy

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/evenkeel-ha/evenkeel/lbsync"
)

var (
	// ErrNoServer says that HAProxy has no server of that name.
	ErrNoServer = errors.New("HAProxy has no such server")
	// ErrNotTaken says that the read-back does not show what was asked for.
	ErrNotTaken = errors.New("the read-back does not show it")
)

// Apply sends operations, then reads back the backends that were last observed and those of the operations.
func (d *Driver) Apply(ctx context.Context, at lbsync.Epoch, ops []lbsync.Op) (lbsync.Snapshot, []lbsync.OpErr, error) {
	if at.IsZero() {
		return lbsync.Snapshot{}, nil, d.fail("apply", errors.New("no epoch: observe first"))
	}
	commands := make([]string, 0, len(ops)+2)
	d.mu.Lock()
	backends := slices.Clone(d.backends)
	d.mu.Unlock()
	for _, o := range ops {
		c, err := command(o)
		if err != nil {
			return lbsync.Snapshot{}, nil, d.fail("apply", err)
		}
		commands = append(commands, c)
		if !slices.Contains(backends, o.Key.Backend) {
			backends = append(backends, o.Key.Backend)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, d.opt.Timeout)
	defer cancel()
	r, snap, err := d.read(ctx, commands, backends, at)
	if err != nil {
		return lbsync.Snapshot{}, nil, d.fail("apply", err)
	}
	return snap, d.unconfirmed(ops, snap, r), nil
}

// unconfirmed compares the read-back with what was asked for. HAProxy's messages are not tied to commands, so each
// failed operation carries all of them.
func (d *Driver) unconfirmed(ops []lbsync.Op, snap lbsync.Snapshot, r reply) []lbsync.OpErr {
	var failed []lbsync.OpErr
	_, refused := r.said("static LB algorithm")
	for _, o := range ops {
		h, found := snap.Servers[o.Key]
		if found && o.Confirmed(h) {
			continue
		}
		cause := ErrNotTaken
		if !found {
			cause = ErrNoServer
		}
		if text := r.failures(); text != "" {
			cause = fmt.Errorf("%w; HAProxy said: %s", cause, text)
		}
		failed = append(failed, lbsync.OpErr{Op: o, Err: cause})
		if found && refused && o.Kind == lbsync.OpWeight {
			d.mu.Lock()
			d.static[o.Key.Backend] = true
			d.mu.Unlock()
		}
	}
	return failed
}
