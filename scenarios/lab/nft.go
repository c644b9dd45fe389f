// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

const (
	// nftTimeout bounds the wait for the kernel's answer to a change of the sets.
	nftTimeout = 2 * time.Second
	// ifnameLen is the size of an interface name as a set's key, in bytes (IFNAMSIZ).
	ifnameLen = 16
)

// The sets of the ruleset.
const (
	setCut  = "cut"
	setOff  = "off"
	setPair = "pair"
)

// cut is one element of one set: a port, or two of them for [setPair].
type cut struct {
	set  string
	a, b port
}

func (c cut) key() []byte {
	key := make([]byte, ifnameLen, 2*ifnameLen)
	copy(key, c.a.String())
	if c.set == setPair {
		key = key[:2*ifnameLen]
		copy(key[ifnameLen:], c.b.String())
	}
	return key
}

// setCuts makes the sets hold exactly want, in one transaction: the kernel applies all of it or nothing. It returns the
// time of the kernel's acknowledgement.
func (f *fabric) setCuts(want map[cut]struct{}) (time.Time, error) {
	batch := [][]byte{nftMessage(unix.NFNL_MSG_BATCH_BEGIN, 0, nil)}
	batch = appendMissing(batch, unix.NFT_MSG_DELSETELEM, f.cuts, want)
	batch = appendMissing(batch, unix.NFT_MSG_NEWSETELEM, want, f.cuts)
	if len(batch) == 1 {
		return time.Now(), nil
	}
	// Errors come for any message, an acknowledgement only for the last one: its queue stays short.
	last := batch[len(batch)-1]
	binary.NativeEndian.PutUint16(last[6:], binary.NativeEndian.Uint16(last[6:])|unix.NLM_F_ACK)
	batch = append(batch, nftMessage(unix.NFNL_MSG_BATCH_END, 0, nil))
	var at time.Time
	err := f.thread.do(func() error {
		var err error
		at, err = nftCommit(slices.Concat(batch...))
		return err
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("lab: nftables on the switch: %w", err)
	}
	f.cuts = maps.Clone(want)
	return at, nil
}

// appendMissing appends one message for each element that is in the first set and not in the second.
func appendMissing(batch [][]byte, kind uint16, in, notIn map[cut]struct{}) [][]byte {
	for _, c := range slices.SortedFunc(maps.Keys(in), compareCuts) {
		if _, both := notIn[c]; both {
			continue
		}
		flags := uint16(0)
		if kind == unix.NFT_MSG_NEWSETELEM {
			flags = unix.NLM_F_CREATE
		}
		batch = append(batch, nftMessage(unix.NFNL_SUBSYS_NFTABLES<<8|kind, flags, elementAttrs(c)))
	}
	return batch
}

func compareCuts(x, y cut) int {
	return cmp.Or(cmp.Compare(x.set, y.set), cmp.Compare(x.a.node, y.a.node), cmp.Compare(x.a.net, y.a.net),
		cmp.Compare(x.b.node, y.b.node), cmp.Compare(x.b.net, y.b.net))
}

// elementAttrs are the attributes of a message on one set element (linux/netfilter/nf_tables.h).
func elementAttrs(c cut) []byte {
	elements := nl.NewRtAttr(unix.NLA_F_NESTED|unix.NFTA_SET_ELEM_LIST_ELEMENTS, nil)
	element := elements.AddRtAttr(unix.NLA_F_NESTED|unix.NFTA_LIST_ELEM, nil)
	key := element.AddRtAttr(unix.NLA_F_NESTED|unix.NFTA_SET_ELEM_KEY, nil)
	key.AddRtAttr(unix.NFTA_DATA_VALUE, c.key())
	return slices.Concat(
		nl.NewRtAttr(unix.NFTA_SET_ELEM_LIST_TABLE, nl.ZeroTerminated("lab")).Serialize(),
		nl.NewRtAttr(unix.NFTA_SET_ELEM_LIST_SET, nl.ZeroTerminated(c.set)).Serialize(),
		elements.Serialize(),
	)
}

// nftMessage is one netlink message with its nfgenmsg header. Begin and end of a batch name the subsystem in it.
func nftMessage(kind, flags uint16, attrs []byte) []byte {
	msg := make([]byte, unix.SizeofNlMsghdr+4, unix.SizeofNlMsghdr+4+len(attrs))
	binary.NativeEndian.PutUint32(msg, uint32(cap(msg)))
	binary.NativeEndian.PutUint16(msg[4:], kind)
	binary.NativeEndian.PutUint16(msg[6:], unix.NLM_F_REQUEST|flags)
	msg[16] = unix.AF_BRIDGE
	if kind == unix.NFNL_MSG_BATCH_BEGIN || kind == unix.NFNL_MSG_BATCH_END {
		msg[16] = unix.AF_UNSPEC
		binary.BigEndian.PutUint16(msg[18:], unix.NFNL_SUBSYS_NFTABLES)
	}
	return append(msg, attrs...)
}

// nftCommit sends a batch on a socket of the calling thread's namespace and waits for the answer.
func nftCommit(batch []byte) (time.Time, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return time.Time{}, fmt.Errorf("socket: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	timeout := unix.NsecToTimeval(nftTimeout.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		return time.Time{}, fmt.Errorf("timeout: %w", err)
	}
	if err := unix.Sendto(fd, batch, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return time.Time{}, fmt.Errorf("send: %w", err)
	}
	answer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, answer, 0)
	at := time.Now()
	if err != nil {
		return time.Time{}, fmt.Errorf("receive: %w", err)
	}
	if n < unix.SizeofNlMsghdr+4 || binary.NativeEndian.Uint16(answer[4:]) != unix.NLMSG_ERROR {
		return time.Time{}, errors.New("the kernel's answer is no acknowledgement")
	}
	if code := int32(binary.NativeEndian.Uint32(answer[unix.SizeofNlMsghdr:])); code != 0 {
		return time.Time{}, fmt.Errorf("refused: %w", unix.Errno(-code))
	}
	return at, nil
}
