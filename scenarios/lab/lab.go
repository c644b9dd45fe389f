// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// namespaces are what a node has of its own, besides its network.
const namespaces = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC

// Lab is the world of namespaces.
type Lab struct {
	*core
	fabric *fabric
}

var _ World = (*Lab)(nil)

// New sweeps what a crashed lab of the same name left, and builds the switch. It needs root and nft. The lab lives until
// [Lab.Close]; ctx bounds only its making.
func New(ctx context.Context, opts Options) (*Lab, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("lab: namespaces need root; without it there is the loopback world")
	}
	c, err := newCore(ctx, opts)
	if err != nil {
		return nil, err
	}
	l := &Lab{core: c}
	name := l.netnsName(switchName)
	if err = c.claim.note(madeNetns, name); err == nil {
		l.fabric, err = newFabric(&c.wg, name, c.opts.Rails+1)
	}
	if err != nil {
		err = errors.Join(err, c.claim.undo(), c.claim.release())
		c.wg.Wait()
		return nil, err
	}
	return l, nil
}

func (l *Lab) netnsName(node string) string { return l.opts.Name + "-" + node }

// AddNode makes a node and boots it. On the service network (10.77.0.0/24, eth0) and on each rail (10.77.1.0/24, rail1,
// and so on), its host number is its index, counted from 1.
func (l *Lab) AddNode(ctx context.Context, name string) (*Node, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.newNode(name, func(net, index int) netip.Addr { return netip.AddrFrom4([4]byte{10, 77, byte(net), byte(index)}) })
	if err != nil {
		return nil, err
	}
	if err := l.claim.note(madeNetns, l.netnsName(name)); err != nil {
		return nil, err
	}
	start := time.Now()
	if err := l.powerUp(ctx, n); err != nil {
		return nil, err
	}
	l.nodes = append(l.nodes, n)
	l.opts.Log.Debug().Str("node", name).Stringer("addr", n.addrs[0]).Dur("took", time.Since(start)).Msg("lab: node added")
	return n, nil
}

// powerUp needs l.mu.
func (l *Lab) powerUp(ctx context.Context, n *Node) error {
	m := &machine{ns: netns.None(), socket: filepath.Join(n.dir, "agent.sock")}
	err := l.connect(n, m)
	if err == nil {
		err = l.boot(ctx, n, m, namespaces)
	}
	if err != nil {
		return errors.Join(err, l.tearDown(n, m))
	}
	n.setMachine(m)
	return nil
}

// connect makes the node's network namespace and plugs it into every network.
func (l *Lab) connect(n *Node, m *machine) error {
	var handle *netlink.Handle
	var err error
	m.thread, err = newThread(&l.wg, func() error { return m.enter(l.netnsName(n.name), &handle) })
	if handle != nil {
		defer handle.Close()
	}
	if err != nil {
		return err
	}
	for i, addr := range n.addrs {
		name := InterfaceName(i)
		if err := l.fabric.plug(port{n.index, i}, m.ns, name); err != nil {
			return err
		}
		if err := bringUp(handle, name, netip.PrefixFrom(addr, 24)); err != nil {
			return err
		}
	}
	return nil
}

// tearDown ends a machine and removes its namespace and cables; what was never made is no error.
func (l *Lab) tearDown(n *Node, m *machine) error {
	errs := []error{m.kill()}
	for i := range n.addrs {
		errs = append(errs, l.fabric.unplug(port{n.index, i}))
	}
	if m.thread != nil {
		m.thread.stop()
	}
	if m.ns.IsOpen() {
		errs = append(errs, m.ns.Close(), deleteNetns(l.netnsName(n.name)))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("lab: node %s: tear down: %w", n.name, err)
	}
	return nil
}

// PowerOff takes the node off all networks in one step and kills its processes. The returned time is that of the first
// step: from then on no packet of it arrives anywhere.
func (l *Lab) PowerOff(n *Node) (time.Time, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := n.life()
	if m == nil {
		return time.Time{}, fmt.Errorf("lab: node %s: %w", n.name, ErrPoweredOff)
	}
	at, err := l.editLocked(func(cuts map[cut]struct{}) { l.eachPort(setOff, cuts, []*Node{n}) })
	if err != nil {
		return time.Time{}, err
	}
	n.setMachine(nil)
	return at, l.tearDown(n, m)
}

// PowerOn boots the node in a fresh network namespace. Its cuts, if any, remain.
func (l *Lab) PowerOn(ctx context.Context, n *Node) (time.Time, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return time.Time{}, ErrClosed
	}
	if n.life() != nil {
		return time.Now(), nil
	}
	if err := l.powerUp(ctx, n); err != nil {
		return time.Time{}, err
	}
	return l.editLocked(func(cuts map[cut]struct{}) {
		for i := range n.addrs {
			delete(cuts, cut{set: setOff, a: port{n.index, i}})
		}
	})
}

// Close kills all nodes and removes every namespace and folder that the lab made.
func (l *Lab) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	var errs []error
	for _, n := range l.nodes {
		if m := n.life(); m != nil {
			n.setMachine(nil)
			errs = append(errs, l.tearDown(n, m))
		}
	}
	l.fabric.close()
	errs = append(errs, l.claim.undo())
	l.wg.Wait()
	return errors.Join(append(errs, l.claim.release())...)
}

// InterfaceName returns the name of a node's interface on a network: eth0 for 0, the service network, and rail1, rail2
// and so on for the rails.
func InterfaceName(net int) string {
	if net == 0 {
		return "eth0"
	}
	return fmt.Sprintf("rail%d", net)
}
