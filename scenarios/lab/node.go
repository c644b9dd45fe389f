// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	// maxOutput bounds what [Node.Run] keeps of a command's output, in bytes; the rest is read and dropped.
	maxOutput = 1 << 20
	// outputGrace is how long Run waits for the end of the output after the command itself ended, in case that
	// something in the background holds it open.
	outputGrace = 200 * time.Millisecond
)

// Node is one machine of a world.
type Node struct {
	core   *core
	name   string
	index  int
	dir    string
	addrs  []netip.Addr // by network
	onHost bool         // it shares the network of the host

	mu      sync.Mutex
	machine *machine // nil while powered off
}

// Name returns the node's name, which is its host name as well.
func (n *Node) Name() string { return n.name }

// Index returns the node's number, counted from 1.
func (n *Node) Index() int { return n.index }

// Dir returns the node's folder, seen at the same path from the host and from every node. It holds logs and sockets.
func (n *Node) Dir() string { return n.dir }

// SocketPath returns the path of a unix socket in the node's folder. Names of up to 23 bytes fit into a socket address.
func (n *Node) SocketPath(name string) string { return filepath.Join(n.dir, name) }

// IP returns the node's address on a network: 0 is the service network, 1 and up are the rails. It panics if there is no
// such network.
func (n *Node) IP(net int) netip.Addr { return n.addrs[net] }

// Rail returns the node's address on rail i, counted from 1. It panics if there is no such rail.
func (n *Node) Rail(i int) netip.Addr { return n.addrs[1:][i-1] }

// Netns returns the name of the node's network namespace, as `ip netns exec` takes it; empty on loopback.
func (n *Node) Netns() string {
	if n.onHost {
		return ""
	}
	return n.core.opts.Name + "-" + n.name
}

// PoweredOn says whether the node has power.
func (n *Node) PoweredOn() bool { return n.life() != nil }

// InitPID returns the pid of the node's PID 1 as the host sees it, for nsenter; 0 while the node is powered off.
func (n *Node) InitPID() int {
	if m := n.life(); m != nil {
		return m.process.Pid
	}
	return 0
}

func (n *Node) life() *machine {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.machine
}

func (n *Node) setMachine(m *machine) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.machine = m
}

// Start starts a process in the node. It runs until it ends by itself, is killed, or the node loses its power; ctx bounds
// only the start.
func (n *Node) Start(ctx context.Context, cmd Cmd) (*Proc, error) {
	if cmd.LogName == "" {
		cmd.LogName = filepath.Base(cmd.Name) + ".log"
	}
	output, err := openLog(filepath.Join(n.dir, cmd.LogName))
	if err != nil {
		return nil, fmt.Errorf("lab: node %s: %w", n.name, err)
	}
	p, err := n.start(ctx, cmd, output)
	if err = errors.Join(err, output.Close()); err != nil {
		return nil, fmt.Errorf("lab: node %s: %w", n.name, err)
	}
	return p, nil
}

func (n *Node) start(ctx context.Context, cmd Cmd, output *os.File) (*Proc, error) {
	m := n.life()
	if m == nil {
		return nil, ErrPoweredOff
	}
	path, err := lookPath(cmd.Name)
	if err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	if cmd.Dir == "" {
		cmd.Dir = n.dir
	}
	req := request{Path: path, Args: append([]string{cmd.Name}, cmd.Args...), Env: cmd.Env, Dir: cmd.Dir}
	conn, stop, err := m.call(ctx, req, output)
	if err != nil {
		return nil, err
	}
	p, err := newProc(conn)
	if !stop() && err == nil {
		// The connection is closed, so the end of this process would go unnoticed.
		_, err = p.Kill()
		err = errors.Join(ctx.Err(), err, p.pidfd.Close())
	}
	if err != nil {
		return nil, errors.Join(err, ignoreClosed(conn.Close()))
	}
	n.core.wg.Go(p.await)
	return p, nil
}

// Run runs a short command in the node and returns what it wrote to standard output and error, up to 1 MiB. An exit code
// other than 0 is an error that quotes the output's last line. When ctx ends, the command is killed.
func (n *Node) Run(ctx context.Context, args ...string) ([]byte, error) {
	if len(args) == 0 {
		return nil, errors.New("lab: no command to run")
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("lab: node %s: %w", n.name, err)
	}
	p, err := n.start(ctx, Cmd{Name: args[0], Args: args[1:]}, w)
	if err = errors.Join(err, w.Close()); err != nil {
		return nil, errors.Join(fmt.Errorf("lab: node %s: %w", n.name, err), r.Close())
	}
	var output []byte
	read := make(chan error, 1)
	go func() {
		var err error
		output, err = readAll(r)
		read <- err
	}()
	exit, err := p.Wait(ctx)
	if err != nil {
		_, errKill := p.Kill()
		err = errors.Join(err, errKill)
	}
	errDeadline := r.SetReadDeadline(time.Now().Add(outputGrace))
	errRead := <-read
	if errors.Is(errRead, os.ErrDeadlineExceeded) {
		errRead = nil
	}
	if err = errors.Join(err, errDeadline, errRead, r.Close()); err != nil {
		return output, fmt.Errorf("lab: node %s: %s: %w", n.name, args[0], err)
	}
	if !exit.Ok() {
		return output, fmt.Errorf("lab: node %s: %s: %s: %s", n.name, args[0], exit, lastLine(output))
	}
	return output, nil
}

// readAll keeps the first part and reads on, so that a talkative command does not block.
func readAll(r io.Reader) ([]byte, error) {
	output, err := io.ReadAll(io.LimitReader(r, maxOutput))
	if err == nil {
		_, err = io.Copy(io.Discard, r)
	}
	return output, err
}

func lastLine(output []byte) []byte {
	output = bytes.TrimSpace(output)
	return output[bytes.LastIndexByte(output, '\n')+1:]
}
