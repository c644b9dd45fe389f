// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/lease"
	"github.com/evenkeel-ha/evenkeel/supervisor/spelling"
)

// socketMost is the longest path of a unix socket on Linux, in bytes (unix(7):
// 108 with the zero byte).
const socketMost = 107

const nameWant = "use 1 to 64 lower-case letters, digits, '-', '_' or '.', beginning and ending with a letter or digit"

var hostForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$`)

// nodeCheck finds what is wrong with a node file whose form is right, and puts
// addresses into their full form.
type nodeCheck struct{ *layers }

func (c nodeCheck) node(n *Node) {
	want := nameWant
	if !c.keys.Exists("node") {
		want += "; this is the host's name, since no node is named"
	}
	c.name("node", n.Node, want)
	c.name("cluster", n.Cluster, nameWant)
	c.absolute("data_dir", n.DataDir)
	c.absolute("key_file", n.KeyFile)
	c.absolute("api.socket", n.API.Socket)
	c.socket("api.socket", n.API.Socket)
	if n.Bootstrap != "" {
		c.absolute("bootstrap", n.Bootstrap)
	}
	if n.Guard.Socket != besideAPI(n.API.Socket) { // else it is as good as the other one
		c.absolute("guard.socket", n.Guard.Socket)
		c.socket("guard.socket", n.Guard.Socket)
	}
	if n.Guard.Class != "" {
		c.word("guard.class", n.Guard.Class, guardClasses())
	}
	c.word("timing", n.Timing, Profiles())
	c.flight(n.Flight.Size)
	c.word("log.level", n.Log.Level, logLevels())
	c.word("log.format", n.Log.Format, logFormats())
	c.rails(n)
}

func guardClasses() []string {
	return []string{string(lease.Gate), string(lease.TimedSet), string(lease.Address)}
}

func logLevels() []string  { return []string{"trace", "debug", "info", "warn", "error"} }
func logFormats() []string { return []string{"text", "json"} }

func (c nodeCheck) name(key, value, want string) {
	switch {
	case value == "":
		c.fault(key, "", "is missing; "+want)
	case !cluster.ValidName(value):
		c.fault(key, value, want)
	}
}

func (c nodeCheck) absolute(key, value string) {
	if !strings.HasPrefix(value, "/") {
		c.fault(key, value, "write an absolute path, beginning with /")
	}
}

func (c nodeCheck) socket(key, value string) {
	if len(value) > socketMost {
		c.fault(key, value, fmt.Sprintf("has %d bytes; the path of a unix socket has at most %d", len(value), socketMost))
	}
}

func (c nodeCheck) word(key, value string, known []string) {
	if !slices.Contains(known, value) {
		c.fault(key, value, "write "+spelling.OneOf(known)+spelling.DidYouMean(value, known))
	}
}

func (c nodeCheck) rails(n *Node) {
	if len(n.Rails) == 0 {
		c.fault(railsKey, "", "is missing; name at least one network that carries the bus, better two")
	}
	if len(n.Rails) > MaxRails {
		c.fault(railsKey, fmt.Sprintf("%d rails", len(n.Rails)), fmt.Sprintf("at most %d", MaxRails))
	}
	names, listens := map[string]bool{}, map[string]string{}
	for i := range n.Rails {
		r, key := &n.Rails[i], fmt.Sprintf("%s[%d]", railsKey, i)
		c.name(key+".name", r.Name, nameWant)
		if names[r.Name] && r.Name != "" {
			c.fault(key+".name", r.Name, "a rail of this name stands above; names are unique")
		}
		names[r.Name] = true
		c.listen(key+".listen", &r.Listen)
		if other, ok := listens[r.Listen]; ok && r.Listen != "" {
			c.fault(key+".listen", r.Listen, "rail "+other+" listens there already; a rail is a network of its own")
		}
		listens[r.Listen] = r.Name
		c.seeds(key+".seeds", r)
	}
}

func (c nodeCheck) listen(key string, listen *string) {
	at, err := withPort(*listen)
	switch {
	case *listen == "":
		c.fault(key, "", "is missing; write the IP address of this node on that network, such as 10.77.1.1")
	case err != nil:
		c.fault(key, *listen, "write the IP address of this node on that network, and a port if it is not 7420, such as 10.77.1.1 or 10.77.1.1:7420; names are not resolved")
	case at.Addr().IsUnspecified():
		c.fault(key, *listen, "would join all networks of the machine into one rail; write the address on one of them")
	case at.Port() == 0:
		c.fault(key, *listen, "port 0 means a different port at each start; write 1 to 65535, or leave it out")
	default:
		*listen = at.String()
	}
}

// seeds completes the seeds of a rail and drops our own address, so that one
// list can stand in the files of all nodes.
func (c nodeCheck) seeds(key string, r *Rail) {
	var out []string
	for i, s := range r.Seeds {
		full, ok := seed(s)
		if !ok {
			c.fault(fmt.Sprintf("%s[%d]", key, i), s, "write host or host:port, such as 10.77.1.2, 10.77.1.2:7420 or n2.example.net")
		}
		if full != r.Listen {
			out = append(out, full)
		}
	}
	r.Seeds = out
}

// seed completes a host or an address with the port of rails.
func seed(s string) (string, bool) {
	if at, err := withPort(s); err == nil {
		return at.String(), at.Port() != 0 && !at.Addr().IsUnspecified()
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		host, port = s, strconv.Itoa(DefaultRailPort)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	// A name of digits and dots only is an address with a slip of the pen.
	named := hostForm.MatchString(host) && strings.Trim(host, "0123456789.") != ""
	return net.JoinHostPort(host, port), err == nil && n > 0 && named
}

// withPort completes an IP address with the port of rails.
func withPort(s string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return netip.AddrPortFrom(a, DefaultRailPort), nil
	}
	return netip.ParseAddrPort(s)
}
