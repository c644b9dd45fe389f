// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// adopt reads what an earlier process has set.
func (t *timedSet) adopt() error {
	tables, err := t.conn.ListTablesOfFamily(t.table.Family)
	if err != nil {
		return fmt.Errorf("list nftables tables: %w", err)
	}
	if !slices.ContainsFunc(tables, func(table *nftables.Table) bool { return table.Name == t.table.Name }) {
		return nil
	}
	if err := t.adoptTable(); err != nil {
		return fmt.Errorf("read table %s: %w: if it is not ours, nft delete table netdev %s", t.table.Name, err, t.table.Name)
	}
	return nil
}

func (t *timedSet) adoptTable() error {
	now, err := Now()
	if err != nil {
		return err
	}
	sets, err := t.conn.GetSets(t.table)
	if err != nil {
		return err
	}
	for _, set := range sets {
		number, isV4 := strings.CutPrefix(set.Name, "gated4-")
		if !isV4 {
			number, _ = strings.CutPrefix(set.Name, "gated6-")
		}
		index, err := strconv.Atoi(number)
		if err != nil {
			continue // its set "open" is read with it
		}
		if err := t.adoptPair(t.pair(index, isV4), now); err != nil {
			return err
		}
	}
	return nil
}

func (t *timedSet) adoptPair(pair setPair, now int64) error {
	name, err := t.home.name(pair.index)
	if err != nil && !errors.Is(err, ErrInterface) {
		return err
	}
	gated, err := t.conn.GetSetElements(pair.gated)
	if err != nil {
		return err
	}
	open, err := t.conn.GetSetElements(pair.open)
	if err != nil {
		return err
	}
	for _, e := range slices.Concat(gated, open) {
		addr, ok := netip.AddrFromSlice(e.Key)
		if !ok || addr.Is4() != pair.v4 {
			return fmt.Errorf("element %x is not ours", e.Key)
		}
		l := lease{name: name}
		if e.Expires > 0 {
			l.until = now + (e.Expires + tickMax).Nanoseconds()
		}
		t.held[seat{addr, pair.index}] = l
	}
	return nil
}

// write moves the deadlines of an interface, and makes the whole table if that is not possible: at first, and after somebody flushed the
// ruleset.
func (t *timedSet) write(s seat, now int64) error {
	if t.built {
		pair := t.pair(s.index, s.addr.Is4())
		t.conn.FlushSet(pair.open)
		if err := t.fillOpen(pair, now); err != nil {
			return err
		}
		err := t.conn.Flush()
		if !errors.Is(err, unix.ENOENT) {
			return wrapNft(err)
		}
	}
	return t.build(now)
}

// build replaces the table in one step.
func (t *timedSet) build(now int64) error {
	t.conn.AddTable(t.table)
	t.conn.DelTable(t.table)
	if len(t.held) > 0 {
		t.conn.AddTable(t.table)
	}
	there := map[int]device{}
	for s, l := range t.held {
		there[s.index] = device{l.name, s.index}
	}
	for _, on := range there {
		if err := t.buildOn(on, now); err != nil {
			return fmt.Errorf("write nftables sets: %w", err)
		}
	}
	err := wrapNft(t.conn.Flush())
	t.built = err == nil
	return err
}

func (t *timedSet) buildOn(on device, now int64) error {
	var chains []*nftables.Chain
	if index, err := t.home.index(on.name); err == nil && index == on.index { // chains cannot be on what is gone
		for _, hook := range []*nftables.ChainHook{nftables.ChainHookIngress, nftables.ChainHookEgress} {
			chains = append(chains, t.conn.AddChain(chain(t.table, on, hook)))
		}
	}
	for _, v4 := range []bool{true, false} {
		pair := t.pair(on.index, v4)
		var gated []nftables.SetElement
		for s := range t.held {
			if pair.has(s) {
				gated = append(gated, nftables.SetElement{Key: s.addr.AsSlice()})
			}
		}
		if err := errors.Join(t.conn.AddSet(pair.gated, gated), t.conn.AddSet(pair.open, nil), t.fillOpen(pair, now)); err != nil {
			return err
		}
		for _, c := range chains {
			t.addRules(c, pair)
		}
	}
	return nil
}

// fillOpen adds the addresses that are open, for as long as they are.
func (t *timedSet) fillOpen(pair setPair, now int64) error {
	var open []nftables.SetElement
	for s, l := range t.held {
		timeout := time.Duration(l.until-now) - tickMax
		if pair.has(s) && l.until > now && timeout >= time.Millisecond {
			open = append(open, nftables.SetElement{Key: s.addr.AsSlice(), Timeout: timeout.Truncate(time.Millisecond)})
		}
	}
	if len(open) == 0 {
		return nil
	}
	return t.conn.SetAddElements(pair.open, open)
}

func wrapNft(err error) error {
	if err != nil {
		return fmt.Errorf("write nftables table: %w", err)
	}
	return nil
}
