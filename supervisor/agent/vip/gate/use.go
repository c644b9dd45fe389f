// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// Prepare has the gate on the interface before it is needed. Class gate takes some 20 ms for it, in which the kernel waits for its
// processors; the first Set on an interface does the same.
func (g *Gate) Prepare(iface string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	index, err := g.home.index(iface)
	if err == nil {
		err = g.doors.prepare(device{iface, index})
	}
	if err != nil {
		return fmt.Errorf("gate: prepare %s: %w", iface, err)
	}
	return nil
}

// Set lets the address pass the interface until the deadline, a boot-clock time in nanoseconds, and not from then on; one that is over
// already closes it. After an error the deadline may be either, the one before or the one asked for; with [ErrLate], the address is closed.
func (g *Gate) Set(addr netip.Addr, iface string, until int64) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	err := usable(addr)
	if err == nil {
		err = g.set(addr, iface, max(until, 0))
	}
	if err != nil {
		return fmt.Errorf("gate: set %s dev %s: %w", addr, iface, err)
	}
	return nil
}

func (g *Gate) set(addr netip.Addr, iface string, until int64) error {
	index, err := g.home.index(iface)
	if err != nil {
		return err
	}
	return g.doors.set(addr, device{iface, index}, until)
}

// Clear forgets the address on the interface, and on interfaces that are gone: from then on it passes untouched, so it must be gone from the
// machine. An address that was not set is no error, nor is an interface that is not there.
func (g *Gate) Clear(addr netip.Addr, iface string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	err := usable(addr)
	if err == nil {
		err = g.clear(addr, iface)
	}
	if err != nil {
		return fmt.Errorf("gate: clear %s dev %s: %w", addr, iface, err)
	}
	return nil
}

func (g *Gate) clear(addr netip.Addr, iface string) error {
	found, err := g.doors.entries()
	if err != nil {
		return err
	}
	for _, e := range found {
		if e.addr != addr {
			continue
		}
		name, err := g.home.name(e.index)
		if err == nil && name != iface {
			continue
		}
		if err != nil && !errors.Is(err, ErrInterface) {
			return err
		}
		if err := g.doors.clear(addr, e.index); err != nil {
			return err
		}
	}
	return nil
}

// Entries returns what was set and not cleared, by this process or an earlier one, ordered by address and
// interface. Class address knows of none.
func (g *Gate) Entries() ([]Entry, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	found, err := g.doors.entries()
	if err != nil {
		return nil, fmt.Errorf("gate: list: %w", err)
	}
	all := make([]Entry, 0, len(found))
	for _, e := range found {
		name, err := g.home.name(e.index)
		if err != nil && !errors.Is(err, ErrInterface) {
			return nil, fmt.Errorf("gate: list: %w", err)
		}
		all = append(all, Entry{Addr: e.addr, Interface: name, Until: e.until})
	}
	slices.SortFunc(all, func(a, b Entry) int { return cmp.Or(a.Addr.Compare(b.Addr), cmp.Compare(a.Interface, b.Interface)) })
	return all, nil
}

// Close gives back what the gate holds of this process. Whatever is set stays in the kernel. A gate with nothing set leaves its interfaces, and
// nothing remains of it.
func (g *Gate) Close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := errors.Join(g.doors.close(), g.home.close()); err != nil {
		return fmt.Errorf("gate: close: %w", err)
	}
	return nil
}

// Now reads the clock that deadlines are of, in nanoseconds: CLOCK_BOOTTIME, which runs while the machine is suspended.
func Now() (int64, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return 0, fmt.Errorf("gate: read the boot clock: %w", err)
	}
	return now.Nano(), nil
}

func usable(addr netip.Addr) error {
	if !addr.IsValid() || addr.Is4In6() || addr.Zone() != "" || addr.IsUnspecified() || addr.IsMulticast() {
		return errors.New("not the address of a host")
	}
	return nil
}
