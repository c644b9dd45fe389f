// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/google/nftables"
)

// tickMax is the longest tick of a kernel (CONFIG_HZ=100): timeouts of set elements are counted in ticks, and rounded up. They are set
// shorter by it, so that the rounding never makes them late.
const tickMax = 10 * time.Millisecond

// timedSet is class timed-set: one table of the netdev family, with two chains and four sets for each interface. What is in the
// set "gated" of its IP version and not in the set "open" is dropped; the elements of "open" have timeouts.
type timedSet struct {
	home  *home
	conn  *nftables.Conn
	table *nftables.Table
	held  map[seat]lease
	built bool // the table is as held says, but for deadlines
}

// seat is an address on an interface.
type seat struct {
	addr  netip.Addr
	index int
}

// lease is what is known of a seat.
type lease struct {
	name  string // of the interface
	until int64
}

func openTimedSet(h *home, opts Options) (*timedSet, error) {
	conn, err := nftables.New(nftables.AsLasting())
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	t := &timedSet{
		home: h, conn: conn, held: map[seat]lease{},
		table: &nftables.Table{Name: "evenkeel-" + opts.Name, Family: nftables.TableFamilyNetdev},
	}
	err = t.try()
	if err == nil {
		err = t.adopt()
	}
	if err != nil {
		return nil, errors.Join(err, conn.CloseLasting())
	}
	return t, nil
}

// setPair is what an interface has for one IP version.
type setPair struct {
	index       int
	v4          bool
	gated, open *nftables.Set
}

func (t *timedSet) pair(index int, v4 bool) setPair {
	kind, suffix := nftables.TypeIP6Addr, "6-"+strconv.Itoa(index)
	if v4 {
		kind, suffix = nftables.TypeIPAddr, "4-"+strconv.Itoa(index)
	}
	return setPair{
		index: index, v4: v4,
		gated: &nftables.Set{Table: t.table, Name: "gated" + suffix, KeyType: kind},
		open:  &nftables.Set{Table: t.table, Name: "open" + suffix, KeyType: kind, HasTimeout: true},
	}
}

func (p setPair) has(s seat) bool { return s.index == p.index && s.addr.Is4() == p.v4 }

// try makes and removes, in one step, a chain in each hook of loopback: a kernel before 5.16 has no egress.
func (t *timedSet) try() error {
	probe := t.conn.AddTable(&nftables.Table{Name: t.table.Name + "-try", Family: t.table.Family})
	for _, hook := range []*nftables.ChainHook{nftables.ChainHookIngress, nftables.ChainHookEgress} {
		t.conn.AddChain(chain(probe, device{"lo", 1}, hook))
	}
	t.conn.DelTable(probe)
	if err := t.conn.Flush(); err != nil {
		return fmt.Errorf("try nftables hooks: %w", err)
	}
	return nil
}

// prepare does nothing: the table is made as fast as it is changed.
func (t *timedSet) prepare(device) error { return nil }

func (t *timedSet) set(addr netip.Addr, on device, until int64) error {
	s := seat{addr, on.index}
	before, known := t.held[s]
	if !known && len(t.held) >= AddressesMax {
		return fmt.Errorf("%w: it has %d addresses", ErrFull, AddressesMax)
	}
	t.built = t.built && known && before.name == on.name
	t.held[s] = lease{on.name, until}
	start, err := Now()
	if err == nil {
		err = t.write(s, start)
	}
	if err != nil {
		t.restore(s, before, known)
		return err
	}
	// Look at the clock again: the timeout counts from when the kernel got it.
	if now, err := Now(); err != nil || start < until && now >= until {
		t.held[s] = lease{name: on.name}
		return errors.Join(ErrLate, err, t.write(s, now))
	}
	return nil
}

// restore undoes a change of what is held. What the kernel made of it is not known.
func (t *timedSet) restore(s seat, before lease, known bool) {
	t.built = false
	delete(t.held, s)
	if known {
		t.held[s] = before
	}
}

func (t *timedSet) clear(addr netip.Addr, index int) error {
	s := seat{addr, index}
	before, known := t.held[s]
	delete(t.held, s)
	now, err := Now()
	if err == nil {
		err = t.build(now)
	}
	if err != nil {
		t.restore(s, before, known)
	}
	return err
}

func (t *timedSet) entries() ([]entry, error) {
	var all []entry
	for s, l := range t.held {
		all = append(all, entry{s.addr, s.index, l.until})
	}
	return all, nil
}

func (t *timedSet) close() error { return t.conn.CloseLasting() }
