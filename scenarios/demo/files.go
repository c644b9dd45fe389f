// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/config"
)

// Names and ports of the demo's cluster.
const (
	clusterName = "demo"
	poolName    = "web" // of the backend in HAProxy as well
	appPort     = 8080
	keptPort    = 8000 // of the HAProxy that Evenkeel keeps
	peerPort    = 8001 // of the HAProxy that it does not touch
)

// flapChanges is the most that a cluster file may allow, and beyond what the acts do in a minute: they break the same
// members again and again, which the default limit would answer, rightly, by holding them down.
const flapChanges = 1000

// spec is the cluster file.
func (s *stage) spec() cluster.Spec {
	spec := cluster.Spec{Cluster: clusterName}
	for _, m := range s.machines {
		spec.Nodes = append(spec.Nodes, cluster.NodeSpec{
			Name: cluster.NodeID(m.name), Address: m.node.IP(0).String(), Labels: map[string]string{"role": m.role},
		})
		if m.role == roleBalancer {
			// One balancer each, named for its node: on one machine, their sockets cannot have one path.
			spec.Balancers = append(spec.Balancers, cluster.BalancerSpec{
				Name: m.name, Nodes: []cluster.NodeID{cluster.NodeID(m.name)}, Socket: m.socket(kept), StateFile: m.path("kept.state"),
			})
		}
	}
	spec.Pools = []cluster.PoolSpec{{
		Name:    poolName,
		Members: []cluster.MemberSpec{{Nodes: map[string]string{"role": roleWeb}, Port: appPort}},
		Check:   cluster.CheckSpec{HTTP: &cluster.HTTPCheck{Path: "/health"}},
		Flap:    cluster.FlapSpec{Changes: flapChanges},
	}}
	return spec
}

// writeShared writes what all nodes have in common: the key and the cluster file.
func (s *stage) writeShared() error {
	text, err := config.FormatCluster(s.spec())
	if err != nil {
		return err
	}
	return writeFiles(map[string]string{s.shared("cluster.key"): config.NewKey() + "\n", s.shared("cluster.yaml"): string(text)})
}

func (s *stage) shared(name string) string { return filepath.Join(s.world.Dir(), name) }

// nodeFile is the node file of one machine.
func (s *stage) nodeFile(m *machine) string {
	var b strings.Builder
	fmt.Fprintf(&b, "node: %s\ncluster: %s\ntiming: %s\n", m.name, clusterName, s.opts.Timing)
	fmt.Fprintf(&b, "data_dir: %s\nkey_file: %s\nbootstrap: %s\n", m.path("data"), s.shared("cluster.key"), s.shared("cluster.yaml"))
	fmt.Fprintf(&b, "api:\n  socket: %s\nrails:\n", m.path("api.sock"))
	for rail := 1; rail <= lab.DefaultRails; rail++ {
		var seeds []string
		for _, other := range s.machines {
			seeds = append(seeds, other.node.Rail(rail).String())
		}
		fmt.Fprintf(&b, "  - {name: rail%d, listen: %s, seeds: [%s]}\n", rail, m.node.Rail(rail), strings.Join(seeds, ", "))
	}
	return b.String()
}

// keptConfig is what Evenkeel recommends: another server at once when one cannot be reached, short waits for a connection,
// states that survive a reload, and no checks, since Evenkeel checks.
func (s *stage) keptConfig(m *machine) string {
	return fmt.Sprintf(`global
  stats socket %s mode 600 level admin
  server-state-file %s
  maxconn 4000
defaults
  mode http
  timeout connect 200ms
  timeout client 50s
  timeout server 50s
  option redispatch 1
  load-server-state-from-file global
frontend clients
  bind %s:%d
  default_backend %s
backend %s
  balance roundrobin
%s`, m.socket(kept), m.path("kept.state"), m.node.IP(0), keptPort, poolName, poolName, s.serverLines(""))
}

// peerConfig is HAProxy as it comes: its own checks with their defaults (every 2 s, DOWN after 3 failures) and the time limits
// of Debian's haproxy.cfg.
func (s *stage) peerConfig(m *machine) string {
	return fmt.Sprintf(`global
  stats socket %s mode 600 level user
  maxconn 4000
defaults
  mode http
  timeout connect 5s
  timeout client 50s
  timeout server 50s
frontend clients
  bind %s:%d
  default_backend %s
backend %s
  balance roundrobin
%s`, m.socket(peer), m.node.IP(0), peerPort, poolName, poolName, s.serverLines(" check"))
}

func (s *stage) serverLines(more string) string {
	var b strings.Builder
	for _, m := range s.machines {
		if m.role == roleWeb {
			fmt.Fprintf(&b, "  server %s %s:%d%s\n", m.name, m.node.IP(0), appPort, more)
		}
	}
	return b.String()
}

func writeFiles(files map[string]string) error {
	for path, text := range files {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return fmt.Errorf("write the demo's files: %w", err)
		}
	}
	return nil
}
