// SPDX-License-Identifier: Apache-2.0

package core

import (
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
	"github.com/evenkeel-ha/evenkeel/supervisor/converge"
)

// Output is what a step asks for. What is empty asks for nothing.
type Output struct {
	Send    []Message
	Disk    []Job // in this order; each is answered by an input
	Answers []Answer

	// Duties replace what the balancers should be, if NewDuties.
	Duties    []converge.Duty
	NewDuties bool
	// Until replaces the moment from which on no balancer may be changed; the zero time is now. It is told at every step.
	Until time.Time
	// Holdings replace what the guard holds, if NewHoldings. Order numbers them in this process; it is told at every step.
	Holdings    []Holding
	NewHoldings bool
	Order       uint64
	// Links are the interfaces on which this node may come to hold something. They come with the holdings.
	Links []string
	// Epochs are those under which other nodes hold what a command moves, by resource. They come with the holdings.
	Epochs map[string]uint64
	// HoldUntil replaces the moment from which on the guard may hold nothing of that order; the zero time is now. It is told at
	// every step. A guard that knows another order moves no deadline. HoldSince is when the heartbeat was sent that the right
	// rests on: a clock that goes on while the machine sleeps has to count from there.
	HoldUntil, HoldSince time.Time
	// Members replace the members to probe, if NewMembers.
	Members    []Probe
	NewMembers bool

	Notices []cluster.Notice // what this node noticed by itself
	Events  []Event          // what the cluster decided, in order
	Notes   []Note

	// Err tells why the node cannot go on.
	Err error
}

// Holding is a resource that this node holds.
type Holding struct {
	Resource string
	Epoch    uint64
	VIP      cluster.VIPSpec
	// Failback is that of the cluster file: cluster.FailbackWhenIdle asks whether anybody uses what is held.
	Failback string
}

func (h Holding) equal(o Holding) bool {
	return h.Resource == o.Resource && h.Epoch == o.Epoch && h.Failback == o.Failback && h.VIP.Interface == o.VIP.Interface && h.VIP.Label == o.VIP.Label &&
		slices.Equal(h.VIP.Addresses, o.VIP.Addresses) && slices.Equal(h.VIP.Command, o.VIP.Command)
}

// Probe is a member that this node probes.
type Probe struct {
	cluster.Member
	// Quiet tells that the member is out of service on purpose: nothing need watch it between two probes, which could keep
	// it from stopping in good order.
	Quiet bool
}

// Message goes out on every rail, to one node, or to all when To is empty.
type Message struct {
	To       string
	Envelope bus.Envelope // without its payload
	Body     bus.Body
}

// Job is an order for the disk. An order that fails ends the node.
//
//sumtype:decl
type Job interface{ job() }

// Append makes a part of the log durable. It is answered by Stored.
type Append struct{ *consensus.Append }

// NewLife begins a new life of the node: its former one was condemned or replaced while it ran. It is answered by Born.
type NewLife struct{ Reason string }

// Join makes the node a part of a cluster for good: it writes the founding, if there is one, then the id, and reads the
// log. It is answered by Joined.
type Join struct {
	Cluster  string
	Founding *consensus.Append
}

func (Append) job()  {}
func (NewLife) job() {}
func (Join) job()    {}

// Answer is what became of a Submit.
type Answer struct {
	ID      string
	Outcome cluster.Outcome
	Err     error
}

// Event is a decision of the cluster, as it is applied here.
type Event struct {
	cluster.Event
	// Old tells that it was applied in a former life too, or came with a snapshot.
	Old bool
}

// Level is how much a note matters.
type Level uint8

// The levels.
const (
	Debug Level = iota
	Info
	Warn
	Error
)

// Note is a line for the log alone.
type Note struct {
	Level Level
	Text  string
}

func (c *Core) note(level Level, format string, args ...any) {
	c.out.Notes = append(c.out.Notes, Note{level, fmt.Sprintf(format, args...)})
}

// notice tells people something that this node noticed by itself.
func (c *Core) notice(kind, subject, reason string) {
	c.out.Notices = append(c.out.Notices, cluster.Notice{Node: c.cfg.Name, Event: cluster.Event{
		At: c.now.UnixMilli(), Kind: kind, Subject: subject, Reason: reason,
	}})
}

// send numbers a message in this life and sends it. It returns its number.
func (c *Core) send(to string, body bus.Body) uint64 {
	c.seq++
	c.out.Send = append(c.out.Send, Message{To: to, Body: body, Envelope: bus.Envelope{
		Cluster: c.clusterID, From: string(c.cfg.Name), Install: c.install, Boot: c.boot, Seq: c.seq, Kind: body.Kind(),
	}})
	return c.seq
}

// order gives the disk something to do.
func (c *Core) order(j Job) {
	c.disk++
	c.out.Disk = append(c.out.Disk, j)
}

// fail ends the node with the first error.
func (c *Core) fail(err error) {
	if c.out.Err == nil {
		c.out.Err = err
	}
}
