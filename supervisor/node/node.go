// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	// leaveWait is how long a node that stops waits until its leaving is committed.
	leaveWait = 1500 * time.Millisecond
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
	disk  chan *consensus.Append
	hub   *hub

	// What follows belongs to the loop.
	install, boot uint64
	clusterID     string
	started       time.Time
	detector      *health.Detector
	watched       map[cluster.NodeID]bool
	machine       *failover.Machine
	book          *lease.Book
	replica       *consensus.Replica
	state         cluster.State
	members       []cluster.Member // of state.Spec
	specRevision  uint64           // of members
	halted        string           // why entries are no longer applied
	leader        cluster.NodeID
	leads         bool
	peers         map[cluster.NodeID]peer
	seen          map[cluster.NodeID]bus.Seen
	foreign       map[string]time.Time // other clusters heard, by id
	mine          map[cluster.MemberID]memberHealth
	reports       map[string]converge.Report
	waiters       map[string]waiter
	leaving       bool
	lastBeat      time.Time
	lastRaftTick  time.Time
	applied       uint64 // raft index applied, entries without a command included
	lastChange    uint64 // raft index of the newest change of voters
	authority     string // why there is none; empty = there is
	dirty         bool   // the duties must be worked out again
	probing       []cluster.Member
}

// peer is the newest heartbeat of another node.
type peer struct {
	env  bus.Envelope
	beat bus.Heartbeat
	at   time.Time
}

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
		inbox: make(chan input, inboxSize), disk: make(chan *consensus.Append, 64), hub: newHub(),
		install: id.Install, boot: id.Boot, clusterID: p.Store.Cluster(),
		detector: health.NewDetector(health.DetectorParams{Beat: t.Beat, Missed: t.Missed, Tick: t.Tick}),
		watched:  map[cluster.NodeID]bool{},
		machine: failover.New(cfg.Name, id.Install, id.Boot, failover.Params{
			Beat: t.Beat, VoteTTL: t.VoteTTL, SuspectAfter: t.SuspectAfter, Retry: proposeRetry,
		}),
		book: lease.NewBook(string(cfg.Name)), state: cluster.New(p.Store.Cluster()),
		peers: map[cluster.NodeID]peer{}, seen: map[cluster.NodeID]bus.Seen{},
		foreign: map[string]time.Time{}, mine: map[cluster.MemberID]memberHealth{},
		reports: map[string]converge.Report{}, waiters: map[string]waiter{},
		authority: "the node has just started", dirty: true,
	}
}

// Run runs the node until ctx ends or the disk fails. When ctx ends, the node
// says that it leaves and waits a moment for the cluster to agree.
func (n *Node) Run(ctx context.Context) error {
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

func (n *Node) loop(ctx, shell context.Context) error {
	n.started = time.Now()
	ticker := time.NewTicker(n.cfg.Times.Tick)
	defer ticker.Stop()
	done, leave := ctx.Done(), (<-chan time.Time)(nil)
	for {
		select {
		case <-shell.Done():
			return nil
		case <-done:
			done = nil
			leave = time.After(n.leave())
		case <-leave:
			return nil
		case in := <-n.inbox:
			if err := n.handle(in); err != nil {
				return err
			}
		case <-ticker.C:
			n.tick(time.Now())
		}
		n.pump(shell)
		n.settle(time.Now())
		if n.leaving && n.state.Node(n.cfg.Name).Life == cluster.LifeLeft {
			return nil
		}
	}
}

// leave says that the node is about to stop, and how long to wait for the answer.
func (n *Node) leave() time.Duration {
	n.leaving = true
	n.beat(time.Now())
	if n.authority != "" || n.state.Node(n.cfg.Name).Life != cluster.LifeAlive {
		return 0
	}
	return leaveWait
}

// tick is what the passing of time asks for.
func (n *Node) tick(now time.Time) {
	n.watch(now)
	for _, v := range n.detector.Tick(now) {
		n.verdict(now, v)
	}
	n.step(now, failover.Tick{Heard: nodeIDs(n.detector.Heard(now, n.cfg.Times.FreshWithin))})
	if now.Sub(n.lastBeat) >= n.cfg.Times.Beat-n.cfg.Times.Tick/2 {
		n.beat(now)
	}
	n.tickReplica(now)
	n.found(now)
	n.checkAuthority(now)
	n.expireWaiters(now)
}

// watch begins to expect heartbeats: at the first that comes, or, for a node
// never heard, when the grace after our own start is over.
func (n *Node) watch(now time.Time) {
	grace := now.Sub(n.started) < n.cfg.Times.StartGrace
	for _, s := range n.state.Spec.Nodes {
		_, heard := n.peers[s.Name]
		if s.Name == n.cfg.Name || n.watched[s.Name] || (grace && !heard) {
			continue
		}
		n.watched[s.Name] = true
		n.detector.Watch(now, string(s.Name))
	}
}

func (n *Node) verdict(now time.Time, v health.Verdict) {
	n.dirty = true
	n.step(now, failover.Verdict{Verdict: v})
}

// checkAuthority works out whether a majority stands behind this node.
func (n *Node) checkAuthority(now time.Time) {
	voters := names(n.state.Spec.Voters())
	why := ""
	switch {
	case n.clusterID == "":
		why = "the node belongs to no cluster yet"
	case len(voters) == 0:
		why = "the node has not received the cluster file yet"
	case n.halted != "":
		why = n.halted
	case !n.book.Holds(now, voters, n.cfg.Times.QuorumAge):
		why = fmt.Sprintf("no quorum: %d of %d voters stand behind this node, %d needed",
			n.book.Behind(now, voters, n.cfg.Times.QuorumAge), len(voters), len(voters)/2+1)
	}
	if why != n.authority {
		if (why == "") != (n.authority == "") {
			n.notice(now, "node.quorum", string(n.cfg.Name), orElse(why, "a majority of voters stands behind this node again"))
		}
		n.authority, n.dirty = why, true
	}
}

func names(ids []cluster.NodeID) []string {
	var out []string
	for _, id := range ids {
		out = append(out, string(id))
	}
	return out
}

func nodeIDs(ss []string) []cluster.NodeID {
	var out []cluster.NodeID
	for _, s := range ss {
		out = append(out, cluster.NodeID(s))
	}
	return out
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// notice tells people something that this node noticed by itself.
func (n *Node) notice(now time.Time, kind, subject, reason string) {
	n.log.Info().Str("event", kind).Str("subject", subject).Msg(reason)
	n.hub.local(cluster.Notice{Node: n.cfg.Name, Event: cluster.Event{
		At: now.UnixMilli(), Kind: kind, Subject: subject, Reason: reason,
	}})
}

// probeMembers tells the prober which members are this node's to probe: its own,
// and the agentless ones of the pools that its balancers carry.
func (n *Node) probeMembers() {
	var out []cluster.Member
	for _, m := range n.members {
		if m.Node == n.cfg.Name || (m.Agentless() && slices.Contains(n.state.Spec.BalancerNodes(m.Pool), n.cfg.Name)) {
			out = append(out, m)
		}
	}
	n.probing = out
	for id := range n.mine {
		if !slices.ContainsFunc(out, func(m cluster.Member) bool { return m.ID == id }) {
			delete(n.mine, id)
		}
	}
	n.prober.Watch(out)
}
