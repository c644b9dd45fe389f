// SPDX-License-Identifier: Apache-2.0

package vip

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip/namespace"
)

// Options say how a [Links] knows its own addresses.
type Options struct {
	// Record is the path of a file that lists our addresses, for kernels that keep no marks on them (before 5.18). It belongs on a
	// file system that a reboot empties, as /run, since a reboot takes the addresses as well. Empty means none: then such a
	// kernel is refused with [ErrUnmarked].
	Record string
}

// Links puts addresses on the interfaces of one network namespace, and takes away what it put there. Its methods may be called at the same
// time by several goroutines; those that change addresses wait for each other.
type Links struct {
	ns     namespace.Namespace
	socket *routeSocket
	mu     sync.Mutex // one change, with the look before and after it, at a time
	record record
	mark   uint8
}

// Open returns the links of the network namespace of the calling thread, whatever thread uses them later.
func Open(opts Options) (*Links, error) {
	ns, err := namespace.Current()
	if err != nil {
		return nil, fmt.Errorf("vip: %w", err)
	}
	l := &Links{ns: ns, record: record{path: opts.Record}, mark: Protocol}
	err = ns.Do(func() error {
		l.socket, err = openRouteSocket()
		return err
	})
	if err == nil {
		return l, nil
	}
	return nil, errors.Join(fmt.Errorf("vip: %w", err), ns.Close())
}

// Close gives back what the links hold of this process. Addresses stay until their valid time is over.
func (l *Links) Close() error {
	if err := errors.Join(l.socket.close(), l.ns.Close()); err != nil {
		return fmt.Errorf("vip: close: %w", err)
	}
	return nil
}

// Ours returns every address that this package put there, in this process or an earlier one, in the order of the kernel's list.
func (l *Links) Ours(ctx context.Context) ([]Address, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("vip: list our addresses: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	ours, err := l.ours()
	if err != nil {
		return nil, fmt.Errorf("vip: list our addresses: %w", err)
	}
	return ours, nil
}

func (l *Links) ours() ([]Address, error) {
	all, err := l.list()
	if err != nil {
		return nil, err
	}
	owns, err := l.owner(all)
	if err != nil {
		return nil, err
	}
	names := map[int]string{}
	var ours []Address
	for _, h := range all {
		if !owns.maybe(h) {
			continue
		}
		if _, known := names[h.index]; !known {
			k, err := l.linkByIndex(h.index)
			if errors.Is(err, ErrInterface) {
				continue // the interface went away since the list was made, and its addresses with it
			}
			if err != nil {
				return nil, err
			}
			names[h.index] = k.name
		}
		if a := h.address(names[h.index]); owns.surely(h, a) {
			ours = append(ours, a)
		}
	}
	return ours, nil
}

func (h held) address(name string) Address {
	a := Address{Prefix: h.prefix, Interface: name, Label: h.label}
	if a.Label == name {
		a.Label = ""
	}
	return a
}

// ownership tells our addresses from those of others.
type ownership struct {
	mark   uint8
	marked bool // the kernel keeps marks
	noted  []Address
}

// owner reads the record only if it has to: where any address bears a mark, the kernel keeps marks. Those of loopback always do.
func (l *Links) owner(all []held) (ownership, error) {
	o := ownership{mark: l.mark, marked: keepsMarks(all)}
	var err error
	if !o.marked {
		o.noted, err = l.record.read()
	}
	return o, err
}

func keepsMarks(all []held) bool {
	return slices.ContainsFunc(all, func(h held) bool { return h.proto != 0 })
}

// maybe is as much as can be said before the name of the interface is known.
func (o ownership) maybe(h held) bool {
	if o.marked {
		return h.proto == o.mark
	}
	return slices.ContainsFunc(o.noted, func(a Address) bool { return a.Prefix == h.prefix })
}

func (o ownership) surely(h held, a Address) bool {
	return o.maybe(h) && (o.marked || slices.ContainsFunc(o.noted, func(n Address) bool {
		return n.Prefix == a.Prefix && n.Interface == a.Interface
	}))
}

// find returns what the kernel has of an IP address, on whatever interface.
func find(all []held, a Address) (held, bool) {
	i := slices.IndexFunc(all, func(h held) bool { return h.prefix.Addr() == a.Prefix.Addr() })
	if i < 0 {
		return held{}, false
	}
	return all[i], true
}

// sharesPrefixRoute reports whether another address makes the route to the neighbours that this one would make as well. In IPv6 both then
// share one route, and the kernel gives that route the lifetime of whichever address was changed last: the host would
// lose its own network when the virtual address expires.
func sharesPrefixRoute(all []held, a Address, index int) bool {
	return !a.Prefix.Addr().Is4() && slices.ContainsFunc(all, func(h held) bool {
		return h.index == index && h.prefix.Addr() != a.Prefix.Addr() && h.prefix.Masked() == a.Prefix.Masked() && h.flags&unix.IFA_F_NOPREFIXROUTE == 0
	})
}
