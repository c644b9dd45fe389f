// SPDX-License-Identifier: Apache-2.0

package vip

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ChangeKind says what happened on an interface.
type ChangeKind int

// The kinds of change.
const (
	// LinkUp is an interface through which frames can pass again: what is on it has to be announced.
	LinkUp ChangeKind = iota + 1
	// LinkDown is an interface without carrier, or set down.
	LinkDown
	// LinkGone is an interface that is no longer there, with all its addresses.
	LinkGone
	// AddressGone is an address that is no longer there, by whomever: removed by us or by others, or expired.
	AddressGone
	// AddressByOthers is an address that somebody else put there, or changed.
	AddressByOthers
	// LookAgain says that there may be changes that are not told one by one: look at everything. It comes first, when the watch has begun,
	// and whenever changes came faster than they were read.
	LookAgain
)

// String returns the kind in words.
func (k ChangeKind) String() string {
	switch k {
	case LinkUp:
		return "link up"
	case LinkDown:
		return "link down"
	case LinkGone:
		return "interface gone"
	case AddressGone:
		return "address gone"
	case AddressByOthers:
		return "address changed by others"
	case LookAgain:
		return "look again"
	}
	return fmt.Sprintf("change %d", int(k))
}

// Change is one thing that happened. It is a reason to look, never the truth: by the time it is read, more may have happened.
type Change struct {
	Kind ChangeKind
	// Interface is its name; empty with [LookAgain].
	Interface string
	// Prefix is the address of [AddressGone] and [AddressByOthers].
	Prefix netip.Prefix
}

// Watch calls notify for each change from now on, one at a time, until ctx ends: then it returns nil. It begins with a [LookAgain]:
// what is looked at from then on misses nothing.
func (l *Links) Watch(ctx context.Context, notify func(Change)) error {
	w := watcher{links: l, notify: notify, known: map[int]link{}, buf: make([]byte, receiveRoom)}
	if err := w.open(); err != nil {
		return fmt.Errorf("vip: watch: %w", explain(err, Address{}))
	}
	stop := context.AfterFunc(ctx, func() { _ = w.file.SetReadDeadline(time.Unix(1, 0)) }) // only a closed file refuses it
	defer stop()
	err := w.begin()
	if err == nil {
		notify(Change{Kind: LookAgain})
	}
	for err == nil && ctx.Err() == nil {
		err = w.next()
	}
	if ctx.Err() != nil {
		err = nil
	}
	if err = errors.Join(err, w.file.Close()); err != nil {
		return fmt.Errorf("vip: watch: %w", err)
	}
	return nil
}

type watcher struct {
	links  *Links
	file   *os.File
	notify func(Change)
	known  map[int]link
	buf    []byte
}

func (w *watcher) open() error {
	return w.links.ns.Do(func() error {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
		if err != nil {
			return fmt.Errorf("open netlink socket: %w", err)
		}
		w.file = os.NewFile(uintptr(fd), "netlink")
		groups := uint32(unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR)
		if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
			return errors.Join(fmt.Errorf("subscribe to changes: %w", err), w.file.Close())
		}
		return nil
	})
}

// begin learns the links as they are. What changes meanwhile is in the socket already.
func (w *watcher) begin() error {
	return w.links.socket.exchange(unix.RTM_GETLINK, unix.NLM_F_DUMP, make([]byte, unix.SizeofIfInfomsg), func(body []byte) error {
		k, err := readLink(body)
		w.known[k.index] = k
		return err
	})
}

func (w *watcher) next() error {
	raw, err := w.file.SyscallConn()
	if err != nil {
		return err
	}
	var n int
	var from unix.Sockaddr
	var inner error
	err = raw.Read(func(fd uintptr) bool {
		n, from, inner = unix.Recvfrom(int(fd), w.buf, unix.MSG_DONTWAIT)
		return !errors.Is(inner, unix.EAGAIN)
	})
	if errors.Is(inner, unix.ENOBUFS) {
		w.notify(Change{Kind: LookAgain})
		return nil
	}
	if err = errors.Join(err, inner); err != nil {
		return err
	}
	if sender, ok := from.(*unix.SockaddrNetlink); !ok || sender.Pid != 0 {
		return nil // not the kernel
	}
	for m, err := range messages(w.buf[:n]) {
		if err != nil {
			return err
		}
		if err := w.read(m); err != nil {
			return err
		}
	}
	return nil
}

func (w *watcher) read(m message) error {
	switch m.kind {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		k, err := readLink(m.body)
		if err != nil || m.body[0] != unix.AF_UNSPEC { // AF_BRIDGE tells of ports of a bridge
			return err
		}
		w.linkChanged(k, m.kind == unix.RTM_DELLINK)
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		h, ok, err := readHeld(m.body)
		if err != nil || !ok {
			return err
		}
		change := Change{Kind: AddressGone, Interface: w.known[h.index].name, Prefix: h.prefix}
		if m.kind == unix.RTM_NEWADDR {
			change.Kind = AddressByOthers
		}
		if m.kind == unix.RTM_DELADDR || w.links.mark == 0 || h.proto != w.links.mark {
			w.notify(change)
		}
	}
	return nil
}

func (w *watcher) linkChanged(k link, gone bool) {
	before, known := w.known[k.index]
	w.known[k.index] = k
	switch {
	case gone:
		delete(w.known, k.index)
		w.notify(Change{Kind: LinkGone, Interface: k.name})
	case k.running() && (!known || !before.running()):
		w.notify(Change{Kind: LinkUp, Interface: k.name})
	case !k.running() && known && before.running():
		w.notify(Change{Kind: LinkDown, Interface: k.name})
	}
}
