// SPDX-License-Identifier: Apache-2.0

package vip

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// Lateness is how long after its valid time the kernel may still keep an address: it looks about once a second. Measured: 0 to 0.99 s.
	Lateness = time.Second
	// ValidMax bounds valid times: what may stay for longer is not leased.
	ValidMax = 24 * time.Hour
)

// Add puts the address on its interface, for the valid time. The kernel counts in whole seconds: a fraction is rounded up, and the address goes up to
// [Lateness] after that; whoever needs it gone earlier passes whole seconds that leave room. An address of ours that is there
// already gets the new valid time. One that somebody else put there, on any interface, is left alone: [ErrForeign].
//
// The address is deprecated from the start (preferred lifetime 0): it takes and answers connections, and IPv6 never
// chooses it as the source of new ones while there is another. IPv4 does not look at that: there the address is not chosen as long as
// the interface has an older one of the same network, and is when it is the only one of its network.
// IPv6 duplicate address detection is off, because [Links.Probe] is asked before.
func (l *Links) Add(ctx context.Context, a Address, valid time.Duration) error {
	if err := l.change(ctx, a, func() error { return l.add(a, valid) }); err != nil {
		return fmt.Errorf("vip: add %s: %w", a, err)
	}
	return nil
}

// Refresh extends the valid time of an address of ours, and reports whether it is there. It never puts back what is gone: the request
// asks as well for something that the kernel only tries, and must refuse, when it would have to create the address.
func (l *Links) Refresh(ctx context.Context, a Address, valid time.Duration) (there bool, err error) {
	err = l.change(ctx, a, func() error {
		there, err = l.refresh(a, valid)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("vip: refresh %s: %w", a, err)
	}
	return there, nil
}

// Remove takes an address of ours away. That it is gone already is no error; that somebody else has put it there is [ErrForeign].
func (l *Links) Remove(ctx context.Context, a Address) error {
	if err := l.change(ctx, a, func() error { return l.remove(a) }); err != nil {
		return fmt.Errorf("vip: remove %s: %w", a, err)
	}
	return nil
}

func (l *Links) change(ctx context.Context, a Address, act func() error) error {
	if err := errors.Join(ctx.Err(), a.Validate()); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return explain(act(), a)
}

func (l *Links) add(a Address, valid time.Duration) error {
	seconds, err := lifetime(valid)
	if err != nil {
		return err
	}
	k, err := l.linkByName(a.Interface)
	if err != nil {
		return err
	}
	all, err := l.list()
	if err != nil {
		return err
	}
	if h, there := find(all, a); there {
		return l.addAgain(a, k, h, seconds)
	}
	if err := l.record.note(a); err != nil {
		return err
	}
	var flags uint32
	if !a.Prefix.Addr().Is4() {
		flags = unix.IFA_F_NODAD
	}
	if sharesPrefixRoute(all, a, k.index) {
		flags |= unix.IFA_F_NOPREFIXROUTE
	}
	err = l.socket.exchange(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, l.body(a, k.index, flags, seconds), ignore)
	if refused, ok := errors.AsType[kernelError](err); ok {
		if refused.errno == unix.EEXIST {
			err = fmt.Errorf("%w: it appeared just now", ErrForeign)
		}
		return errors.Join(err, l.record.strike(a))
	}
	if err != nil {
		return err // no answer: it may be there, so the record keeps it
	}
	if keepsMarks(all) || l.record.path != "" {
		return nil
	}
	return l.verifyMark(a)
}

// addAgain meets an address that is there already.
func (l *Links) addAgain(a Address, k link, h held, seconds uint32) error {
	ours, err := l.ours()
	if err != nil {
		return err
	}
	for _, own := range ours {
		if own.Prefix == a.Prefix && h.index == k.index && own.Interface == a.Interface {
			there, err := l.extend(a, k, seconds)
			if err == nil && !there {
				err = fmt.Errorf("%w: it went away just now: add it again", ErrNotHeld)
			}
			return err
		}
		if own.Prefix.Addr() == a.Prefix.Addr() {
			return fmt.Errorf("it is still there as %s: remove that first", own)
		}
	}
	where := a.Interface
	if h.index != k.index {
		other, err := l.linkByIndex(h.index)
		if err != nil {
			return err
		}
		where = other.name
	}
	return fmt.Errorf("%w: %s has %s: ip address del %s dev %s, or choose another address", ErrForeign, where, h.prefix, h.prefix, where)
}

// verifyMark is asked where nothing shows yet whether the kernel keeps marks.
func (l *Links) verifyMark(a Address) error {
	all, err := l.list()
	if err != nil || keepsMarks(all) {
		return err
	}
	if _, there := find(all, a); !there {
		return fmt.Errorf("%w: somebody took it away at once", ErrNotHeld)
	}
	k, err := l.linkByName(a.Interface)
	if err == nil {
		err = l.drop(a, k.index)
	}
	return errors.Join(ErrUnmarked, err)
}

func (l *Links) refresh(a Address, valid time.Duration) (bool, error) {
	seconds, err := lifetime(valid)
	if err != nil {
		return false, err
	}
	k, err := l.linkByName(a.Interface)
	if errors.Is(err, ErrInterface) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return l.extend(a, k, seconds)
}

func (l *Links) extend(a Address, k link, seconds uint32) (bool, error) {
	all, err := l.list()
	if err != nil {
		return false, err
	}
	h, there := find(all, a)
	owns, err := l.owner(all)
	if err != nil || !there || h.index != k.index || h.prefix != a.Prefix || !owns.surely(h, a) {
		return false, err
	}
	// Joining a multicast group of this address is tried before an address is created, and fails because this is none; on an
	// address that exists, the kernel ignores the flag (inet_rtm_newaddr and inet6_addr_add, since Linux 4.1).
	flags := h.flags&unix.IFA_F_NOPREFIXROUTE | unix.IFA_F_NODAD | unix.IFA_F_MCAUTOJOIN
	if sharesPrefixRoute(all, a, k.index) {
		flags |= unix.IFA_F_NOPREFIXROUTE
	}
	err = l.socket.exchange(unix.RTM_NEWADDR, unix.NLM_F_REPLACE, l.body(a, k.index, flags, seconds), ignore)
	if errors.Is(err, unix.EINVAL) {
		all, errAgain := l.list()
		if errAgain != nil {
			return false, errAgain
		}
		if _, there := find(all, a); !there {
			return false, nil
		}
	}
	if errors.Is(err, unix.ENODEV) {
		return false, nil
	}
	return err == nil, err
}

func (l *Links) remove(a Address) error {
	k, err := l.linkByName(a.Interface)
	if errors.Is(err, ErrInterface) {
		return l.record.strike(a) // its addresses went with it
	}
	if err != nil {
		return err
	}
	all, err := l.list()
	if err != nil {
		return err
	}
	owns, err := l.owner(all)
	if err != nil {
		return err
	}
	for _, h := range all {
		if h.index != k.index || h.prefix != a.Prefix {
			continue
		}
		if !owns.surely(h, a) {
			return fmt.Errorf("%w: only they may remove it", ErrForeign)
		}
		if err := l.drop(a, k.index); err != nil {
			return err
		}
	}
	return l.record.strike(a)
}

func (l *Links) drop(a Address, index int) error {
	err := l.socket.exchange(unix.RTM_DELADDR, 0, a.body(index, 0), ignore)
	if errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

// body is struct ifaddrmsg, the address and its flags.
func (a Address) body(index int, flags uint32) []byte {
	family := byte(unix.AF_INET6)
	if a.Prefix.Addr().Is4() {
		family = unix.AF_INET
	}
	b := []byte{family, byte(a.Prefix.Bits()), 0, unix.RT_SCOPE_UNIVERSE}
	b = binary.NativeEndian.AppendUint32(b, uint32(index))
	addr := a.Prefix.Addr().AsSlice()
	b = appendAttribute(b, unix.IFA_LOCAL, addr)
	b = appendAttribute(b, unix.IFA_ADDRESS, addr)
	return appendAttribute(b, unix.IFA_FLAGS, binary.NativeEndian.AppendUint32(nil, flags))
}

// body adds what makes the address one of ours.
func (l *Links) body(a Address, index int, flags, seconds uint32) []byte {
	b := a.body(index, flags)
	cache := make([]byte, unix.SizeofIfaCacheinfo) // preferred, valid, and two times that the kernel writes
	binary.NativeEndian.PutUint32(cache[4:], seconds)
	b = appendAttribute(b, unix.IFA_CACHEINFO, cache)
	if a.Prefix.Addr().Is4() {
		b = appendAttribute(b, unix.IFA_LABEL, append([]byte(a.label()), 0))
	}
	if l.mark != 0 {
		b = appendAttribute(b, attributeProto, []byte{l.mark})
	}
	return b
}

// lifetime is a valid time in whole seconds, rounded up.
func lifetime(valid time.Duration) (uint32, error) {
	if valid <= 0 || valid > ValidMax {
		return 0, fmt.Errorf("%w: valid time %v: want more than 0 and at most %v", ErrInvalid, valid, ValidMax)
	}
	return uint32((valid + time.Second - 1) / time.Second), nil
}

func ignore([]byte) error { return nil }
