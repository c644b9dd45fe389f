// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// view is the configuration of one node.
type view struct {
	file string
	id   string // as which @ lines were read
	told string // name of the node, if somebody said it
	tree []*statement

	node      cluster.NodeID
	router    *statement // router_id
	fallback  string     // interface where none is written
	instances []*instance
	declared  map[string]bool // names of the instances
	groups    []*group
	scripts   map[string]*watched // by kind and name: of vrrp_script and vrrp_track_process
	virtuals  []*virtual
	ranges    map[string]*statement // virtual_server_group, by name
}

// instance is one vrrp_instance of one node.
type instance struct {
	s        *statement
	view     *view
	name     string
	state    *statement
	link     string // interface; empty if none is written
	router   string // virtual_router_id
	priority int
	rank     *statement // priority, if written
	stay     *statement // nopreempt
	delay    *statement // preempt_delay
	source   netip.Addr // of its advertisements, as far as it is told
	peers    []netip.Addr
	held     []held
	tracks   []*statement
}

// held is one virtual address.
type held struct {
	s      *statement
	prefix netip.Prefix
	dev    string
	label  string
}

// group is one vrrp_sync_group of one node.
type group struct {
	s       *statement
	name    string
	members []string
	tracks  []*statement
}

// watched is a script or process on which instances depend.
type watched struct {
	s       *statement
	proxy   *statement // the statement that names HAProxy, if it watches that
	sure    bool       // it does nothing but look whether HAProxy runs
	command string
}

// The priority of an instance that says none.
const defaultPriority = 100

// gather sorts what the configuration of a node says.
func (im *importer) gather(v *view) {
	v.fallback, v.scripts, v.ranges, v.declared = "eth0", map[string]*watched{}, map[string]*statement{}, map[string]bool{}
	for _, s := range v.tree {
		if s.keyword() == "vrrp_instance" {
			v.declared[s.arg(1)] = true
		}
	}
	for _, s := range v.tree {
		switch s.keyword() {
		case "global_defs":
			im.global(v, s)
		case "vrrp_script":
			im.script(v, s)
		case "vrrp_track_process":
			im.process(v, s)
		case "vrrp_instance":
			v.instances = append(v.instances, im.instance(v, s))
		case "vrrp_sync_group":
			v.groups = append(v.groups, im.group(v, s))
		case "virtual_server_group":
			v.ranges[s.arg(1)] = s
			im.whole(s, verdict{Carried, "named by its virtual_server; the addresses are written there"})
		case "virtual_server":
			v.virtuals = append(v.virtuals, &virtual{s: s, view: v})
		default:
			if verdict, ok := topVerdict(s.keyword()); ok {
				im.whole(s, verdict)
			}
		}
	}
}

func (im *importer) global(v *view, s *statement) {
	im.note(s, Carried, "its lines are told one by one")
	for _, c := range s.block {
		switch c.keyword() {
		case "router_id":
			v.router = c
		case "default_interface":
			v.fallback = c.arg(1)
			im.note(c, Carried, "the interface of addresses that name none")
		default:
			im.whole(c, globalVerdict(c.keyword()))
		}
	}
}

// instance sorts the lines of a vrrp_instance. What depends on the other nodes is told later.
func (im *importer) instance(v *view, s *statement) *instance {
	in := &instance{s: s, view: v, name: s.arg(1), priority: defaultPriority}
	for _, c := range s.block {
		switch c.keyword() {
		case "interface":
			in.link = c.arg(1)
			im.note(c, Carried, "vip.interface")
		case "state":
			in.state = c
		case "priority":
			in.rank = c
			if n, err := strconv.Atoi(c.arg(1)); err == nil && n >= 1 && n <= 255 {
				in.priority = n
				continue
			}
			im.note(c, Check, "%q is no priority, keepalived has 1 to 255; it was read as %d", shortened(c.arg(1)), defaultPriority)
		case "nopreempt":
			in.stay = c
		case "preempt_delay":
			in.delay = c
		case "virtual_router_id":
			in.router = c.arg(1)
			im.note(c, Needless, "nothing is on the wire that would have to be told apart")
		case "unicast_src_ip", "mcast_src_ip":
			in.source = im.sourceOf(c)
		case "unicast_peer":
			im.peers(in, c)
		case "virtual_ipaddress", "virtual_ipaddress_excluded":
			im.addresses(in, c)
		case "track_script", "track_process", "track_interface", "track_file", "track_bfd":
			in.tracks = append(in.tracks, c)
		default:
			im.whole(c, instanceVerdict(c.keyword()))
		}
	}
	return in
}

func (im *importer) sourceOf(c *statement) netip.Addr {
	a, err := netip.ParseAddr(c.arg(1))
	if err != nil {
		im.note(c, Left, "%q is no IP address", shortened(c.arg(1)))
		return netip.Addr{}
	}
	im.note(c, Carried, "the address of this node")
	return a.Unmap()
}

func (im *importer) peers(in *instance, s *statement) {
	im.note(s, Needless, "the nodes find each other by the rails of their node files; the addresses stand in for nodes that are not named")
	for _, p := range s.block {
		a, err := netip.ParseAddr(p.keyword())
		if err != nil {
			im.note(p, Left, "is no IP address")
			continue
		}
		in.peers = append(in.peers, a.Unmap())
		im.note(p, Carried, "the address of another node")
	}
}

// addresses reads the lines of a block of virtual addresses: ADDRESS[/PREFIX] [dev IF] [label NAME] and more.
func (im *importer) addresses(in *instance, s *statement) {
	im.note(s, Carried, "vip.addresses")
	for _, c := range s.block {
		prefix, ok := prefixOf(c.keyword())
		switch {
		case !ok:
			im.note(c, Left, "is no address; write it into vip.addresses yourself")
			continue
		case !prefix.Addr().IsGlobalUnicast():
			im.note(c, Needless, "VRRP asks for a link-local address first, and Evenkeel holds only what clients connect to")
			continue
		}
		h := held{s: c, prefix: prefix}
		var lost []string
		for i := 1; i < len(c.words); i++ {
			switch w := c.words[i]; w {
			case "dev":
				i++
				h.dev = c.arg(i)
			case "label":
				i++
				h.label = c.arg(i)
			case "brd", "broadcast", "scope", "peer", "preferred_lft":
				lost = append(lost, w+" "+c.arg(i+1))
				i++
			default:
				lost = append(lost, w)
			}
		}
		if len(lost) > 0 {
			im.note(c, Left, "%s: addresses have a prefix length, an interface and a label, the rest the kernel chooses", strings.Join(lost, ", "))
		}
		in.held = append(in.held, h)
	}
}

// prefixOf reads an address with or without its prefix length; without, it is a single one, as for keepalived.
func prefixOf(text string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return p, true
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}

func (im *importer) group(v *view, s *statement) *group {
	g := &group{s: s, name: s.arg(1)}
	for _, c := range s.block {
		switch {
		case c.keyword() == "group":
			im.note(c, Carried, "its instances are one resource")
			for _, m := range c.block {
				for _, name := range m.words {
					if !v.declared[name] {
						im.note(m, Left, "%s has no instance of this name: %s", v.file, shortened(name))
						continue
					}
					im.note(m, Carried, "in the group")
					g.members = append(g.members, name)
				}
			}
		case strings.HasPrefix(c.keyword(), "track_"):
			g.tracks = append(g.tracks, c)
		case !c.open && len(c.words) == 1 && v.declared[c.keyword()]:
			im.note(c, Carried, "in the group") // as keepalived 1 had it, without the block
			g.members = append(g.members, c.keyword())
		default:
			im.whole(c, groupVerdict(c.keyword()))
		}
	}
	return g
}
