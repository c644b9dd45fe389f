// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// goodSpec is a cluster file without a fault, for tests that spoil it.
func goodSpec() cluster.Spec {
	web := map[string]string{"role": "web"}
	return cluster.Spec{
		Cluster: "demo",
		Nodes: []cluster.NodeSpec{
			{Name: "n1", Address: "10.0.0.1", Labels: web},
			{Name: "n2", Address: "10.0.0.2", Labels: web},
			{Name: "w1", Witness: true},
		},
		Balancers: []cluster.BalancerSpec{{Name: "lb", Nodes: []cluster.NodeID{"n1", "n2"}, Socket: "/run/lb.sock"}},
		Pools: []cluster.PoolSpec{{Name: "web", Members: []cluster.MemberSpec{
			{Nodes: web, Port: 80}, {Name: "old", Address: "10.9.0.1", Port: 80, Weight: 256},
		}}},
	}
}

func many[T any](n int, each func(int) T) []T {
	var out []T
	for i := range n {
		out = append(out, each(i))
	}
	return out
}

func TestValidate(t *testing.T) {
	const nameWant = "use 1 to 64 lower-case letters, digits, '-', '_' or '.', beginning and ending with a letter or digit"
	pool := func(s *cluster.Spec) *cluster.PoolSpec { return &s.Pools[0] }
	http := func(c cluster.HTTPCheck) func(*cluster.Spec) {
		return func(s *cluster.Spec) { pool(s).Check.HTTP = &c }
	}
	for _, tc := range []struct {
		name  string
		spoil func(*cluster.Spec)
		want  []string
	}{
		{"good", func(*cluster.Spec) {}, nil},
		{"nothing", func(s *cluster.Spec) { *s = cluster.Spec{} }, []string{"cluster: is missing; " + nameWant, "nodes: is missing; name at least one node"}},
		{"cluster", func(s *cluster.Spec) { s.Cluster = "A" }, []string{`cluster: "A": ` + nameWant}},
		{"names missing", func(s *cluster.Spec) {
			s.Nodes = append(s.Nodes, cluster.NodeSpec{}, cluster.NodeSpec{})
			s.Balancers = append(s.Balancers, cluster.BalancerSpec{Nodes: []cluster.NodeID{"n1"}, Socket: "/a"}, cluster.BalancerSpec{Nodes: []cluster.NodeID{"n1"}, Socket: "/b"})
			s.Pools = append(s.Pools, cluster.PoolSpec{Members: s.Pools[0].Members}, cluster.PoolSpec{Members: s.Pools[0].Members})
		}, []string{
			"nodes[3].name: is missing; " + nameWant, "nodes[4].name: is missing; " + nameWant,
			"balancers[1].name: is missing; " + nameWant, "balancers[2].name: is missing; " + nameWant,
			"pools[1].name: is missing; " + nameWant, "pools[2].name: is missing; " + nameWant,
		}},
		{"names twice", func(s *cluster.Spec) {
			s.Nodes = append(s.Nodes, cluster.NodeSpec{Name: "n1"})
			s.Balancers = append(s.Balancers, cluster.BalancerSpec{Name: "lb", Nodes: []cluster.NodeID{"n1"}, Socket: "/b"})
			s.Pools = append(s.Pools, s.Pools[0])
		}, []string{
			`nodes[3].name: "n1": a node of this name stands above; names are unique`,
			`balancers[1].name: "lb": a balancer of this name stands above; names are unique`,
			`pools[1].name: "web": a pool of this name stands above; names are unique`,
		}},
		{"addresses", func(s *cluster.Spec) {
			s.Nodes[0].Address, s.Nodes[1].Address = "2001:db8::1", "2001:0DB8:0::1"
			s.Nodes[2].Address = "n3.example.net"
		}, []string{
			`nodes[1].address: "2001:0DB8:0::1": node n1 has this address already`,
			`nodes[2].address: "n3.example.net": write an IP address, such as 10.0.0.11 or 2001:db8::11; names are not resolved`,
		}},
		{"witness without a vote", func(s *cluster.Spec) { s.Nodes[2].Vote = new(false) }, []string{`nodes[2].vote: "false": a witness is there to vote; remove vote or witness`}},
		{"label", func(s *cluster.Spec) { s.Nodes[2].Labels = map[string]string{"a b": "c"} }, []string{`nodes[2].labels.a b: "a b": a label's name has 1 to 128 letters, digits, '-', '_', '.' or ':'`}},
		{"no voters", func(s *cluster.Spec) {
			s.Nodes = []cluster.NodeSpec{{Name: "n1", Vote: new(false)}}
			s.Balancers, s.Pools = nil, nil
		}, []string{"nodes: no node votes; at least one must"}},
		{"many voters", func(s *cluster.Spec) {
			s.Nodes = append(s.Nodes, many(7, func(i int) cluster.NodeSpec { return cluster.NodeSpec{Name: cluster.NodeID(fmt.Sprint("v", i))} })...)
		}, []string{`nodes: "10 voters": at most 9 may vote; give the others vote: false`}},
		{"too large", func(s *cluster.Spec) {
			s.Cluster = ""
			s.Nodes = many(33, func(int) cluster.NodeSpec { return cluster.NodeSpec{} })
			s.Balancers = many(65, func(int) cluster.BalancerSpec { return cluster.BalancerSpec{} })
			s.Pools = many(4097, func(int) cluster.PoolSpec { return cluster.PoolSpec{} })
		}, []string{`nodes: "33 nodes": at most 32`, `balancers: "65 balancers": at most 64`, `pools: "4097 entries of members": at most 4096`}},
		{"many members", func(s *cluster.Spec) {
			s.Pools = many(2049, func(i int) cluster.PoolSpec {
				return cluster.PoolSpec{Name: fmt.Sprint("p", i), Members: []cluster.MemberSpec{{Nodes: map[string]string{"role": "web"}, Port: 80}}}
			})
		}, []string{`pools: "4098 members": at most 4096`}},
		{"balancer", func(s *cluster.Spec) {
			s.Balancers[0] = cluster.BalancerSpec{Name: "lb", Driver: "nginx", Socket: "run/x", StateFile: "x", Ring: "a b", Nodes: []cluster.NodeID{"n1", "n1", "n9", "w1"}}
		}, []string{
			`balancers[0].driver: "nginx": the drivers are: haproxy`,
			`balancers[0].socket: "run/x": write the absolute path of HAProxy's stats socket, such as /run/haproxy/admin.sock`,
			`balancers[0].state_file: "x": write an absolute path, the one that haproxy.cfg names as server-state-file`,
			`balancers[0].ring: "a b": write the name of a ring section of haproxy.cfg`,
			`balancers[0].nodes[1]: "n1": the node stands here twice`,
			`balancers[0].nodes[2]: "n9": no node of this name; there are n1, n2, w1`,
			`balancers[0].nodes[3]: "w1": the node is a witness: it votes and runs nothing`,
		}},
		{"balancer without nodes", func(s *cluster.Spec) {
			s.Balancers = append(s.Balancers, cluster.BalancerSpec{Name: "lb2", Driver: "haproxy", Socket: "/s", StateFile: "/f", Ring: "r"})
		}, []string{"balancers[1].nodes: is missing; name the nodes that run this balancer"}},
		{"socket taken", func(s *cluster.Spec) {
			s.Balancers = append(s.Balancers, cluster.BalancerSpec{Name: "lb2", Socket: "/run/lb.sock", Nodes: []cluster.NodeID{"n2"}})
		}, []string{`balancers[1].socket: "/run/lb.sock": balancer lb has this socket on node n2 already; one writer a server`}},
		{"backends", func(s *cluster.Spec) {
			members := s.Pools[0].Members
			s.Balancers = append(s.Balancers, cluster.BalancerSpec{Name: "in", Socket: "/in", Nodes: []cluster.NodeID{"n2"}})
			s.Pools = []cluster.PoolSpec{
				{Name: "web", Balancers: []string{"lb"}, Members: members},
				{Name: "web-in", Backend: "web", Balancers: []string{"in"}, Members: members},
				{Name: "web-too", Backend: "web", Members: members},
				{Name: "odd", Backend: "a b", Members: members},
			}
		}, []string{
			`pools[2].backend: "web": pool web has this backend already; one writer a server`,
			`pools[3].backend: "a b": write the name of a backend of haproxy.cfg: letters, digits, '-', '_', '.', ':'`,
		}},
		{"command of addresses", func(s *cluster.Spec) {
			for i, c := range [][]string{{"/usr/local/sbin/move", "--project", "demo"}, {"move"}, {"/move", ""}, {""}, {}} {
				s.Resources = append(s.Resources, cluster.ResourceSpec{Name: fmt.Sprint("r", i), VIP: &cluster.VIPSpec{
					Addresses: []string{fmt.Sprintf("10.8.0.%d/24", i+1)}, Interface: "eth0", Command: c,
				}})
			}
		}, []string{
			`resources[1].vip.command: "move": write the absolute path of the program, then its arguments, as a list of words that are not empty`,
			`resources[2].vip.command: "/move ": write the absolute path of the program, then its arguments, as a list of words that are not empty`,
			`resources[3].vip.command: write the absolute path of the program, then its arguments, as a list of words that are not empty`,
		}},
		{"balancers of a pool", func(s *cluster.Spec) { pool(s).Balancers = []string{"lb", "lb", "egde"} }, []string{
			`pools[0].balancers[1]: "lb": the balancer stands here twice`,
			`pools[0].balancers[2]: "egde": no balancer of this name; there are lb`,
		}},
		{"no balancers at all", func(s *cluster.Spec) {
			s.Balancers = nil
			pool(s).Balancers = []string{"lb"}
			pool(s).Members = pool(s).Members[:1]
		}, []string{
			`pools[0].balancers[0]: "lb": no balancer of this name; there are none`,
		}},
		{"members missing", func(s *cluster.Spec) { pool(s).Members = nil }, []string{"pools[0].members: is missing; choose nodes by label or name addresses"}},
		{"member numbers", func(s *cluster.Spec) {
			pool(s).Members[0].Port, pool(s).Members[1].Port = 0, 65536
			pool(s).Members[1].Weight = -1
		}, []string{
			`pools[0].members[0].port: "0": write the TCP port on which the member serves, 1 to 65535`,
			`pools[0].members[1].port: "65536": write the TCP port on which the member serves, 1 to 65535`,
			`pools[0].members[1].weight: "-1": write 1 to 256, or leave it out`,
		}},
		{"member entries", func(s *cluster.Spec) {
			pool(s).Members = []cluster.MemberSpec{
				{Nodes: map[string]string{"role": "web"}, Address: "10.9.0.1", Port: 80},
				{Name: "old", Port: 80},
				{Address: "x", Port: 80},
				{Address: "10.9.0.2", Port: 80},
				{Name: "n1", Address: "10.9.0.1", Port: 80},
				{Name: "old", Address: "10.9.0.1", Port: 80},
				{Name: "old", Address: "10.9.0.2", Port: 80},
				{Nodes: map[string]string{"role": "wbe", "rack": "1"}, Port: 80},
			}
		}, []string{
			"pools[0].members[0]: has both nodes and name or address; write two entries",
			"pools[0].members[1]: has neither nodes (labels) nor address",
			`pools[0].members[2].address: "x": write an IP address, such as 10.0.0.11 or 2001:db8::11; names are not resolved`,
			"pools[0].members[2].name: is missing; " + nameWant, "pools[0].members[3].name: is missing; " + nameWant,
			`pools[0].members[4].name: "n1": the name is taken by a node or a member above`,
			`pools[0].members[6].name: "old": the name is taken by a node or a member above`,
			`pools[0].members[7].nodes: "rack: 1, role: wbe": no node has these labels; there are role: web`,
		}},
		{"many labels", func(s *cluster.Spec) {
			s.Nodes[0].Labels = map[string]string{"role": "web"}
			for i := range 13 {
				s.Nodes[0].Labels[fmt.Sprintf("l%02d", i)] = "x"
			}
			pool(s).Members[0].Nodes = map[string]string{"role": "no"}
		}, []string{`pools[0].members[0].nodes: "role: no": no node has these labels; there are l00: x, l01: x, l02: x, l03: x, l04: x, l05: x, l06: x, l07: x, l08: x, l09: x, l10: x, l11: x and 2 more`}},
		{"agentless without balancers", func(s *cluster.Spec) { s.Balancers = nil }, []string{"pools[0].members[1]: an agentless member is probed from the nodes that run its balancers, and there are none"}},
		{"node without an address", func(s *cluster.Spec) { s.Nodes[1].Address = "" }, []string{`pools[0].members[0].nodes: "role: web": node n2 is chosen and has no address; add nodes[].address, at which its application serves`}},
		{"check kinds", func(s *cluster.Spec) {
			pool(s).Check = cluster.CheckSpec{TCP: &cluster.TCPCheck{}, Exec: &cluster.ExecCheck{Command: []string{"check.sh", "-x"}}}
		}, []string{
			"pools[0].check: has more than one of tcp, http and exec; keep one",
			`pools[0].check.exec.command: "check.sh -x": write the absolute path of the program, then its arguments, as a list`,
		}},
		{"check command missing", func(s *cluster.Spec) { pool(s).Check.Exec = &cluster.ExecCheck{} }, []string{"pools[0].check.exec.command: write the absolute path of the program, then its arguments, as a list"}},
		{"good http", http(cluster.HTTPCheck{Path: "/", Method: "HEAD", Status: "200 - 299, 304", Body: "ok"}), nil},
		{"http", http(cluster.HTTPCheck{Path: "healthz", Method: "get it", Status: "2xx", Body: "("}), []string{
			`pools[0].check.http.path: "healthz": begin with /`,
			`pools[0].check.http.method: "get it": write an HTTP method in capitals, such as GET or HEAD`,
			`pools[0].check.http.status: "2xx": write status codes between 100 and 599, such as 200-299,304`,
			"pools[0].check.http.body: \"(\": not a regular expression: error parsing regexp: missing closing ): `(`",
		}},
		{"many ranges", http(cluster.HTTPCheck{Status: strings.TrimSuffix(strings.Repeat("200,", 101), ",")}), []string{
			fmt.Sprintf("pools[0].check.http.status: %q: at most 100 ranges", strings.TrimSuffix(strings.Repeat("200,", 101), ",")),
		}},
		{"numbers", func(s *cluster.Spec) {
			p := pool(s)
			p.Check.Interval, p.Check.Timeout = cluster.Duration(time.Millisecond), cluster.Duration(time.Hour)
			p.Check.Rise, p.Check.Fall = -1, 1001
			p.Watch = cluster.WatchSpec{PIDFile: "web.pid", Systemd: "nginx"}
			p.Flap = cluster.FlapSpec{Changes: -3, Window: 1, Hold: -1}
			p.Drain = cluster.DrainSpec{Deadline: cluster.Duration(900 * time.Hour), Floor: new(-1)}
			p.SlowStart = -1
		}, []string{
			`pools[0].check.interval: "1ms": write 50ms to 1h, or leave it out`,
			`pools[0].check.timeout: "1h": write 10ms to 10m, or leave it out`,
			`pools[0].check.rise: "-1": write 1 to 1000, or leave it out`,
			`pools[0].check.fall: "1001": write 1 to 1000, or leave it out`,
			`pools[0].watch.pid_file: "web.pid": write an absolute path`,
			`pools[0].watch.systemd: "nginx": write the full name of the unit, such as nginx.service`,
			`pools[0].flap.changes: "-3": write 1 to 1000, or leave it out`,
			`pools[0].flap.window: "1ns": write 1s to 24h, or leave it out`,
			`pools[0].flap.hold: "-1ns": write 1s to 24h, or leave it out`,
			`pools[0].drain.deadline: "900h": write 100ms to 168h, or leave it out`,
			`pools[0].drain.floor: "-1": write 0 or more, or leave it out`,
			`pools[0].slow_start: "-1ns": write 100ms to 24h, or leave it out`,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := goodSpec()
			tc.spoil(&s)
			var got []string
			for _, p := range s.Validate() {
				got = append(got, p.String())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("problems differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStatusCodes(t *testing.T) {
	for status, good := range map[string]bool{
		"": true, "200": true, "200-399": true, "100-599": true, "200-299,304": true, " 200 , 304 ": true,
		"99": false, "600": false, "299-200": false, "200-": false, "-": false, ",": false, "+200": false, "2e2": false, "200-299-300": false,
	} {
		s := goodSpec()
		s.Pools[0].Check.HTTP = &cluster.HTTPCheck{Status: status}
		if p := s.Validate(); (len(p) == 0) != good {
			t.Errorf("status %q: %v", status, p)
		}
	}
}
