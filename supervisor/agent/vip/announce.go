// SPDX-License-Identifier: Apache-2.0

package vip

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
)

// Announce tells the neighbours once that the address is here: for IPv4 with a gratuitous ARP request and one in the form of a reply, since some
// listen only to one of them (RFC 5944 4.6), for IPv6 with an unsolicited neighbour advertisement that overrides what
// they know (RFC 4861 7.2.6). An address that is not on the interface is never announced: [ErrNotHeld]. Where there are no
// neighbours (loopback, tunnels) nothing is sent.
func (l *Links) Announce(ctx context.Context, a Address) error {
	err := errors.Join(ctx.Err(), a.Validate())
	if err == nil {
		err = l.announce(a)
	}
	if err != nil {
		return fmt.Errorf("vip: announce %s: %w", a, explain(err, a))
	}
	return nil
}

func (l *Links) announce(a Address) error {
	k, err := l.linkByName(a.Interface)
	if err != nil {
		return err
	}
	all, err := l.list()
	if err != nil {
		return err
	}
	if h, there := find(all, a); !there || h.index != k.index {
		return ErrNotHeld
	}
	if !k.hasNeighbours() {
		return nil
	}
	if !k.running() {
		return fmt.Errorf("%w: nobody would hear it", ErrDown)
	}
	w, err := l.wire(k, a)
	if err != nil {
		return err
	}
	return errors.Join(l.tell(w, a), w.close())
}

func (l *Links) tell(w *wire, a Address) error {
	addr, mac := a.Prefix.Addr(), w.link.mac
	if addr.Is4() {
		return errors.Join(
			w.send(arp{op: arpRequest, senderMAC: mac, sender: addr, targetAnswer: addr}.bytes(), broadcastMAC()),
			w.send(arp{op: arpReply, senderMAC: mac, sender: addr, targetMAC: broadcastMAC(), targetAnswer: addr}.bytes(), broadcastMAC()),
		)
	}
	flags, err := l.advertised(a)
	if err != nil {
		return err
	}
	group := netip.IPv6LinkLocalAllNodes()
	packet := neighbour{kind: advertisement, flags: flags, src: addr, dst: group, target: addr, mac: mac}.bytes()
	return w.send(packet, groupMAC(group))
}

// advertised adds the router flag where the interface forwards: neighbours that use us as a router would drop us without it (RFC 4861 7.2.5).
func (l *Links) advertised(a Address) (byte, error) {
	value, err := l.sysctl("net/ipv6/conf/" + a.Interface + "/forwarding")
	if err != nil {
		return 0, err
	}
	if value == "0" {
		return flagOverride, nil
	}
	return flagOverride | flagRouter, nil
}

// sysctl reads a setting of our namespace by its path below /proc/sys.
func (l *Links) sysctl(path string) (value string, err error) {
	err = l.ns.Do(func() error {
		content, err := os.ReadFile("/proc/sys/" + path)
		value = strings.TrimSpace(string(content))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read setting: %w", err)
	}
	return value, nil
}
