// SPDX-License-Identifier: Apache-2.0

package haproxy

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/lbsync"
)

// timeoutDefault bounds one call when Options.Timeout is zero. Reading and writing 1000 servers takes some 20 ms.
const timeoutDefault = 500 * time.Millisecond

// Options configures a driver.
type Options struct {
	// Socket is the path of the stats socket: "stats socket PATH mode 600 level admin" in HAProxy's global section.
	Socket string
	// StateFile is where states are kept for HAProxy's next start, the path of its server-state-file. Empty: not kept.
	StateFile string
	// Ring is the name of a ring that HAProxy logs to, for hints of changes. Empty: no hints.
	Ring string
	// Timeout bounds each call, 0 for 500 ms. A context with an earlier end wins.
	Timeout time.Duration
	// Log receives warnings that refuse nothing.
	Log zerolog.Logger
}

// Driver drives one HAProxy. It is safe for concurrent use; calls are carried out one after the other.
type Driver struct {
	opt  Options
	wire *wire
	log  zerolog.Logger

	mu sync.Mutex
	// epoch is the last one seen; its start time is kept so that rounding does not make it jitter.
	epoch lbsync.Epoch
	// backends are those last observed; each read-back covers them.
	backends []string
	// ids are the numbers of the backends in the process of the epoch.
	ids map[string]int
	// static names the backends that refused a weight because of their algorithm.
	static map[string]bool
	// stream is the event stream in use, so that one on a process that was replaced can be ended.
	stream stream
}

var _ lbsync.Driver = (*Driver)(nil)

// New returns a driver for one stats socket. It does not connect yet; SelfTest does.
func New(opt Options) (*Driver, error) {
	if opt.Socket == "" {
		return nil, errors.New("haproxy: no socket: give the path of a stats socket of level admin")
	}
	if !filepath.IsAbs(opt.Socket) {
		return nil, fmt.Errorf("haproxy: socket %q: the path must be absolute", opt.Socket)
	}
	if opt.StateFile != "" && !filepath.IsAbs(opt.StateFile) {
		return nil, fmt.Errorf("haproxy: state file %q: the path must be absolute", opt.StateFile)
	}
	if opt.Ring != "" {
		if err := checkName("ring", opt.Ring); err != nil {
			return nil, fmt.Errorf("haproxy: %w", err)
		}
	}
	if opt.Timeout < 0 {
		return nil, fmt.Errorf("haproxy: timeout %s: must not be negative", opt.Timeout)
	}
	if opt.Timeout == 0 {
		opt.Timeout = timeoutDefault
	}
	w, err := newWire(opt.Socket)
	if err != nil {
		return nil, fmt.Errorf("haproxy: socket %s: %w", opt.Socket, err)
	}
	log := opt.Log.With().Str("balancer", opt.Socket).Logger()
	return &Driver{opt: opt, wire: w, log: log, ids: map[string]int{}, static: map[string]bool{}}, nil
}

// Caps says what this driver can do as it is configured.
func (d *Driver) Caps() lbsync.Caps {
	return lbsync.Caps{
		Drain: true, Kill: true, Weight: true, Sessions: true,
		Events: d.opt.Ring != "", Persist: d.opt.StateFile != "",
	}
}

// Close waits until the command that is still unanswered, if any, is back, or until the context ends. Watch ends with
// its own context.
func (d *Driver) Close(ctx context.Context) error {
	if err := d.wire.idle(ctx); err != nil {
		return d.fail("close", err)
	}
	return nil
}

func (d *Driver) fail(what string, err error) error {
	return fmt.Errorf("haproxy %s: %s: %w", d.opt.Socket, what, err)
}
