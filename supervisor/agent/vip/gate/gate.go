// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
)

// Class says what keeps the deadlines.
type Class string

// The classes, best first.
const (
	ClassGate     Class = "gate"
	ClassTimedSet Class = "timed-set"
	ClassAddress  Class = "address"
)

// AddressesMax bounds how many addresses one gate has.
const AddressesMax = 1024

var (
	// ErrClass is for a class that was asked for and cannot be had.
	ErrClass = errors.New("class of gate not available")
	// ErrInterface is for an interface that is not there, or that the class cannot be on.
	ErrInterface = errors.New("interface not usable")
	// ErrFull is for more than [AddressesMax] addresses.
	ErrFull = errors.New("gate is full")
	// ErrLate is for a deadline that was over by the time it was in the kernel. The address is closed.
	ErrLate = errors.New("deadline passed while it was set")
)

// Options say which gate to open.
type Options struct {
	// Class is the class to use; empty takes the best there is.
	Class Class
	// Pin is the folder for what outlives the process in class gate; an absolute path ([PinDir] proposes one). Where it is not on a BPF
	// file system, one is mounted on it.
	Pin string
	// Name tells this gate from others of the machine: 1 to 20 lower-case letters, digits and dashes. One gate belongs to one network
	// namespace.
	Name string
}

// Entry is what a gate has of one address on one interface.
type Entry struct {
	Addr netip.Addr
	// Interface is the name of the interface; empty if it is gone.
	Interface string
	// Until is its deadline, in nanoseconds of the boot clock.
	Until int64
}

// Gate keeps deadlines for the addresses of one network namespace. Its methods may be called at the same time.
type Gate struct {
	mu    sync.Mutex
	class Class
	why   string
	home  *home
	doors doors
}

// doors is what a class does. Its methods are called one at a time.
type doors interface {
	prepare(on device) error
	set(addr netip.Addr, on device, until int64) error
	clear(addr netip.Addr, index int) error
	entries() ([]entry, error)
	// close keeps in the kernel what is set.
	close() error
}

type entry struct {
	addr  netip.Addr
	index int
	until int64
}

// Open returns the gate of the network namespace of the calling thread, with all that an earlier process has set.
func Open(opts Options) (*Gate, error) {
	if err := opts.check(); err != nil {
		return nil, fmt.Errorf("gate: %w", err)
	}
	h, err := newHome()
	if err != nil {
		return nil, fmt.Errorf("gate: %w", err)
	}
	g := &Gate{home: h}
	err = h.ns.Do(func() error { return g.choose(opts) })
	if err != nil {
		return nil, errors.Join(fmt.Errorf("gate: %w", err), h.close())
	}
	return g, nil
}

func (o Options) check() error {
	if !regexp.MustCompile(`^[a-z0-9-]{1,20}$`).MatchString(o.Name) {
		return fmt.Errorf("name %q: want 1 to 20 lower-case letters, digits and dashes", o.Name)
	}
	if o.Class != ClassAddress && o.Class != ClassTimedSet && !filepath.IsAbs(o.Pin) {
		return fmt.Errorf("folder for pins %q: want an absolute path", o.Pin)
	}
	if o.Class != "" && !slices.Contains([]Class{ClassGate, ClassTimedSet, ClassAddress}, o.Class) {
		return fmt.Errorf("class %q: want %s, %s or %s", o.Class, ClassGate, ClassTimedSet, ClassAddress)
	}
	return nil
}

// choose tries the classes that are allowed, best first.
func (g *Gate) choose(opts Options) error {
	for _, c := range []struct {
		class Class
		open  func() (doors, error)
	}{
		{ClassGate, func() (doors, error) { return openTCX(g.home, opts) }},
		{ClassTimedSet, func() (doors, error) { return openTimedSet(g.home, opts) }},
		{ClassAddress, func() (doors, error) { return nothing{}, nil }},
	} {
		if opts.Class != "" && opts.Class != c.class {
			continue
		}
		opened, err := c.open()
		switch {
		case err == nil:
			g.class, g.doors = c.class, opened
			if opts.Class != "" && opts.Class != ClassGate {
				g.why = "class " + string(opts.Class) + " was asked for"
			}
			return nil
		case opts.Class != "":
			return fmt.Errorf("%w: %s: %w", ErrClass, c.class, err)
		case g.why != "":
			g.why += "; "
		}
		g.why += fmt.Sprintf("no %s: %v", c.class, err)
	}
	return ErrClass
}

// Class returns what keeps the deadlines.
func (g *Gate) Class() Class { return g.class }

// Why says in words why the class is not a better one; empty for the best.
func (g *Gate) Why() string { return g.why }

// nothing is class address.
type nothing struct{}

func (nothing) prepare(device) error                { return nil }
func (nothing) set(netip.Addr, device, int64) error { return nil }
func (nothing) clear(netip.Addr, int) error         { return nil }
func (nothing) entries() ([]entry, error)           { return nil, nil }
func (nothing) close() error                        { return nil }
