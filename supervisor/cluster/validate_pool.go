// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of a drain deadline that is given at all.
const (
	minDeadline = Duration(100 * time.Millisecond)
	maxDeadline = Duration(7 * 24 * time.Hour)
)

// maxStatusRanges bounds how many ranges of status codes a check may have.
const maxStatusRanges = 100

var methodForm = regexp.MustCompile(`^[A-Z]{1,32}$`)

func (v *validator) pools(s Spec) {
	seen := map[string]bool{}
	for i, p := range s.Pools {
		path := fmt.Sprintf("pools[%d]", i)
		v.unique(path+".name", "pool", p.Name, seen)
		v.backend(path+".backend", p, s.Pools[:i])
		for j, b := range p.Balancers {
			at := fmt.Sprintf("%s.balancers[%d]", path, j)
			switch {
			case !slices.ContainsFunc(s.Balancers, func(x BalancerSpec) bool { return x.Name == b }):
				v.add(at, b, "no balancer of this name; %s", thereAre(s.balancerNames()))
			case slices.Contains(p.Balancers[:j], b):
				v.add(at, b, "the balancer stands here twice")
			}
		}
		v.members(path, s, p)
		v.check(path+".check", p.Check)
		v.policy(path, p)
	}
	v.atMost("pools", len(s.Members()), "members", MaxMembers)
}

// backend checks that no pool above writes to the same servers.
func (v *validator) backend(path string, p PoolSpec, above []PoolSpec) {
	if p.Backend != "" && !proxyForm.MatchString(p.Backend) {
		v.add(path, p.Backend, "write the name of a backend of haproxy.cfg: letters, digits, '-', '_', '.', ':'")
	}
	for _, o := range above {
		if o.Name != p.Name && o.BackendName() == p.BackendName() && p.shares(o) {
			v.add(path, p.BackendName(), "pool %s has this backend already; one writer a server", o.Name)
			return
		}
	}
}

func (v *validator) members(path string, s Spec, p PoolSpec) {
	if len(p.Members) == 0 {
		v.add(path+".members", "", "is missing; choose nodes by label or name addresses")
	}
	named := map[string]bool{}
	for i, m := range p.Members {
		at := fmt.Sprintf("%s.members[%d]", path, i)
		if m.Port < 1 || m.Port > 65535 {
			v.add(at+".port", fmt.Sprint(m.Port), "write the TCP port on which the member serves, 1 to 65535")
		}
		if m.Weight < 0 || m.Weight > 256 {
			v.add(at+".weight", fmt.Sprint(m.Weight), "write 1 to 256, or leave it out")
		}
		switch {
		case len(m.Nodes) > 0 && (m.Address != "" || m.Name != ""):
			v.add(at, "", "has both nodes and name or address; write two entries")
		case len(m.Nodes) == 0 && m.Address == "":
			v.add(at, "", "has neither nodes (labels) nor address")
		case m.Address != "":
			v.address(at+".address", m.Address)
			v.name(at+".name", m.Name)
			if _, ok := s.Node(NodeID(m.Name)); m.Name != "" && (ok || named[m.Name]) {
				v.add(at+".name", m.Name, "the name is taken by a node or a member above")
			}
			named[m.Name] = true
			if len(s.BalancerNodes(p)) == 0 {
				v.add(at, "", "an agentless member is probed from the nodes that run its balancers, and there are none")
			}
		default:
			v.chosen(at, s, p, m)
		}
	}
}

// chosen checks the nodes that an entry chooses by label.
func (v *validator) chosen(at string, s Spec, p PoolSpec, m MemberSpec) {
	nodes := s.expand(p, m)
	if len(nodes) == 0 {
		v.add(at+".nodes", labels(m.Nodes), "no node has these labels; %s", thereAre(s.labels()))
	}
	for _, n := range nodes {
		if n.Address == "" {
			v.add(at+".nodes", labels(m.Nodes), "node %s is chosen and has no address; add nodes[].address, at which its application serves", n.Node)
		}
	}
}

func (s Spec) balancerNames() []string {
	var out []string
	for _, b := range s.Balancers {
		out = append(out, b.Name)
	}
	return out
}

// labels returns the labels by which members can be chosen, sorted.
func (s Spec) labels() []string {
	var out []string
	for _, n := range s.Nodes {
		if n.Witness {
			continue
		}
		for _, k := range sortedKeys(n.Labels) {
			out = append(out, k+": "+n.Labels[k])
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// thereAre lists what could be meant, as far as it fits on a line.
func thereAre(what []string) string {
	const most = 12
	switch {
	case len(what) == 0:
		return "there are none"
	case len(what) > most:
		return fmt.Sprintf("there are %s and %d more", strings.Join(what[:most], ", "), len(what)-most)
	}
	return "there are " + strings.Join(what, ", ")
}

func labels(m map[string]string) string {
	var out []string
	for _, k := range sortedKeys(m) {
		out = append(out, k+": "+m[k])
	}
	return strings.Join(out, ", ")
}

func (v *validator) check(path string, c CheckSpec) {
	kinds := 0
	for _, set := range []bool{c.TCP != nil, c.HTTP != nil, c.Exec != nil} {
		if set {
			kinds++
		}
	}
	if kinds > 1 {
		v.add(path, "", "has more than one of tcp, http and exec; keep one")
	}
	if c.Exec != nil && (len(c.Exec.Command) == 0 || !strings.HasPrefix(c.Exec.Command[0], "/")) {
		v.add(path+".exec.command", strings.Join(c.Exec.Command, " "), "write the absolute path of the program, then its arguments, as a list")
	}
	if c.HTTP != nil {
		v.http(path+".http", *c.HTTP)
	}
	v.within(path+".interval", c.Interval, Duration(50*time.Millisecond), Duration(time.Hour))
	v.within(path+".timeout", c.Timeout, Duration(10*time.Millisecond), Duration(10*time.Minute))
	v.count(path+".rise", c.Rise)
	v.count(path+".fall", c.Fall)
}

func (v *validator) http(path string, c HTTPCheck) {
	v.absolute(path+".path", c.Path, "begin with /")
	if c.Method != "" && !methodForm.MatchString(c.Method) {
		v.add(path+".method", c.Method, "write an HTTP method in capitals, such as GET or HEAD")
	}
	if err := checkStatus(c.Status); err != nil {
		v.add(path+".status", c.Status, "%v", err)
	}
	if _, err := regexp.Compile(c.Body); err != nil {
		v.add(path+".body", c.Body, "not a regular expression: %v", err)
	}
}

// checkStatus checks the form of "200-299,304". Nothing is right too: it stands
// for the default.
func checkStatus(s string) error {
	if s == "" {
		return nil
	}
	parts := strings.SplitN(s, ",", maxStatusRanges+1)
	for _, part := range parts {
		from, to, ranged := strings.Cut(part, "-")
		if !ranged {
			to = from
		}
		a, errA := strconv.ParseUint(strings.TrimSpace(from), 10, 16)
		b, errB := strconv.ParseUint(strings.TrimSpace(to), 10, 16)
		if errA != nil || errB != nil || a < 100 || b > 599 || a > b {
			return errors.New("write status codes between 100 and 599, such as 200-299,304")
		}
	}
	if len(parts) > maxStatusRanges {
		return fmt.Errorf("at most %d ranges", maxStatusRanges)
	}
	return nil
}

func (v *validator) policy(path string, p PoolSpec) {
	v.absolute(path+".watch.pid_file", p.Watch.PIDFile, "write an absolute path")
	if p.Watch.Systemd != "" && !strings.Contains(p.Watch.Systemd, ".") {
		v.add(path+".watch.systemd", p.Watch.Systemd, "write the full name of the unit, such as nginx.service")
	}
	v.count(path+".flap.changes", p.Flap.Changes)
	v.within(path+".flap.window", p.Flap.Window, Duration(time.Second), Duration(24*time.Hour))
	v.within(path+".flap.hold", p.Flap.Hold, Duration(time.Second), Duration(24*time.Hour))
	v.within(path+".drain.deadline", p.Drain.Deadline, minDeadline, maxDeadline)
	if p.Drain.Least() < 0 {
		v.add(path+".drain.floor", fmt.Sprint(p.Drain.Least()), "write 0 or more, or leave it out")
	}
	v.within(path+".slow_start", p.SlowStart, Duration(100*time.Millisecond), Duration(24*time.Hour))
}

// within checks a duration that may be left out.
func (v *validator) within(path string, d, least, most Duration) {
	if d != 0 && (d < least || d > most) {
		v.add(path, d.String(), "write %s to %s, or leave it out", least, most)
	}
}

func (v *validator) count(path string, n int) {
	if n < 0 || n > 1000 {
		v.add(path, fmt.Sprint(n), "write 1 to 1000, or leave it out")
	}
}
