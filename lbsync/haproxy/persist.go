// SPDX-License-Identifier: Apache-2.0

package haproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/evenkeel-ha/evenkeel/lbsync"
)

// stateFileHead is the version and header of HAProxy's server-state file, format 1 (HAProxy 2.2 to 3.4).
const stateFileHead = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight " +
	"srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state " +
	"bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr " +
	"srv_agent_port\n"

// stateFileMode lets HAProxy read the file whatever user it starts as. It holds no secret.
const stateFileMode = 0o644

// Persist replaces the state file by one that holds the given servers only. All others start as HAProxy's configuration
// says, so that edits of the configuration work. A file that says so already is not written again.
func (d *Driver) Persist(ctx context.Context, keep []lbsync.Kept) error {
	if d.opt.StateFile == "" {
		return d.fail("persist", errors.New("no state file is configured"))
	}
	content, err := stateFile(keep)
	if err != nil {
		return d.fail("persist", err)
	}
	if err := ctx.Err(); err != nil {
		return d.fail("persist", err)
	}
	present, err := readBounded(d.opt.StateFile)
	if err == nil && bytes.Equal(content, present) {
		return nil
	}
	if err := replace(d.opt.StateFile, content); err != nil {
		return d.fail("persist", err)
	}
	return nil
}

// stateFile renders the file. HAProxy ignores the whole of it, without a word, when the last line lacks its newline.
// Servers are found by name, so the numbers of backend and server may be 0. The address "-" leaves the configured one in
// force; a port has no such value, so the present one is written.
func stateFile(keep []lbsync.Kept) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(stateFileHead)
	for _, k := range keep {
		if err := checkKey(k.Key); err != nil {
			return nil, err
		}
		op, admin := 0, 0
		if k.Up {
			op = opRunning
		}
		switch k.Admin {
		case lbsync.Ready:
		case lbsync.Drain:
			admin = adminForcedDrain
		case lbsync.Maint:
			op, admin = 0, adminForcedMaint
		}
		fmt.Fprintf(&b, "0 %s 0 %s - %d %d %d %d 0 1 0 0 0 0 0 0 - %d - 0 0 - - 0\n",
			k.Key.Backend, k.Key.Server, op, admin, k.Weight, k.InitWeight, k.Port)
	}
	return b.Bytes(), nil
}

// replace writes beside the file and renames, so that HAProxy reads the old or the new one. It does not wait for the
// disk: a crash of the machine takes HAProxy with it, and the next one is told again within a second.
func replace(path string, content []byte) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("state file: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	if _, err := tmp.Write(content); err != nil {
		return errors.Join(fmt.Errorf("state file: %w", err), tmp.Close())
	}
	if err := tmp.Chmod(stateFileMode); err != nil {
		return errors.Join(fmt.Errorf("state file: %w", err), tmp.Close())
	}
	if err := tmp.Close(); err != nil {
		return fmt.Errorf("state file: %w", err)
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return fmt.Errorf("state file: %w", err)
	}
	return nil
}
