// SPDX-License-Identifier: Apache-2.0

package core

import (
	"errors"
	"time"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/health"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
	"github.com/evenkeel-ha/evenkeel/supervisor/converge"
	"github.com/evenkeel-ha/evenkeel/supervisor/failover"
	"github.com/evenkeel-ha/evenkeel/supervisor/lease"
)

// proposeRetry is after how long a proposal without effect is made again.
const proposeRetry = 500 * time.Millisecond

// Core is one node. Make one with New; it belongs to one goroutine.
type Core struct {
	cfg Config
	now time.Time // of the step under way
	out Output    // of the step under way

	install, boot uint64
	seq           uint64 // of our newest message in this life
	commands      uint64 // that we proposed in this life
	disk          int    // orders that the disk has not answered
	clusterID     string
	joining       string // id of the cluster that the disk is told about
	started       time.Time
	detector      *health.Detector
	lastDown      map[cluster.MemberID]converge.Health // see remember
	lives         map[cluster.NodeID]uint64            // the epochs of the lives that were read last
	watched       map[cluster.NodeID]bool
	others        int // nodes of state.Spec without ourselves
	machine       *failover.Machine
	book          *lease.Book
	unfounded     string // id of a cluster that we began to found before a crash
	founding      string // how the cluster that we join came to be, if it is ours
	replica       *consensus.Replica
	roster        []consensus.Member // members of the log, as applied here
	state         cluster.State
	members       []cluster.Member // of state.Spec
	balancers     []string         // ours, of state.Spec, sorted
	voters        []string         // of state.Spec, sorted
	specRevision  uint64           // of members and voters
	specAt        time.Time        // when it came
	halted        string           // why entries are no longer applied
	leader        cluster.NodeID
	leads         bool
	peers         map[cluster.NodeID]peer
	seen          map[cluster.NodeID]sighting
	spoke         map[cluster.NodeID][]sighting // the newest heartbeats, by installation
	foreign       map[string]stranger           // other clusters heard, by id
	mine          []memberHealth                // sorted by member
	probing       map[cluster.MemberID]bool     // members that we probe, and which of them quietly
	reports       map[string]converge.Report
	promises      *lease.Promises
	guard         Guarded              // what it said last
	class         lease.Class          // the worst of its classes
	resources     []string             // of state, sorted
	rightsChanged bool                 // the log went on since the guard was told what it holds
	holdings      []Holding            // what it was told last
	links         []string             // where it may come to hold something, as it was told
	epochs        map[string]uint64    // under which others hold what a command moves, as it was told
	moving        bool                 // the cluster file has resources that a command moves
	orders        uint64               // how often it was told
	allowed       map[string]time.Time // by resource, when the heartbeat was sent that its newest right rests on
	told          time.Time            // when the heartbeat was sent that the newest right rests on that it was told, of this process or, at most, a former one
	gone          map[string]parting   // by resource
	lapsed        []bus.Lapse          // what we say as a voter
	lapseDue      time.Time            // when that may change; zero = not by itself
	heldTo        uint64               // last raft index of our log when the replica started
	caughtUp      bool                 // we have read again what it held then
	backed        time.Time            // when our newest heartbeat was sent that a majority acknowledged; zero without authority
	rails         []Rail
	waiters       map[string]waiter
	leaving       bool
	leaveBy       time.Time // when we leave at the latest
	handedOver    bool      // leadership, because we leave
	pacer         pacer
	due           time.Time // see Due
	urgent        bool      // there is news for the others
	applied       uint64    // raft index applied, entries without a command included
	replayTo      uint64    // raft index up to which entries were applied in a former life too
	lastChange    uint64    // raft index of the newest change of voters
	authority     string    // why there is none; empty = there is
	elsewhere     elsewhere // whether the leader talks to another installation
	renews        bool      // a new life was ordered in the place of one that was replaced
	until         time.Time // when it ends if nothing more is heard; zero without authority
	dirty         bool      // the duties must be worked out again
}

// peer is the newest heartbeat of another node.
type peer struct {
	env  bus.Envelope
	beat *bus.Heartbeat
	at   time.Time
}

// stranger is when another cluster was heard last, and when people were told.
type stranger struct{ heard, told time.Time }

// sighting is the newest message of a node in one of its lives.
type sighting struct{ install, boot, seq uint64 }

// memberHealth is what our prober says about a member.
type memberHealth struct {
	id        cluster.MemberID
	condition cluster.Condition
	reason    string
	since     time.Time
	n         uint64
}

// New makes a node in a new life that begins now, of what its disk holds. An error means that the disk holds nonsense.
func New(now time.Time, cfg Config, id Identity, held Held) (*Core, error) {
	if cfg.Bootstrap != nil && cfg.FoundAs == "" {
		return nil, errors.New("a node that may found a cluster needs an id for it")
	}
	t := cfg.Times
	c := &Core{
		cfg: cfg, now: now, started: now, install: id.Install, boot: id.Boot, clusterID: held.Cluster,
		detector: health.NewDetector(health.DetectorParams{Beat: t.Beat, Missed: t.Missed, Tick: t.Pulse, Slack: t.Slack}),
		watched:  map[cluster.NodeID]bool{}, lives: map[cluster.NodeID]uint64{},
		lastDown: map[cluster.MemberID]converge.Health{},
		machine: failover.New(cfg.Name, id.Install, id.Boot, failover.Params{
			Beat: t.Beat, VoteTTL: t.VoteTTL, SuspectAfter: t.SuspectAfter, Retry: proposeRetry, Holiday: t.Holiday,
		}),
		pacer: pacer{beat: t.Beat, pulse: t.Pulse, slack: t.Slack},
		book:  lease.NewBook(string(cfg.Name)), state: cluster.New(held.Cluster),
		peers: map[cluster.NodeID]peer{}, spoke: map[cluster.NodeID][]sighting{}, seen: map[cluster.NodeID]sighting{},
		foreign: map[string]stranger{},
		reports: map[string]converge.Report{}, waiters: map[string]waiter{}, probing: map[cluster.MemberID]bool{},
		promises: lease.NewPromises(now), gone: map[string]parting{}, allowed: map[string]time.Time{}, told: now,
		authority: "the node has just started", dirty: true,
	}
	return c, c.restore(held.Log)
}

// Spec returns the cluster file that this node runs, and its revision.
func (c *Core) Spec() (cluster.Spec, uint64) { return c.state.Spec, c.state.Revision }

// State returns the replicated state as this node has applied it. Nobody may change it.
func (c *Core) State() cluster.State { return c.state }

// Leader returns the node that this one takes for the leader; empty if there is none.
func (c *Core) Leader() cluster.NodeID { return c.leader }

// Authority tells why a majority does not stand behind this node; empty if it does.
func (c *Core) Authority() string { return c.authority }

// Voters returns the nodes that vote in the log, as far as this node has applied it.
func (c *Core) Voters() []cluster.NodeID {
	var out []cluster.NodeID
	for _, m := range c.roster {
		if m.Role == consensus.RoleVoter {
			out = append(out, cluster.NodeID(m.Node))
		}
	}
	return out
}
