// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/vishvananda/netns"
)

// Blocks of loopback addresses: each loopback world takes 127.<block>.0.0/16 for itself.
const (
	firstBlock = 77
	lastBlock  = 96
)

// Loopback is the world without root: nodes are groups of plain processes that share the host's network, and use
// addresses 127.77.<network>.<index> (or a block up to 127.96 while others run). Nothing can be cut.
type Loopback struct {
	*core
	thread     *thread // starts all nodes
	block      byte
	blockClaim *claim
}

var _ World = (*Loopback)(nil)

// NewLoopback makes a world on loopback addresses. It needs no right beyond those of an ordinary user.
func NewLoopback(ctx context.Context, opts Options) (*Loopback, error) {
	c, err := newCore(ctx, opts)
	if err != nil {
		return nil, err
	}
	l := &Loopback{core: c}
	if err = l.takeBlock(); err == nil {
		l.thread, err = newThread(&c.wg, func() error { return nil })
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *Loopback) takeBlock() error {
	sockets, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return fmt.Errorf("lab: addresses in use: %w", err)
	}
	for block := firstBlock; block <= lastBlock; block++ {
		if hasBlock(sockets, block) {
			continue
		}
		// The dash keeps it apart from all names of labs.
		claim, err := takeClaim(fmt.Sprintf("block-%d", block))
		if errors.Is(err, ErrAlive) {
			continue
		}
		l.block, l.blockClaim = byte(block), claim
		return err
	}
	return fmt.Errorf("lab: all %d blocks of loopback addresses are in use", lastBlock-firstBlock+1)
}

// hasBlock says whether a TCP socket has an address of a block: others than labs may use it, too. The table shows an
// address as the eight hex digits of a little-endian number (proc_net_tcp in the kernel's documentation).
func hasBlock(sockets []byte, block int) bool {
	local := regexp.MustCompile(fmt.Sprintf(`(?m)^ *\d+: [0-9A-F]{4}%02X7F:`, block))
	return local.Match(sockets)
}

// AddNode makes a node and boots it.
func (l *Loopback) AddNode(ctx context.Context, name string) (*Node, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.newNode(name, func(net, index int) netip.Addr {
		return netip.AddrFrom4([4]byte{127, l.block, byte(net), byte(index)})
	})
	if err != nil {
		return nil, err
	}
	n.onHost = true
	if err := l.powerUp(ctx, n); err != nil {
		return nil, err
	}
	l.nodes = append(l.nodes, n)
	return n, nil
}

// powerUp needs l.mu.
func (l *Loopback) powerUp(ctx context.Context, n *Node) error {
	m := &machine{thread: l.thread, ns: netns.None(), socket: filepath.Join(n.dir, "agent.sock")}
	if err := l.boot(ctx, n, m, 0); err != nil {
		return errors.Join(err, m.kill())
	}
	n.setMachine(m)
	return nil
}

// tearDown kills PID 1's stand-in, whose children die with it, and then the grandchildren.
func (l *Loopback) tearDown(n *Node) error {
	m := n.life()
	n.setMachine(nil)
	if err := errors.Join(m.kill(), killMarked(l.claim.mark(n.name))); err != nil {
		return fmt.Errorf("lab: node %s: tear down: %w", n.name, err)
	}
	return nil
}

// PowerOff kills all processes of the node. Unlike a real power cut, the kernel says farewell: peers see resets.
func (l *Loopback) PowerOff(n *Node) (time.Time, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n.life() == nil {
		return time.Time{}, fmt.Errorf("lab: node %s: %w", n.name, ErrPoweredOff)
	}
	err := l.tearDown(n)
	return time.Now(), err
}

// PowerOn starts the node again.
func (l *Loopback) PowerOn(ctx context.Context, n *Node) (time.Time, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return time.Time{}, ErrClosed
	}
	if n.life() == nil {
		if err := l.powerUp(ctx, n); err != nil {
			return time.Time{}, err
		}
	}
	return time.Now(), nil
}

// Cut returns [ErrUnsupported].
func (l *Loopback) Cut(...*Node) (time.Time, error) { return time.Time{}, ErrUnsupported }

// CutRail returns [ErrUnsupported].
func (l *Loopback) CutRail(int, ...*Node) (time.Time, error) { return time.Time{}, ErrUnsupported }

// CutPair returns [ErrUnsupported].
func (l *Loopback) CutPair(_, _ *Node) (time.Time, error) { return time.Time{}, ErrUnsupported }

// CutOneWay returns [ErrUnsupported].
func (l *Loopback) CutOneWay(_, _ *Node) (time.Time, error) { return time.Time{}, ErrUnsupported }

// Heal has nothing to do.
func (l *Loopback) Heal(...*Node) (time.Time, error) { return time.Now(), nil }

// HealAll has nothing to do.
func (l *Loopback) HealAll() (time.Time, error) { return time.Now(), nil }

// Close kills all nodes and removes every folder that the world made.
func (l *Loopback) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	var errs []error
	for _, n := range l.nodes {
		if n.life() != nil {
			errs = append(errs, l.tearDown(n))
		}
	}
	if l.thread != nil {
		l.thread.stop()
	}
	errs = append(errs, l.claim.undo())
	l.wg.Wait()
	if l.blockClaim != nil {
		errs = append(errs, l.blockClaim.release())
	}
	return errors.Join(append(errs, l.claim.release())...)
}
