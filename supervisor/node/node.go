// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/health"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
	"github.com/evenkeel-ha/evenkeel/supervisor/converge"
	"github.com/evenkeel-ha/evenkeel/supervisor/failover"
	"github.com/evenkeel-ha/evenkeel/supervisor/lease"
)

const (
	// inboxSize bounds what waits for the loop. Messages of the bus beyond it are
	// dropped: the bus may lose, and what matters is sent again.
	inboxSize = 4096
	// proposeRetry is after how long a proposal without effect is made again.
	proposeRetry = 500 * time.Millisecond
)

// ErrStorage tells that the disk failed: the node stops rather than forget.
var ErrStorage = errors.New("the log cannot be written")

// Node is one node of the cluster. Make one with New and call Run once.
type Node struct {
	cfg       Config
	log       zerolog.Logger
	bus       Bus
	store     Store
	prober    Prober
	balancers Balancers

	inbox chan input
	disk  chan job
	ended chan struct{} // closed when the loop has ended
	hub   *hub

	// What follows belongs to the loop.
	install, boot uint64
	clusterID     string
	started       time.Time
	detector      *health.Detector
	lastDown      map[cluster.MemberID]converge.Health // see remember
	lives         map[cluster.NodeID]uint64            // epoch of each node's life as last read in the log
	watched       map[cluster.NodeID]bool
	machine       *failover.Machine
	book          *lease.Book
	unfounded     string // id of a cluster that we began to found before a crash
	replica       *consensus.Replica
	roster        []consensus.Member // members of the log, as applied here
	toDisk        []job              // what waits for the disk, oldest first
	failure       error              // why the node cannot go on
	state         cluster.State
	members       []cluster.Member // of state.Spec
	voters        []string         // of state.Spec, sorted
	specRevision  uint64           // of members and voters
	specAt        time.Time        // when it came
	halted        string           // why entries are no longer applied
	leader        cluster.NodeID
	leads         bool
	peers         map[cluster.NodeID]peer
	seen          map[cluster.NodeID]sighting
	foreign       map[string]stranger // other clusters heard, by id
	mine          map[cluster.MemberID]memberHealth
	reports       map[string]converge.Report
	waiters       map[string]waiter
	leaving       bool
	handedOver    bool // leadership, because we leave
	pacer         pacer
	urgent        bool      // there is news for the others
	applied       uint64    // raft index applied, entries without a command included
	replayTo      uint64    // raft index up to which entries were applied in a former life too
	lastChange    uint64    // raft index of the newest change of voters
	authority     string    // why there is none; empty = there is
	until         time.Time // when it ends if nothing more is heard; zero without authority
	dirty         bool      // the duties must be worked out again
	probing       map[cluster.MemberID]bool
}

// peer is the newest heartbeat of another node.
type peer struct {
	env  bus.Envelope
	beat bus.Heartbeat
	at   time.Time
}

// stranger is when another cluster was heard last, and when people were told.
type stranger struct{ heard, told time.Time }

// sighting is the newest message of a node in one of its lives.
type sighting struct{ install, boot, seq uint64 }

// memberHealth is what our prober says about a member.
type memberHealth struct {
	condition cluster.Condition
	reason    string
	since     time.Time
	n         uint64
}

// Ports are the outside world of a node.
type Ports struct {
	Bus       Bus
	Store     Store
	Prober    Prober
	Balancers Balancers
}

// Identity names the life in which the node starts; see Store.
type Identity struct{ Install, Boot uint64 }

// New makes a node in a new life. The bus must send with the same identity.
func New(cfg Config, id Identity, p Ports, log zerolog.Logger) *Node {
	t := cfg.Times
	return &Node{
		cfg: cfg, log: log, bus: p.Bus, store: p.Store, prober: p.Prober, balancers: p.Balancers,
		inbox: make(chan input, inboxSize), disk: make(chan job), ended: make(chan struct{}), hub: newHub(),
		install: id.Install, boot: id.Boot, clusterID: p.Store.Cluster(),
		detector: health.NewDetector(health.DetectorParams{Beat: t.Beat, Missed: t.Missed, Tick: t.Pulse}),
		watched:  map[cluster.NodeID]bool{}, lives: map[cluster.NodeID]uint64{},
		lastDown: map[cluster.MemberID]converge.Health{},
		machine: failover.New(cfg.Name, id.Install, id.Boot, failover.Params{
			Beat: t.Beat, VoteTTL: t.VoteTTL, SuspectAfter: t.SuspectAfter, Retry: proposeRetry,
		}),
		pacer: pacer{beat: t.Beat, pulse: t.Pulse, slack: t.Slack},
		book:  lease.NewBook(string(cfg.Name)), state: cluster.New(p.Store.Cluster()),
		peers: map[cluster.NodeID]peer{}, seen: map[cluster.NodeID]sighting{},
		foreign: map[string]stranger{}, mine: map[cluster.MemberID]memberHealth{},
		reports: map[string]converge.Report{}, waiters: map[string]waiter{}, probing: map[cluster.MemberID]bool{},
		authority: "the node has just started", dirty: true,
	}
}

// Run runs the node until ctx ends or the disk fails. When ctx ends, the node
// says that it leaves and waits a moment for the cluster to agree.
func (n *Node) Run(ctx context.Context) error {
	defer close(n.ended)
	if err := n.restore(); err != nil {
		return err
	}
	// The shell outlives ctx by the time that leaving takes.
	shell, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g, shell := errgroup.WithContext(shell)
	g.Go(func() error {
		err := n.bus.Run(shell, func(env bus.Envelope, rail int) { n.offer(envelopeIn{env, rail, time.Now()}) })
		return fatal(shell, "bus", err)
	})
	g.Go(func() error { return n.writeDisk(shell) })
	g.Go(func() error {
		err := n.prober.Run(shell, func(id cluster.MemberID, c health.Change) { n.post(shell, healthIn{id, c}) })
		return fatal(shell, "prober", err)
	})
	g.Go(func() error {
		err := n.balancers.Run(shell, func(r converge.Report) { n.post(shell, balancerIn{r}) })
		return fatal(shell, "balancers", err)
	})
	g.Go(func() error {
		defer stop()
		return n.loop(ctx, shell)
	})
	return g.Wait()
}

// fatal makes an error of a part of the shell that ended by itself.
func fatal(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it was told to end
	}
	if err == nil {
		err = errors.New("it ended by itself")
	}
	return fmt.Errorf("%s: %w", what, err)
}

// offer gives the loop an input that may be lost.
func (n *Node) offer(in input) {
	select {
	case n.inbox <- in:
	default:
	}
}

// post gives the loop an input that must not be lost.
func (n *Node) post(ctx context.Context, in input) {
	select {
	case n.inbox <- in:
	case <-ctx.Done():
	}
}
