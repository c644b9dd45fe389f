// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// balancerName is what the HAProxy of the nodes is called in the cluster file.
const balancerName = "haproxy"

// The kinds of what is watched, as keys of view.scripts.
const (
	kindScript  = "script "
	kindProcess = "process "
)

var socketForm = regexp.MustCompile(`/[A-Za-z0-9_./-]+\.(?:sock|socket|stats?)\b`)

// script sorts the lines of a vrrp_script.
func (im *importer) script(v *view, s *statement) {
	im.watch(v, kindScript+s.arg(1), s, "script")
}

// process sorts the lines of a vrrp_track_process.
func (im *importer) process(v *view, s *statement) {
	im.watch(v, kindProcess+s.arg(1), s, "process")
}

func (im *importer) watch(v *view, key string, s *statement, keyword string) {
	w := &watched{s: s}
	if c := s.child(keyword); c != nil {
		w.command = strings.Join(c.words[1:], " ")
		if about, sure := aboutProxy(w.command, keyword == "process"); about {
			w.proxy, w.sure = c, sure
		}
	}
	v.scripts[key] = w
	if w.proxy == nil {
		im.whole(s, verdict{Left, "a resource follows nodes and HAProxy, no other command; if what it looks at is behind HAProxy, make it a pool with a check"})
		return
	}
	im.cover(s)
	im.note(s, Carried, "whoever tracks it is held only where balancer %s answers", balancerName)
	for _, c := range s.block {
		if c != w.proxy {
			im.note(c, Needless, "HAProxy is asked over its socket all the time")
			continue
		}
		im.proxyLine(w, c)
	}
}

func (im *importer) proxyLine(w *watched, c *statement) {
	if at := socketForm.FindString(w.command); at != "" {
		im.socket = cmpOr(im.socket, at)
	}
	if w.sure {
		im.note(c, Carried, "it looks whether HAProxy runs; Evenkeel asks HAProxy itself, and runs no command for that")
		return
	}
	im.note(c, Check, "taken for a look at HAProxy, for its name; what else it does is not done any more")
}

// aboutProxy tells whether a command looks at HAProxy, and whether it surely does nothing else.
func aboutProxy(command string, process bool) (about, sure bool) {
	if !strings.Contains(strings.ToLower(command), "haproxy") {
		return false, false
	}
	words := strings.Fields(command)
	named := slices.ContainsFunc(words, func(w string) bool {
		return strings.TrimSuffix(path.Base(strings.Trim(w, "`\"'")), ".service") == "haproxy"
	})
	if process || !named {
		return true, process
	}
	switch path.Base(words[0]) {
	case "killall", "pkill", "kill":
		return true, slices.Contains(words, "-0")
	case "pidof", "pgrep":
		return true, len(words) <= 4
	case "systemctl":
		return true, slices.Contains(words, "is-active") || slices.Contains(words, "status")
	case "service":
		return true, slices.Contains(words, "status")
	}
	return true, false
}

// tracked tells what became of the track_ blocks of one instance or group, and whether they ask for HAProxy.
func (im *importer) tracked(v *view, blocks []*statement) bool {
	proxy := false
	for _, b := range blocks {
		im.note(b, Carried, "its lines are told one by one")
		for _, c := range b.block {
			switch b.keyword() {
			case "track_script":
				proxy = im.reference(v, kindScript, c) || proxy
			case "track_process":
				proxy = im.reference(v, kindProcess, c) || proxy
			case "track_interface":
				im.note(c, Left, "no resource follows the link of an interface by itself; a node that the others cannot hear loses it, so put a rail on this interface")
			default:
				im.note(c, Left, "no resource follows files or BFD")
			}
		}
		if len(b.block) == 0 {
			im.note(b, Needless, "nothing is in it")
		}
	}
	return proxy
}

// reference tells what became of one script or process that is tracked.
func (im *importer) reference(v *view, kind string, c *statement) bool {
	w := v.scripts[kind+c.keyword()]
	switch {
	case w == nil:
		im.note(c, Left, "nothing of this name is defined")
		return false
	case w.proxy == nil:
		im.note(c, Left, "see %s:%d", w.s.at.file, w.s.at.line)
		return false
	case weighs(c) || len(c.words) == 1 && weighs(w.s.child("weight")):
		im.note(c, Check, "balancer %s; keepalived changed the priority by a weight, here the resource is held only where HAProxy answers", balancerName)
	default:
		im.note(c, Carried, "balancer %s", balancerName)
	}
	return true
}

// weighs tells whether a statement that ends with a weight has one that is not 0.
func weighs(s *statement) bool {
	if s == nil {
		return false
	}
	i := slices.Index(s.words, "weight")
	return i >= 0 && s.arg(i+1) != "0"
}

// bind adds the nodes that hold a resource to those that run the balancer.
func (im *importer) bind(nodes []cluster.NodeID) {
	for _, n := range nodes {
		if !slices.Contains(im.bound, n) {
			im.bound = append(im.bound, n)
		}
	}
}

// balancer writes the balancer, if a resource or a pool asks for one.
func (im *importer) balancer() {
	if len(im.bound) == 0 {
		return
	}
	socket := cmpOr(im.options.Socket, im.socket)
	if socket == "" {
		socket = DefaultSocket
		im.general("balancers", "HAProxy's stats socket is taken to be %s; haproxy.cfg has to say: stats socket %s mode 660 level admin", socket, socket)
	}
	var nodes []cluster.NodeID
	for _, n := range im.names() {
		if slices.Contains(im.bound, n) {
			nodes = append(nodes, n)
		}
	}
	im.spec.Balancers = []cluster.BalancerSpec{{Name: balancerName, Nodes: nodes, Socket: socket}}
}
