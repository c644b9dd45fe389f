// SPDX-License-Identifier: Apache-2.0

package vip

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"
)

// probeCount is how often a probe asks (PROBE_NUM of RFC 5227 1.1); the questions are spread over the time it is given.
const probeCount = 3

// Probe asks the neighbours whether one of them has the address, as RFC 5227 (ARP) and RFC 4862 5.4 (neighbour solicitation) say, but in the
// time that the caller has: a machine that does not answer within it is not heard. Somebody else who probes for the same address at the same
// time counts as its owner. owner is who answered first. Where there are no neighbours (loopback, tunnels) nobody is asked.
//
// The probe claims nothing: it is sent without a source address, so no neighbour learns from it.
func (l *Links) Probe(ctx context.Context, a Address, within time.Duration) (owner net.HardwareAddr, taken bool, err error) {
	if err = errors.Join(ctx.Err(), a.Validate()); err == nil {
		owner, err = l.probe(ctx, a, within)
	}
	if err != nil {
		return nil, false, fmt.Errorf("vip: probe for %s: %w", a, explain(err, a))
	}
	return owner, owner != nil, nil
}

func (l *Links) probe(ctx context.Context, a Address, within time.Duration) (net.HardwareAddr, error) {
	if within <= 0 {
		return nil, fmt.Errorf("%w: a probe needs time to be answered", ErrInvalid)
	}
	k, err := l.linkByName(a.Interface)
	if err != nil || !k.hasNeighbours() {
		return nil, err
	}
	if !k.running() {
		return nil, fmt.Errorf("%w: nobody can be asked", ErrDown)
	}
	w, err := l.wire(k, a)
	if err != nil {
		return nil, err
	}
	p := prober{wire: w, addr: a.Prefix.Addr()}
	p.packet, p.to = question(a.Prefix.Addr(), k.mac)
	owner, err := p.run(ctx, within)
	return owner, errors.Join(err, w.close())
}

// wire opens one in our namespace.
func (l *Links) wire(k link, a Address) (w *wire, err error) {
	err = l.ns.Do(func() error {
		w, err = openWire(k, a.Prefix.Addr().Is4())
		return err
	})
	return w, err
}

// question is a probe, and whom it is sent to.
func question(addr netip.Addr, mac net.HardwareAddr) ([]byte, net.HardwareAddr) {
	if addr.Is4() {
		probe := arp{op: arpRequest, senderMAC: mac, targetAnswer: addr}
		return probe.bytes(), broadcastMAC()
	}
	group := solicitedNode(addr)
	probe := neighbour{kind: solicitation, src: unspecified(addr), dst: group, target: addr}
	return probe.bytes(), groupMAC(group)
}

type prober struct {
	wire   *wire
	addr   netip.Addr
	packet []byte
	to     net.HardwareAddr
}

// run returns nil for an address that nobody claimed in time.
func (p prober) run(ctx context.Context, within time.Duration) (net.HardwareAddr, error) {
	if !p.addr.Is4() {
		if err := p.wire.join(p.to); err != nil {
			return nil, fmt.Errorf("join %s: %w", p.to, err)
		}
	}
	stop := context.AfterFunc(ctx, func() {
		// A deadline that is over ends the wait below, which then finds ctx done. Only a closed file refuses it.
		_ = p.wire.until(time.Unix(1, 0))
	})
	defer stop()
	start := time.Now()
	for i := range probeCount {
		if err := p.wire.send(p.packet, p.to); err != nil {
			return nil, fmt.Errorf("send: %w", err)
		}
		owner, err := p.listen(ctx, start.Add(within*time.Duration(i+1)/probeCount))
		if owner != nil || err != nil {
			return owner, err
		}
	}
	return nil, nil
}

func (p prober) listen(ctx context.Context, until time.Time) (net.HardwareAddr, error) {
	if err := p.wire.until(until); err != nil {
		return nil, err
	}
	buf := make([]byte, probeReadBytes)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err // also when it was done before the deadline was set
		}
		n, from, err := p.wire.receive(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, ctx.Err()
		}
		if err != nil {
			return nil, fmt.Errorf("listen: %w", err)
		}
		c, ok := p.wire.claimed(buf[:n], from)
		if ok && c.addr == p.addr && !bytes.Equal(c.owner, p.wire.link.mac) && !bytes.Equal(from, p.wire.link.mac) {
			return c.owner, nil
		}
	}
}
