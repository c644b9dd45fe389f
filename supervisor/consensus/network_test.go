// SPDX-License-Identifier: Apache-2.0

package consensus_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/cryptotest"

	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus/memwal"
)

const testCluster = "cluster-1"

// machine is the state machine of the tests: the proposals in order, and their running checksum as the whole state.
type machine struct {
	index uint64
	count uint64
	sum   uint32
	pad   int
}

func (m *machine) encode() []byte {
	b := binary.BigEndian.AppendUint64(nil, m.count)
	b = binary.BigEndian.AppendUint32(b, m.sum)
	return append(b, make([]byte, m.pad)...)
}

func (m *machine) restore(s *consensus.Snapshot) {
	*m = machine{index: s.Index, pad: m.pad}
	if len(s.Data) >= 12 {
		m.count, m.sum = binary.BigEndian.Uint64(s.Data), binary.BigEndian.Uint32(s.Data[8:])
		m.pad = len(s.Data) - 12
	}
}

// host is one installation: its disk outlives its replica.
type host struct {
	id      uint64
	disk    *memwal.Store
	replica *consensus.Replica
	machine machine
	writing []*consensus.Append
	leader  uint64 // as told last
	stuck   bool
	wanted  bool
}

// faults is how bad the network and the disks are, in percent of frames or of steps.
type faults struct {
	drop, repeat, delay, corrupt, crash int
}

type parcel struct {
	from, to uint64
	data     []byte
	due      int
	spoilt   bool
}

// network is a deterministic world of replicas. It also is the observer: it remembers what was ever committed at which index, and
// who led which term, and fails the test at the first contradiction.
type network struct {
	t      *testing.T
	rng    *rand.Rand
	hosts  map[uint64]*host
	mail   []parcel
	now    int
	faults faults
	// cut names directed links that carry nothing.
	cut map[[2]uint64]bool

	committed map[uint64]string
	sums      map[uint64]uint32 // checksum of the state at each index
	leaders   map[uint64]uint64
	proposed  int
	tail      uint64
	each      uint64 // snapshot after so many entries
	crashes   int
	trace     uint32
}

func newNetwork(t *testing.T, seed uint64) *network {
	t.Helper()
	cryptotest.SetGlobalRandom(t, seed)
	return &network{
		t: t, rng: rand.New(rand.NewPCG(seed, 11)), hosts: map[uint64]*host{}, cut: map[[2]uint64]bool{},
		committed: map[uint64]string{}, sums: map[uint64]uint32{}, leaders: map[uint64]uint64{}, each: 20, tail: 5,
	}
}

func (n *network) ids() []uint64 { return slices.Sorted(maps.Keys(n.hosts)) }

func nodeName(id uint64) string { return fmt.Sprintf("n%d", id%100) }

// boot starts a host from its disk.
func (n *network) boot(h *host) {
	n.t.Helper()
	restored, err := h.disk.Load()
	if err != nil {
		n.t.Fatalf("host %d: %v", h.id, err)
	}
	h.replica, err = consensus.New(consensus.Config{
		ID: h.id, Cluster: testCluster, ElectionTicks: 10, HeartbeatTicks: 1,
		SnapshotEntries: n.each, TailEntries: n.tail,
	}, restored)
	if err != nil {
		n.t.Fatalf("host %d: %v", h.id, err)
	}
	h.machine = machine{pad: h.machine.pad}
	h.writing, h.wanted = nil, false
}

// found makes a cluster of one.
func (n *network) found(id uint64) *host {
	n.t.Helper()
	h := n.blank(id)
	if err := h.disk.Append(consensus.Found(consensus.Founder{ID: id, Node: nodeName(id), Data: h.machine.encode()})); err != nil {
		n.t.Fatal(err)
	}
	n.boot(h)
	return h
}

// blank makes an installation that waits to be added.
func (n *network) blank(id uint64) *host {
	n.t.Helper()
	h := &host{id: id, disk: memwal.New(id)}
	n.hosts[id] = h
	n.boot(h)
	return h
}

// crash takes a host down and up again; unsynced writes are lost.
func (n *network) crash(h *host) {
	n.t.Helper()
	h.disk.Crash()
	n.crashes++
	n.boot(h)
}

func (n *network) note(what string, v ...uint64) {
	n.trace = crc32.Update(n.trace, crc32.IEEETable, fmt.Append(nil, n.now, what, v))
}

func (n *network) chance(percent int) bool { return percent > 0 && n.rng.IntN(100) < percent }

// drain does what the replica asks for, as the owner would, except that the disk answers in its own time.
func (n *network) drain(h *host) {
	n.t.Helper()
	for {
		out, more := h.replica.Ready()
		if !more {
			return
		}
		for _, f := range out.Send {
			n.post(h.id, f)
		}
		if out.Append != nil {
			h.writing = append(h.writing, out.Append)
		}
		if out.Restore != nil {
			h.machine.restore(out.Restore)
			n.agree(h, out.Restore.Index)
		}
		for _, c := range out.Committed {
			n.apply(h, c)
		}
		if k := len(out.Committed); k > 0 {
			h.replica.Applied(out.Committed[k-1].Index)
		}
		h.wanted, h.leader = h.wanted || out.WantSnapshot, out.Leader
		if out.IsLeader {
			n.lead(h.id, out.Term)
		}
	}
}

// apply checks that the entry follows without a gap and is what everybody else has at this index.
func (n *network) apply(h *host, c consensus.Committed) {
	n.t.Helper()
	if c.Index != h.machine.index+1 {
		n.t.Fatalf("tick %d: host %d applies %d after %d", n.now, h.id, c.Index, h.machine.index)
	}
	what := fmt.Sprintf("term %d %q %v", c.Term, c.Data, c.Change)
	if old, ok := n.committed[c.Index]; ok && old != what {
		n.t.Fatalf("tick %d: host %d commits %s at %d, before it was %s", n.now, h.id, what, c.Index, old)
	}
	n.committed[c.Index] = what
	h.machine.index = c.Index
	if c.Data != nil {
		h.machine.count++
		h.machine.sum = crc32.Update(h.machine.sum, crc32.IEEETable, c.Data)
	}
	n.agree(h, c.Index)
	n.note("apply", h.id, c.Index)
}

func (n *network) agree(h *host, index uint64) {
	n.t.Helper()
	if sum, ok := n.sums[index]; ok && sum != h.machine.sum {
		n.t.Fatalf("tick %d: host %d has another state at %d", n.now, h.id, index)
	}
	n.sums[index] = h.machine.sum
}

func (n *network) lead(id, term uint64) {
	n.t.Helper()
	if other, ok := n.leaders[term]; ok && other != id {
		n.t.Fatalf("tick %d: term %d has leaders %d and %d", n.now, term, other, id)
	}
	n.leaders[term] = id
}

func (n *network) post(from uint64, f consensus.Frame) {
	if n.cut[[2]uint64{from, f.To}] || n.chance(n.faults.drop) {
		return
	}
	p := parcel{from: from, to: f.To, data: f.Data, due: n.now + 1}
	if n.chance(n.faults.delay) {
		p.due += n.rng.IntN(15)
	}
	if n.chance(n.faults.corrupt) {
		p.data, p.spoilt = bytes.Clone(p.data), true
		p.data[n.rng.IntN(len(p.data))] ^= 1 << n.rng.IntN(8)
	}
	n.mail = append(n.mail, p)
	if n.chance(n.faults.repeat) {
		p.due += n.rng.IntN(30)
		n.mail = append(n.mail, p)
	}
}

// disk answers some of the writes, and crashes its host before or after one when told so.
func (n *network) serve(h *host) {
	n.t.Helper()
	for len(h.writing) > 0 && !h.stuck {
		if n.chance(n.faults.crash) {
			n.note("crash before write", h.id)
			n.crash(h)
			return
		}
		a := h.writing[0]
		h.disk.Write(a)
		if n.chance(n.faults.crash) {
			n.note("crash before sync", h.id)
			n.crash(h)
			return
		}
		if err := h.disk.Sync(); err != nil {
			n.t.Fatalf("tick %d: host %d: %v", n.now, h.id, err)
		}
		if n.chance(n.faults.crash) {
			n.note("crash after sync", h.id)
			n.crash(h)
			return
		}
		h.writing = h.writing[1:]
		h.replica.Appended(a)
		n.drain(h)
		if n.chance(n.faults.delay) {
			return
		}
	}
}

// step is one tick of the world.
func (n *network) step() {
	n.t.Helper()
	n.now++
	for _, id := range n.ids() {
		h := n.hosts[id]
		h.replica.Tick()
		n.drain(h)
		if h.wanted {
			h.wanted = false
			if err := h.replica.Snapshot(h.machine.index, h.machine.encode()); err == nil {
				n.note("snapshot", id, h.machine.index)
			}
			n.drain(h)
		}
		n.serve(h)
	}
	if n.chance(n.faults.delay) {
		n.rng.Shuffle(len(n.mail), func(i, j int) { n.mail[i], n.mail[j] = n.mail[j], n.mail[i] })
	}
	n.deliver()
	for _, id := range n.ids() {
		if s := n.hosts[id].replica.Status(); s.Failed != "" {
			n.t.Fatalf("tick %d: host %d failed: %s", n.now, id, s.Failed)
		}
	}
}

func (n *network) deliver() {
	mail := n.mail
	n.mail = nil
	for _, p := range mail {
		h := n.hosts[p.to]
		switch {
		case p.due > n.now:
			n.mail = append(n.mail, p)
		case h == nil || n.cut[[2]uint64{p.from, p.to}]:
		default:
			if err := h.replica.Step(p.from, p.data); (err != nil) != p.spoilt {
				n.t.Fatalf("tick %d: %d to %d: %v", n.now, p.from, p.to, err)
			}
			n.drain(h)
			n.serve(h)
		}
	}
}
