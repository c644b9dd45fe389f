// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"errors"
	"syscall"
	"time"
)

// What callers may test for.
var (
	// ErrUnsupported is what a loopback world answers to a fault of the network.
	ErrUnsupported = errors.New("cutting the network needs root and namespaces")
	// ErrPoweredOff means that the node has no power: nothing can be started or dialled there.
	ErrPoweredOff = errors.New("the node is powered off")
	// ErrAlive means that a lab of this name is running, in this process or in another one.
	ErrAlive = errors.New("a lab of this name is running")
	// ErrClosed means that the lab was closed.
	ErrClosed = errors.New("the lab is closed")
)

// World is a set of nodes with their networks. Every fault returns the time at which the kernel acted, measured right
// after its acknowledgement: for a cut some 0.2 ms after the call, for a heal some 10 ms, which is how long the kernel
// takes to acknowledge a removal. All methods may be called from several goroutines.
type World interface {
	// AddNode makes a node and boots it. Its index, and so its addresses, follows the order of the calls.
	AddNode(ctx context.Context, name string) (*Node, error)
	// Node returns the node of that name, or nil.
	Node(name string) *Node
	// Nodes returns all nodes, in the order in which they were added.
	Nodes() []*Node
	// Dir returns the folder that holds the nodes' folders.
	Dir() string

	// Cut black-holes the nodes on all networks. The carrier stays up: they see silence, not a lost link.
	Cut(nodes ...*Node) (time.Time, error)
	// CutRail black-holes the nodes on one network: rail i, counted from 1, or 0 for the service network.
	CutRail(i int, nodes ...*Node) (time.Time, error)
	// CutPair stops all traffic between two nodes, in both directions and on all networks.
	CutPair(a, b *Node) (time.Time, error)
	// CutOneWay stops what one node sends to another, on all networks; the answers' way stays open.
	CutOneWay(from, to *Node) (time.Time, error)
	// Heal removes every cut that touches one of these nodes.
	Heal(nodes ...*Node) (time.Time, error)
	// HealAll removes every cut.
	HealAll() (time.Time, error)

	// PowerOff takes the node off all networks and kills all its processes at once; no packet of farewell leaves it.
	PowerOff(n *Node) (time.Time, error)
	// PowerOn boots the node again, without its former processes. A node that has power keeps running.
	PowerOn(ctx context.Context, n *Node) (time.Time, error)

	// Close stops all nodes and removes what the world made. It may be called again.
	Close() error
}

// Cmd is a process to start in a node.
type Cmd struct {
	// Name is the program: a path, or a name to look up in PATH and the sbin folders.
	Name string
	// Args are the arguments after the program's name.
	Args []string
	// Env is added to the environment of the process that made the lab ("KEY=value").
	Env []string
	// Dir is the working directory; empty means the node's own folder.
	Dir string
	// LogName is the file in the node's folder that takes standard output and error, appended; empty means the
	// program's base name and ".log".
	LogName string
}

// Exit tells how a process ended.
type Exit struct {
	// Code is the exit code, or -1 if a signal ended the process.
	Code int
	// Signal is what killed the process, or 0. It is SIGKILL when the node lost its power.
	Signal syscall.Signal
	// At is when the end became known to the lab.
	At time.Time
}

// Ok says whether the process ended by itself with code 0.
func (e Exit) Ok() bool { return e.Code == 0 && e.Signal == 0 }
