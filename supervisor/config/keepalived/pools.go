// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// virtual is one virtual_server of one node.
type virtual struct {
	s    *statement
	view *view
}

// key is what names the service: its address and port, its mark, or its group, and its protocol.
func (v *virtual) key() string {
	protocol := "TCP"
	if p := v.s.child("protocol"); p != nil {
		protocol = p.arg(1)
	}
	return strings.Join(v.s.words[1:], " ") + " " + protocol
}

// endpoint writes an address with a port, as HAProxy reads it.
func endpoint(address, port string) string {
	switch {
	case port == "":
		return address
	case strings.Contains(address, ":"):
		return "[" + address + "]:" + port
	}
	return address + ":" + port
}

// pools makes the pools of the cluster file.
func (im *importer) pools() {
	for _, view := range im.views {
		for _, v := range view.virtuals {
			i := slices.IndexFunc(im.virtuals, func(o *virtual) bool { return o.key() == v.key() })
			if i < 0 {
				im.virtuals = append(im.virtuals, v)
				im.virtual(v)
				continue
			}
			im.repeat(v, im.virtuals[i])
		}
	}
	if len(im.spec.Pools) > 0 {
		im.bind(im.names())
		im.general("pools", "the pools came from virtual_server, which is IPVS; run HAProxy on the nodes with a backend for each pool, as the notes on virtual_server and real_server say")
	}
}

// repeat tells of a virtual_server that another node has as well.
func (im *importer) repeat(v, first *virtual) {
	switch {
	case v.s.at == first.s.at && v.s.equal(first.s):
		im.cover(v.s)
	case v.s.equal(first.s):
		im.whole(v.s, verdict{Carried, "the same as at " + first.s.at.String()})
	default:
		im.whole(v.s, verdict{Check, "differs from " + first.s.at.String() + ", which was taken; a pool is the same on every node"})
	}
}

// String returns FILE:LINE.
func (p place) String() string { return p.file + ":" + strconv.Itoa(p.line) }

func (im *importer) virtual(v *virtual) {
	if p := v.s.child("protocol"); p != nil && !strings.EqualFold(p.arg(1), "TCP") {
		im.whole(v.s, verdict{Left, "HAProxy balances TCP, not " + shortened(p.arg(1)) + "; keep IPVS for it, or another proxy"})
		return
	}
	pool := cluster.PoolSpec{Name: unique(cmpOr(plainName("vs-"+strings.Join(v.s.words[1:], "-")), "vs"), im.pooled)}
	im.note(v.s, Check, "pool %s; haproxy.cfg needs a backend %s, and a frontend with bind %s", pool.Name, pool.Name, im.bindOf(v))
	if v.s.child("protocol") == nil && v.s.arg(1) != "fwmark" {
		im.note(v.s, Check, "no protocol is written, which keepalived takes for UDP; the pool is TCP, so remove it if UDP is meant")
	}
	host := ""
	var reals []*statement
	var defaults []*statement
	for _, c := range v.s.block {
		switch c.keyword() {
		case "real_server":
			reals = append(reals, c)
		case "protocol":
			im.note(c, Carried, "mode tcp, or http, in haproxy.cfg")
		case "virtualhost":
			host = c.arg(1)
			im.note(c, Carried, "check.http.host of checks by HTTP")
		case "delay_loop", "connect_timeout", "retry", "delay_before_retry":
			defaults = append(defaults, c)
		default:
			im.whole(c, serverVerdict(c))
		}
	}
	k := &checker{im: im, pool: &pool, host: host, taken: map[string]bool{im.options.Witness: true}}
	for _, n := range im.names() {
		k.taken[string(n)] = true
	}
	k.settings(defaults)
	for _, r := range reals {
		im.real(k, v, r)
	}
	k.finish()
	im.spec.Pools = append(im.spec.Pools, pool)
}

// bindOf tells on what a frontend for the service listens.
func (im *importer) bindOf(v *virtual) string {
	switch v.s.arg(1) {
	case "fwmark":
		return "ADDRESS:PORT of what carries mark " + v.s.arg(2) + ", which only the firewall knows"
	case "group":
		g := v.view.ranges[v.s.arg(2)]
		if g == nil {
			return "ADDRESS:PORT of group " + v.s.arg(2) + ", which is not defined"
		}
		var all []string
		for _, c := range g.block {
			if c.keyword() == "fwmark" {
				all = append(all, "what carries mark "+c.arg(1))
				continue
			}
			all = append(all, endpoint(c.keyword(), c.arg(1)))
		}
		return strings.Join(all, ", ")
	}
	return endpoint(v.s.arg(1), v.s.arg(2))
}

// The weights of HAProxy.
const weightMost = 256

// real makes a member of a real_server.
func (im *importer) real(k *checker, v *virtual, s *statement) {
	a, err := netip.ParseAddr(s.arg(1))
	if err != nil {
		im.whole(s, verdict{Left, "no IP address; name the member in the pool yourself"})
		return
	}
	port := cmpOr(s.arg(2), portOf(v.s))
	m := cluster.MemberSpec{Address: a.String()}
	m.Port, _ = strconv.Atoi(port) // what is no number is 0, which is told as a problem
	m.Name = k.name(m, port)
	text := "member " + m.Name + "; in backend " + k.pool.Name + " of haproxy.cfg: server " + m.Name + " " + endpoint(m.Address, port)
	fate := Carried
	if m.Port == 0 {
		fate, text = Check, text+"; the port is not told, write it into members[].port"
	}
	for _, id := range im.names() {
		if im.addressOf(id) == a.Unmap().String() {
			fate, text = Check, text+"; it is node "+string(id)+": choose it by a label instead, and its own Evenkeel watches it from within"
		}
	}
	im.note(s, fate, "%s", text)
	var checks []*statement
	for _, c := range s.block {
		switch {
		case c.keyword() == "weight":
			m.Weight = im.weight(c)
		case c.open:
			checks = append(checks, c)
		case c.keyword() == "virtualhost":
			k.host = c.arg(1)
			im.note(c, Carried, "check.http.host")
		case slices.Contains([]string{"delay_loop", "connect_timeout", "retry", "delay_before_retry"}, c.keyword()):
			k.settings([]*statement{c})
		default:
			im.whole(c, serverVerdict(c))
		}
	}
	k.member(checks)
	k.pool.Members = append(k.pool.Members, m)
}

// portOf returns the port of a virtual_server, if it has one.
func portOf(s *statement) string {
	if s.arg(1) == "fwmark" || s.arg(1) == "group" {
		return ""
	}
	return s.arg(2)
}

// name names a member by its address, and by its port if that is not enough.
func (k *checker) name(m cluster.MemberSpec, port string) string {
	name := cmpOr(plainName(m.Address), "member")
	if k.taken[name] {
		name = cmpOr(plainName(m.Address+"-"+port), name)
	}
	return unique(name, k.taken)
}

func (im *importer) weight(s *statement) int {
	n, err := strconv.Atoi(s.arg(1))
	switch {
	case err == nil && n >= 1 && n <= weightMost:
		im.note(s, Carried, "members[].weight")
		return n
	case err == nil && n == 0:
		im.note(s, Check, "weight 0 takes no new connections: evenkeel pool drain POOL/MEMBER; until then it serves")
	default:
		im.note(s, Check, "HAProxy has weights of 1 to %d; write one into members[].weight", weightMost)
	}
	return 0
}
