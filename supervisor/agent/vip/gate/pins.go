// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// systemFS is where distributions mount the BPF file system.
const systemFS = "/sys/fs/bpf"

// PinDir proposes a folder for pins: below /sys/fs/bpf where that is a BPF file system, since what is pinned there outlives every process; else below
// the folder run, where [Open] mounts one. That one lives as long as the mount namespace: in a service that has one of its own, it
// goes with the service's last process.
func PinDir(run string) string {
	var fs unix.Statfs_t
	if err := unix.Statfs(systemFS, &fs); err == nil && fs.Type == unix.BPF_FS_MAGIC {
		return filepath.Join(systemFS, "evenkeel")
	}
	return filepath.Join(run, "bpf")
}

// haveBPFFS mounts a BPF file system on the folder, unless it is on one.
func haveBPFFS(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the folder for pins: %w", err)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return fmt.Errorf("look at the folder for pins %s: %w", dir, err)
	}
	if fs.Type == unix.BPF_FS_MAGIC {
		return nil
	}
	if err := unix.Mount("bpf", dir, "bpf", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=0700"); err != nil {
		return fmt.Errorf("mount a BPF file system on %s: %w: do it before (mount -t bpf bpf %s), or give CAP_SYS_ADMIN", dir, err, dir)
	}
	return nil
}

// openDeadlines takes the map of an earlier process, or makes one.
func openDeadlines(path string) (*ebpf.Map, error) {
	spec := ebpf.MapSpec{Name: "evenkeel_gate", Type: ebpf.Hash, KeySize: mapKeySize, ValueSize: mapValueSize, MaxEntries: AddressesMax}
	m, err := ebpf.LoadPinnedMap(path, nil)
	if err == nil {
		if err = spec.Compatible(m); err == nil {
			return m, nil
		}
		return nil, errors.Join(fmt.Errorf("%s is not ours: %w", path, err), m.Close())
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if m, err = ebpf.NewMap(&spec); err != nil {
		return nil, fmt.Errorf("make a map: %w", err)
	}
	if err := m.Pin(path); err != nil {
		return nil, errors.Join(fmt.Errorf("pin %s: %w", path, err), m.Close())
	}
	return m, nil
}

// adopt takes over the attachments of an earlier process, which may have been of an older version: they get our program, without
// a moment between. Pins of interfaces that are gone are removed.
func (t *tcx) adopt() error {
	pins, err := os.ReadDir(t.dir)
	if err != nil {
		return fmt.Errorf("list pins: %w", err)
	}
	for _, pin := range pins {
		number, _, isLink := strings.Cut(pin.Name(), "-") // a number, and suffixIn or suffixOut
		index, err := strconv.Atoi(number)
		if _, done := t.on[index]; done || !isLink || err != nil {
			continue
		}
		if err := t.adoptOne(index); err != nil {
			return fmt.Errorf("take over interface %d: %w", index, err)
		}
	}
	return nil
}

func (t *tcx) adoptOne(index int) error {
	in, errIn := link.LoadPinnedLink(t.pin(index, suffixIn), nil)
	out, errOut := link.LoadPinnedLink(t.pin(index, suffixOut), nil)
	a := attachment{in: in, out: out}
	for _, err := range []error{errIn, errOut} {
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // that process may have died between the two
			return errors.Join(err, a.detach())
		}
	}
	if !a.isOn(index) {
		return errors.Join(a.detach(), t.unpin(index))
	}
	t.on[index] = a
	return errors.Join(in.Update(t.program), out.Update(t.program))
}

// reinstate has the program on every interface that has an address: an earlier process may have died before it was, or somebody detached it.
func (t *tcx) reinstate() error {
	found, err := t.entries()
	if err != nil {
		return err
	}
	for _, e := range found {
		name, err := t.home.name(e.index)
		if errors.Is(err, ErrInterface) {
			continue
		}
		if err == nil {
			err = t.ensure(device{name, e.index})
		}
		if err != nil {
			return fmt.Errorf("take over %s: %w", e.addr, err)
		}
	}
	return nil
}

func (t *tcx) pin(index int, suffix string) string {
	return filepath.Join(t.dir, strconv.Itoa(index)+suffix)
}

// unpin removes what pins there are of an interface.
func (t *tcx) unpin(index int) error {
	var errs []error
	for _, suffix := range []string{suffixIn, suffixOut} {
		if err := os.Remove(t.pin(index, suffix)); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
