// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"maps"
	"time"

	"github.com/evenkeel-ha/evenkeel/lbsync"
)

// proxy is a model of HAProxy: servers with states that commands change and that a new process does not know, unless a
// state file tells it.
type proxy struct {
	w       *World
	on      *machine
	runs    bool
	hangs   bool
	pid     int
	servers map[lbsync.Key]lbsync.Have
	busy    map[lbsync.Key]time.Duration // until when a server has sessions
	kept    []lbsync.Kept                // the state file
	file    bool                         // it has one
	before  int                          // servers in service before the newest commands
	changed time.Duration                // when a command last changed anything
}

func newProxy(w *World, m *machine) *proxy {
	p := &proxy{w: w, on: m, file: w.opt.StateFile}
	p.start()
	return p
}

func (p *proxy) start() {
	p.runs, p.hangs = true, false
	p.reload()
}

func (p *proxy) stop() { p.runs = false }

// reload begins a new process, with the states of the configuration and of the state file.
func (p *proxy) reload() {
	p.pid++
	p.servers = map[lbsync.Key]lbsync.Have{}
	p.busy = map[lbsync.Key]time.Duration{}
	for _, m := range p.w.machines {
		if m.app != nil {
			p.servers[key(m)] = lbsync.Have{Up: true, Weight: 100, InitWeight: 100}
		}
	}
	if !p.file {
		return
	}
	for _, k := range p.kept {
		h, ok := p.servers[k.Key]
		if ok {
			h.Admin, h.Weight = k.Admin, k.Weight
			p.servers[k.Key] = h
		}
	}
}

// key is a machine's application in the words of a balancer.
func key(m *machine) lbsync.Key { return lbsync.Key{Backend: poolName, Server: string(m.name)} }

// show is what the balancer answers.
func (p *proxy) show() lbsync.Snapshot {
	s := lbsync.Snapshot{Epoch: lbsync.Epoch{PID: p.pid, Started: time.Unix(0, epoch)}, Servers: maps.Clone(p.servers)}
	for _, m := range p.w.machines {
		if k := key(m); p.busy[k] > p.w.now {
			h := s.Servers[k]
			h.Sessions = 1
			s.Servers[k] = h
		}
	}
	return s
}

// command changes a server. Sessions that are there when it is taken out go on for a while.
func (p *proxy) command(op lbsync.Op) {
	h, ok := p.servers[op.Key]
	if !ok {
		return
	}
	was := h
	switch op.Kind {
	case lbsync.OpWeight:
		h.Weight = op.Weight
	case lbsync.OpReady:
		h.Admin = lbsync.Ready
	case lbsync.OpDrain:
		h.Admin = lbsync.Drain
	case lbsync.OpMaint:
		h.Admin = lbsync.Maint
	case lbsync.OpKill:
		delete(p.busy, op.Key)
	case lbsync.OpHealthDown:
		h.Up = false
	}
	if was.Admin == lbsync.Ready && h.Admin != lbsync.Ready {
		p.busy[op.Key] = max(p.busy[op.Key], p.w.now+p.w.some(3*time.Second))
	}
	p.servers[op.Key] = h
	p.changed = p.w.now
}

// serving counts the servers that get new requests.
func (p *proxy) serving() int {
	n := 0
	for _, m := range p.w.machines {
		if h, ok := p.servers[key(m)]; ok && h.Serving() {
			n++
		}
	}
	return n
}

// meddle is somebody else's command.
func (p *proxy) meddle(k lbsync.Key, to int) {
	h, ok := p.servers[k]
	if !ok {
		return
	}
	h.Admin = lbsync.Admin(to)
	p.servers[k] = h
	if p.on.keeper != nil {
		p.on.keeper.soon(lookEvery)
	}
}
