// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// core is what both worlds have in common: a claim on a name, and nodes with a PID 1 each.
type core struct {
	opts   Options
	claim  *claim
	wg     sync.WaitGroup // all goroutines and threads of the world
	mu     sync.Mutex     // guards what follows, and the order of faults
	nodes  []*Node
	closed bool
}

// machine is one life of a node, from power on to power off.
type machine struct {
	thread  *thread // opens sockets and started PID 1; the world's own one on loopback
	ns      netns.NsHandle
	process *os.Process
	gone    chan struct{} // closed when PID 1 has been reaped
	socket  string
}

func newCore(ctx context.Context, opts Options) (*core, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	opts, err := opts.checked()
	if err != nil {
		return nil, err
	}
	claim, err := takeClaim(opts.Name)
	if err != nil {
		return nil, err
	}
	c := &core{opts: opts, claim: claim}
	if err := c.claim.undo(); err != nil {
		return nil, errors.Join(err, c.claim.release())
	}
	if err := c.claim.makeDir(opts.Dir, c.keeping()); err != nil {
		return nil, errors.Join(err, c.claim.undo(), c.claim.release())
	}
	return c, nil
}

func (c *core) keeping() keeping {
	if c.opts.Keep {
		return keepForever
	}
	return removeLater
}

// Node returns the node of that name, or nil.
func (c *core) Node(name string) *Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

// Nodes returns all nodes, in the order in which they were added.
func (c *core) Nodes() []*Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.nodes)
}

// Dir returns the folder that holds the nodes' folders.
func (c *core) Dir() string { return c.opts.Dir }

// newNode prepares a node without power; addr gives its address on each network. It needs c.mu.
func (c *core) newNode(name string, addr func(net, index int) netip.Addr) (*Node, error) {
	if c.closed {
		return nil, ErrClosed
	}
	if err := checkNodeName(c.opts.Dir, name); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(c.nodes, func(n *Node) bool { return n.name == name }) {
		return nil, fmt.Errorf("lab: there is a node %s already", name)
	}
	if len(c.nodes) == maxNodes {
		return nil, fmt.Errorf("lab: %d nodes are the most that the addresses allow", maxNodes)
	}
	n := &Node{core: c, name: name, index: len(c.nodes) + 1, dir: filepath.Join(c.opts.Dir, name)}
	for i := range c.opts.Rails + 1 {
		n.addrs = append(n.addrs, addr(i, n.index))
	}
	return n, c.claim.makeDir(n.dir, c.keeping())
}

// boot starts PID 1 from the machine's thread, with these namespaces besides the thread's own network, and returns when
// it is ready.
func (c *core) boot(ctx context.Context, n *Node, m *machine, namespaces uintptr) error {
	arg, err := json.Marshal(spec{Hostname: n.name, Isolated: namespaces != 0})
	if err != nil {
		return fmt.Errorf("lab: node %s: %w", n.name, err)
	}
	listener, logFile, err := bootFiles(m.socket, filepath.Join(n.dir, "init.log"))
	if err != nil {
		return fmt.Errorf("lab: node %s: %w", n.name, err)
	}
	err = m.thread.do(func() error {
		var err error
		m.process, err = os.StartProcess("/proc/self/exe", []string{"evenkeel-node", InitArg, string(arg)}, &os.ProcAttr{
			Dir:   n.dir,
			Env:   append(os.Environ(), c.claim.mark(n.name)),
			Files: []*os.File{nil, logFile, logFile, listener},
			Sys:   &syscall.SysProcAttr{Cloneflags: namespaces, Setsid: true, Pdeathsig: syscall.SIGKILL},
		})
		return err
	})
	if m.process != nil {
		m.gone = make(chan struct{})
		c.wg.Go(func() {
			defer close(m.gone)
			_, _ = m.process.Wait() // its end is all that is asked; SIGKILL is how every node ends
		})
	}
	if err = errors.Join(err, listener.Close(), logFile.Close()); err != nil {
		return fmt.Errorf("lab: node %s: start PID 1: %w", n.name, err)
	}
	if err := m.ready(ctx); err != nil {
		return fmt.Errorf("lab: node %s: PID 1 is not ready, see %s/init.log: %w", n.name, n.dir, err)
	}
	return nil
}

// bootFiles makes what PID 1 inherits. The socket listens before PID 1 runs, so that nobody has to wait for it.
func bootFiles(socket, logPath string) (listener, logFile *os.File, err error) {
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, nil, fmt.Errorf("stale socket: %w", err)
	}
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Net: "unixpacket", Name: socket})
	if err != nil {
		return nil, nil, fmt.Errorf("control socket: %w", err)
	}
	l.SetUnlinkOnClose(false)
	listener, err = l.File()
	if err = errors.Join(err, l.Close()); err != nil {
		return nil, nil, fmt.Errorf("control socket: %w", err)
	}
	logFile, err = openLog(logPath)
	if err != nil {
		return nil, nil, errors.Join(err, listener.Close())
	}
	return listener, logFile, nil
}

func openLog(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	return f, nil
}

// ready returns when PID 1 answers.
func (m *machine) ready(ctx context.Context) error {
	conn, stop, err := m.call(ctx, request{}, nil)
	if err != nil {
		return err
	}
	_, _, err = receive[reply](conn)
	stop()
	return errors.Join(err, conn.Close())
}

// call opens a connection to PID 1 and sends a request. Until stop is called, the end of ctx ends the connection's reads.
func (m *machine) call(ctx context.Context, req request, output *os.File) (conn *net.UnixConn, stop func() bool, err error) {
	conn, err = net.DialUnix("unixpacket", nil, &net.UnixAddr{Net: "unixpacket", Name: m.socket})
	if err != nil {
		return nil, nil, fmt.Errorf("reach PID 1: %w", err)
	}
	stop = context.AfterFunc(ctx, func() { _ = conn.Close() })
	if err := send(conn, req, output); err != nil {
		stop()
		return nil, nil, errors.Join(err, conn.Close())
	}
	return conn, stop, nil
}

// kill ends PID 1, and with it every process of its pid namespace; it returns when they are gone.
func (m *machine) kill() error {
	if m.process == nil {
		return nil
	}
	if err := m.process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill PID 1: %w", err)
	}
	<-m.gone
	if err := os.Remove(m.socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("control socket: %w", err)
	}
	return nil
}

// enter makes the machine's network namespace around the calling thread and starts its loopback interface.
func (m *machine) enter(name string, handle **netlink.Handle) error {
	var err error
	if m.ns, err = createNetns(name); err != nil {
		return err
	}
	if *handle, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return fmt.Errorf("lab: netlink in %s: %w", name, err)
	}
	return bringUp(*handle, "lo", netip.Prefix{})
}
