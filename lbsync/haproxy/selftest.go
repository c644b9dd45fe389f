// SPDX-License-Identifier: Apache-2.0

package haproxy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/lbsync"
)

// ErrUnfit says that this HAProxy cannot be driven as it is. The message says what to change.
var ErrUnfit = errors.New("this HAProxy cannot be driven")

const (
	// versionMajor and versionMinor are the oldest HAProxy that this driver was tested with.
	versionMajor = 2
	versionMinor = 6
	// nobody is a server that does not exist; what HAProxy says about it shows whether the socket may change servers.
	nobody = "evenkeel-self-test/nobody"
)

// SelfTest checks the socket's kind and level, HAProxy's version, and that every key exists and is ours to write. It
// changes nothing. What may be as it is, but has a price, is logged as a warning.
func (d *Driver) SelfTest(ctx context.Context, keys []lbsync.Key) error {
	ctx, cancel := context.WithTimeout(ctx, d.opt.Timeout)
	defer cancel()
	if err := d.selfTest(ctx, keys); err != nil {
		return d.fail("self-test", err)
	}
	return nil
}

func (d *Driver) selfTest(ctx context.Context, keys []lbsync.Key) error {
	var backends []string
	for _, k := range keys {
		if err := checkKey(k); err != nil {
			return err
		}
		if !slices.Contains(backends, k.Backend) {
			backends = append(backends, k.Backend)
		}
	}
	i, err := d.testSocket(ctx)
	if err != nil {
		return err
	}
	if err := testVersion(i.version); err != nil {
		return err
	}
	r, snap, err := d.read(ctx, nil, backends, lbsync.Epoch{})
	if err != nil {
		return err
	}
	if err := testServers(keys, snap); err != nil {
		return err
	}
	d.warnServers(keys, snap, r)
	return d.testStateFile(i.pid)
}

// testSocket tells a stats socket of level admin from a lower level and from the master's command line, which on
// HAProxy 2.6 and 2.8 knows neither severities nor servers, and would take every command without a word.
func (d *Driver) testSocket(ctx context.Context) (info, error) {
	// The master's command line keeps the connection open without "quit".
	text, err := d.wire.exchange(ctx, "set server "+nobody+" state ready;"+stamp+";quit")
	if err != nil {
		return info{}, err
	}
	r, err := parseReply(text)
	if err != nil {
		return info{}, err
	}
	if n, ok := r.said("Permission denied"); ok && n.failed() {
		return info{}, fmt.Errorf("%w: the socket's level is too low: add \"level admin\" to its stats socket line", ErrUnfit)
	}
	if n, ok := r.said("Unknown command"); ok && n.severity != 3 || strings.Contains(text, "@master") {
		return info{}, fmt.Errorf("%w: this is the socket of the master process (haproxy -S): give the one of a "+
			"\"stats socket PATH mode 600 level admin\" line in the global section", ErrUnfit)
	}
	if err := d.accept(r, lbsync.Epoch{}); err != nil {
		return info{}, err
	}
	if n, ok := r.said("No such backend", "No such server", "Can't find backend"); !ok || !n.failed() {
		return info{}, fmt.Errorf("%w: it does not refuse a server that does not exist, so its refusals cannot be seen: "+
			"give a stats socket of level admin", ErrUnfit)
	}
	return r.info, nil
}

func testVersion(version string) error {
	major, rest, _ := strings.Cut(version, ".")
	minor := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
	a, errA := strconv.Atoi(major)
	b, errB := strconv.Atoi(minor)
	if errA != nil || errB != nil {
		return fmt.Errorf("%w: version %.40q is not understood", ErrUnfit, version)
	}
	if a < versionMajor || a == versionMajor && b < versionMinor {
		return fmt.Errorf("%w: HAProxy %.40s is too old: %d.%d or newer is needed", ErrUnfit, version, versionMajor, versionMinor)
	}
	return nil
}

// testServers names all that is wrong at once, so that one edit of the configuration is enough.
func testServers(keys []lbsync.Key, snap lbsync.Snapshot) error {
	known := map[string]bool{}
	for k := range snap.Servers {
		known[k.Backend] = true
	}
	var wrong []error
	for _, k := range keys {
		h, found := snap.Servers[k]
		switch {
		case !known[k.Backend]:
			wrong = append(wrong, fmt.Errorf("%w: it has no backend %s with servers (wanted: %s)", ErrUnfit, k.Backend, k))
		case !found:
			wrong = append(wrong, fmt.Errorf("%w: backend %s has no server %s", ErrUnfit, k.Backend, k.Server))
		case h.ByAgent:
			wrong = append(wrong, fmt.Errorf("%w: server %s has an agent-check, which would undo what we set: "+
				"remove agent-check from its line", ErrUnfit, k))
		}
	}
	return errors.Join(wrong...)
}

func (d *Driver) warnServers(keys []lbsync.Key, snap lbsync.Snapshot, r reply) {
	warned := map[string]bool{}
	for _, k := range keys {
		if snap.Servers[k].Static && !warned[k.Backend] {
			warned[k.Backend] = true
			d.log.Warn().Str("backend", k.Backend).Msg("its algorithm is static: weights and slow start have no effect; use balance roundrobin or leastconn")
		}
	}
	for _, row := range r.stats {
		backend, server, tracking := strings.Cut(row.tracks, "/")
		if tracking && slices.Contains(keys, lbsync.Key{Backend: backend, Server: server}) {
			d.log.Warn().Stringer("server", row.key).Str("tracks", row.tracks).
				Msg("it follows a server of ours: draining that one drains this one, and the drain floor does not see it")
		}
	}
}

// testStateFile refuses a folder that does not exist and warns when HAProxy would not read the file.
func (d *Driver) testStateFile(pid int) error {
	const advice = "set server-state-file in global and load-server-state-from-file global in defaults, else drains are lost for up to a second at each reload"
	if d.opt.StateFile == "" {
		d.log.Warn().Msg("no state file: " + advice)
		return nil
	}
	if folder, err := os.Stat(filepath.Dir(d.opt.StateFile)); err != nil || !folder.IsDir() {
		return fmt.Errorf("%w: the folder of the state file %s does not exist: create it", ErrUnfit, d.opt.StateFile)
	}
	read, err := readsStateFile(pid, d.opt.StateFile)
	switch {
	case err != nil:
		d.log.Warn().Err(err).Str("file", d.opt.StateFile).Msg("cannot tell whether HAProxy reads the state file; " + advice)
	case !read:
		d.log.Warn().Str("file", d.opt.StateFile).Msg("HAProxy's configuration does not read this state file; " + advice)
	}
	return nil
}
