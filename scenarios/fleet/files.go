// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab/app"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/config"
)

// firstSpec is the cluster file.
func (f *Fleet) firstSpec() cluster.Spec {
	spec := cluster.Spec{Cluster: f.opts.Cluster}
	pool := cluster.PoolSpec{
		Name:  PoolName,
		Check: cluster.CheckSpec{HTTP: &cluster.HTTPCheck{Path: "/health"}},
		Flap:  cluster.FlapSpec{Changes: flapChanges},
	}
	for _, m := range f.machines {
		address := m.Node.IP(0).String()
		if m.Role == RolePlain {
			pool.Members = append(pool.Members, cluster.MemberSpec{Name: m.Name, Address: address, Port: AppPort})
			continue
		}
		spec.Nodes = append(spec.Nodes, cluster.NodeSpec{
			Name: m.ID(), Address: address, Labels: map[string]string{"role": string(m.Role)}, Witness: m.Role == RoleWitness,
		})
		if m.Role == RoleBalancer && !f.opts.Together {
			spec.Balancers = append(spec.Balancers, m.balancerSpec())
		}
	}
	if f.opts.Together {
		spec.Balancers = []cluster.BalancerSpec{f.together()}
	}
	if f.opts.Web > 0 {
		members := cluster.MemberSpec{Nodes: map[string]string{"role": string(RoleWeb)}, Port: AppPort}
		pool.Members = append([]cluster.MemberSpec{members}, pool.Members...)
	}
	if len(pool.Members) > 0 {
		spec.Pools = []cluster.PoolSpec{pool}
	}
	if f.opts.Spec != nil {
		f.opts.Spec(&spec)
	}
	return spec
}

// balancerSpec is one balancer, named for its machine: on one host, the sockets of two machines cannot have one path.
func (m *Machine) balancerSpec() cluster.BalancerSpec {
	p := m.Kept()
	b := cluster.BalancerSpec{Name: m.Name, Nodes: []cluster.NodeID{m.ID()}, Socket: p.Socket()}
	if p.Options.StateFile {
		b.StateFile = p.StateFile()
	}
	if p.Options.Ring {
		b.Ring = RingName
	}
	return b
}

// together is the balancer that all balancer machines run.
func (f *Fleet) together() cluster.BalancerSpec {
	b := cluster.BalancerSpec{Name: Together}
	for _, m := range f.Balancers() {
		b.Nodes = append(b.Nodes, m.ID())
		b.Socket = m.Kept().inside()
	}
	return b
}

// writeFiles writes the files of all machines, and what they have in common: the key and the cluster file.
func (f *Fleet) writeFiles() error {
	text, err := config.FormatCluster(f.spec)
	if err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	files := map[string]string{f.Shared("cluster.key"): f.opts.Key + "\n", f.Shared("cluster.yaml"): string(text)}
	for _, m := range f.Nodes() {
		files[m.Path("node.yaml")] = f.nodeFile(m)
		for _, p := range m.Proxies {
			files[p.file(".cfg")] = f.proxyFile(p)
		}
	}
	return write(files)
}

// nodeFile is the node file of one machine.
func (f *Fleet) nodeFile(m *Machine) string {
	others := f.Nodes()
	if f.opts.Near != nil {
		others = append(others, f.opts.Near.Nodes()...)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "node: %s\ncluster: %s\ntiming: %s\n", m.Name, f.opts.Cluster, f.opts.Timing)
	fmt.Fprintf(&b, "data_dir: %s\nkey_file: %s\nbootstrap: %s\n", m.DataDir(), f.Shared("cluster.key"), f.Shared("cluster.yaml"))
	fmt.Fprintf(&b, "api:\n  socket: %s\n", m.Socket())
	if f.opts.GuardClass != "" {
		fmt.Fprintf(&b, "guard:\n  class: %s\n", f.opts.GuardClass)
	}
	b.WriteString("rails:\n")
	for rail := 1; rail <= f.opts.Rails; rail++ {
		var seeds []string
		for _, other := range others {
			seeds = append(seeds, other.Node.Rail(rail).String())
		}
		fmt.Fprintf(&b, "  - {name: rail%d, listen: %s, seeds: [%s]}\n", rail, m.Node.Rail(rail), strings.Join(seeds, ", "))
	}
	return b.String()
}

// proxyFile is the configuration of an HAProxy. A worker that was replaced leaves soon, whatever its clients do; one thread
// each is enough, for all of them share this machine.
func (f *Fleet) proxyFile(p *Proxy) string {
	o := p.Options
	var b strings.Builder
	fmt.Fprintf(&b, "global\n  stats socket %s mode 600 level %s\n  maxconn 4000\n  nbthread 1\n  hard-stop-after 5s\n", p.Socket(), o.Level)
	if f.opts.Together {
		fmt.Fprintf(&b, "  stats socket %s mode 600 level %s\n", p.inside(), o.Level)
	}
	if o.StateFile {
		fmt.Fprintf(&b, "  server-state-file %s\n", p.StateFile())
	}
	if o.Ring {
		fmt.Fprintf(&b, "  log ring@%s format raw local0 notice\n", RingName)
	}
	fmt.Fprintf(&b, "defaults\n  mode http\n  timeout connect %dms\n  timeout client 50s\n  timeout server 50s\n", o.Connect.Milliseconds())
	if o.Redispatch {
		b.WriteString("  option redispatch 1\n")
	}
	if o.StateFile {
		b.WriteString("  load-server-state-from-file global\n")
	}
	if o.Ring {
		fmt.Fprintf(&b, "ring %s\n  format raw\n  maxlen 1200\n  size 65536\n", RingName)
	}
	where := fmt.Sprintf("%s:%d", p.node.IP(0), o.Port)
	if o.Anywhere {
		where = fmt.Sprintf(":::%d v4v6", o.Port)
	}
	fmt.Fprintf(&b, "frontend clients\n  bind %s\n  default_backend %s\n", where, PoolName)
	if o.Answers {
		fmt.Fprintf(&b, "  http-request return status 200 content-type text/plain string \"%s answers\" hdr %s %s\n", p.machine.Name, app.NodeHeader, p.machine.Name)
	}
	fmt.Fprintf(&b, "backend %s\n  balance roundrobin\n", PoolName)
	for _, m := range f.machines {
		if m.App != nil {
			fmt.Fprintf(&b, "  server %s\n", strings.TrimSpace(fmt.Sprintf("%s %s:%d %s", m.Name, m.Node.IP(0), AppPort, o.Server)))
		}
	}
	return b.String()
}
