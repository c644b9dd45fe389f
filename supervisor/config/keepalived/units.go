// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// unit is the addresses of a bundle on one interface.
type unit struct {
	link string
	held []held
}

// units makes the resources of a bundle and returns their names.
func (im *importer) units(b *bundle, r cluster.ResourceSpec, seen map[string]bool) []string {
	var names []string
	for i, u := range im.unitsOf(b, r.Prefer, seen) {
		name := cmpOr(plainName(b.name), "vip")
		if i > 0 {
			name = cmpOr(plainName(b.name+"-"+u.link), name)
		}
		label := im.label(u)
		for part := range slices.Chunk(u.held, cluster.MaxAddresses) {
			one := r
			one.Name = unique(name, im.taken)
			one.VIP = &cluster.VIPSpec{Interface: u.link, Label: label}
			for _, h := range part {
				one.VIP.Addresses = append(one.VIP.Addresses, h.prefix.String())
				im.note(h.s, Carried, "%s on %s, resource %s", h.prefix, u.link, one.Name)
			}
			if len(part) < len(u.held) {
				im.note(part[0].s, Check, "a resource has at most %d addresses, so resource %s is one of several", cluster.MaxAddresses, one.Name)
			}
			im.spec.Resources = append(im.spec.Resources, one)
			names = append(names, one.Name)
		}
	}
	return names
}

// unitsOf sorts the addresses of a bundle by interface. Where the nodes differ, the preferred one is right.
func (im *importer) unitsOf(b *bundle, prefer []cluster.NodeID, seen map[string]bool) []*unit {
	instances := b.all()
	rank := func(in *instance) int {
		if i := slices.Index(prefer, in.view.node); i >= 0 {
			return i
		}
		return len(prefer)
	}
	slices.SortStableFunc(instances, func(x, y *instance) int { return rank(x) - rank(y) })
	var out []*unit
	on := map[netip.Addr]string{} // the interface of the addresses of this bundle
	for _, in := range instances {
		for _, h := range in.held {
			link := im.linkOf(in, h)
			at := h.prefix.Addr().Unmap()
			if had, ok := on[at]; ok {
				im.again(h, had, link)
				continue
			}
			if seen[at.String()] {
				im.note(h.s, Left, "the address stands above already, and one resource has it")
				continue
			}
			seen[at.String()], on[at] = true, link
			i := slices.IndexFunc(out, func(u *unit) bool { return u.link == link })
			if i < 0 {
				i = len(out)
				out = append(out, &unit{link: link})
			}
			out[i].held = append(out[i].held, h)
		}
	}
	im.differences(b, on)
	return out
}

// again tells of an address that another node, or a line above, has already given to the bundle.
func (im *importer) again(h held, had, link string) {
	if had != link {
		im.note(h.s, Check, "on %s here and on %s elsewhere; a resource has the same interface on every node: %s was taken, rename one of the two", link, had, had)
		return
	}
	im.note(h.s, Carried, "%s on %s, as above", h.prefix, link)
}

// differences tells of addresses that some of the nodes of an instance do not have.
func (im *importer) differences(b *bundle, on map[netip.Addr]string) {
	for _, in := range b.all() {
		for _, other := range b.all() {
			if other.view == in.view || other.name != in.name {
				continue
			}
			for _, h := range in.held {
				_, ours := on[h.prefix.Addr().Unmap()]
				if ours && !slices.ContainsFunc(other.held, func(o held) bool { return o.prefix.Addr() == h.prefix.Addr() }) {
					im.note(h.s, Check, "%s does not have this address (%s:%d); here every node holds all of them", other.view.node, other.s.at.file, other.s.at.line)
				}
			}
		}
	}
}

// linkOf returns the interface of an address.
func (im *importer) linkOf(in *instance, h held) string {
	if h.dev == "" && in.link == "" {
		im.note(h.s, Check, "no interface is written, so %s was taken, as keepalived does", in.view.fallback)
	}
	return cmpOr(h.dev, in.link, in.view.fallback)
}

// label returns the label of a unit, which its IPv4 addresses share.
func (im *importer) label(u *unit) string {
	var labels []string
	for _, h := range u.held {
		if h.prefix.Addr().Is4() && !slices.Contains(labels, h.label) {
			labels = append(labels, h.label)
		}
	}
	switch {
	case len(labels) == 1 && labels[0] == "":
		return ""
	case len(labels) == 1 && strings.HasPrefix(labels[0], u.link) && len(labels[0]) <= labelMost:
		return labels[0]
	}
	for _, h := range u.held {
		if h.label != "" {
			im.note(h.s, Left, "%s", fmt.Sprintf("label %s: a resource has one label for all its IPv4 addresses, beginning with %s, of at most %d characters", shortened(h.label), u.link, labelMost))
		}
	}
	return ""
}

// labelMost is how long the kernel lets a label be, in bytes (IFNAMSIZ without the end).
const labelMost = 15
