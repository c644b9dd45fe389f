// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
	"github.com/evenkeel-ha/evenkeel/supervisor/api"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// Fleet is a cluster in a world.
type Fleet struct {
	opts     Options
	world    lab.World
	machines []*Machine
	spec     cluster.Spec
}

// New adds the machines to the world and writes their files. Nothing is started yet. After an error, what was made is the
// world's to remove.
func New(ctx context.Context, world lab.World, opts Options) (*Fleet, error) {
	f := &Fleet{opts: opts.complete(), world: world}
	kinds := []struct {
		role  Role
		count int
	}{{RoleWeb, opts.Web}, {RoleBalancer, opts.Balancers}, {RoleWitness, opts.Witnesses}, {RolePlain, opts.Plain}}
	for _, kind := range kinds {
		for i := range kind.count {
			node, err := world.AddNode(ctx, fmt.Sprintf("%s%s%d", opts.Prefix, kind.role, i+1))
			if err != nil {
				return nil, err
			}
			f.machines = append(f.machines, f.newMachine(node, kind.role))
		}
	}
	f.spec = f.firstSpec()
	if err := f.writeFiles(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *Fleet) newMachine(node *lab.Node, role Role) *Machine {
	m := &Machine{Name: node.Name(), Role: role, Node: node}
	if role == RoleWeb || role == RolePlain {
		listen := fmt.Sprintf("%s:%d", node.IP(0), AppPort)
		m.App = &Program{name: "app", node: node, cmd: lab.Cmd{
			Name: f.opts.Binary, Args: []string{"demo", "app", "--listen", listen, "--node", m.Name}, LogName: "app.log",
		}}
	}
	if role == RoleBalancer {
		for _, opts := range f.opts.Proxies {
			m.Proxies = append(m.Proxies, newProxy(m, opts))
		}
	}
	if role != RolePlain {
		m.API = api.Dial(m.Socket())
		m.Supervisor = &Program{name: "evenkeel", node: node, cmd: lab.Cmd{
			Name: f.opts.Binary, Args: []string{"run", "--config", m.Path("node.yaml")}, LogName: "evenkeel.log",
		}}
	}
	return m
}

// Start starts everything that does not run.
func (f *Fleet) Start(ctx context.Context) error {
	for _, m := range f.machines {
		if err := m.Start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Close drops the connections to the nodes. The processes end with the world.
func (f *Fleet) Close() {
	for _, m := range f.machines {
		if m.API != nil {
			m.API.Close()
		}
	}
}

// Machines returns all machines, in the order in which they were added.
func (f *Fleet) Machines() []*Machine { return slices.Clone(f.machines) }

// Nodes returns the machines that run Evenkeel.
func (f *Fleet) Nodes() []*Machine {
	return slices.DeleteFunc(f.Machines(), func(m *Machine) bool { return m.Supervisor == nil })
}

// Web returns the web machines.
func (f *Fleet) Web() []*Machine { return f.of(RoleWeb) }

// Balancers returns the balancer machines.
func (f *Fleet) Balancers() []*Machine { return f.of(RoleBalancer) }

// Plain returns the machines without Evenkeel.
func (f *Fleet) Plain() []*Machine { return f.of(RolePlain) }

func (f *Fleet) of(role Role) []*Machine {
	return slices.DeleteFunc(f.Machines(), func(m *Machine) bool { return m.Role != role })
}

// Machine returns the machine of that name, or nil.
func (f *Fleet) Machine(name string) *Machine {
	for _, m := range f.machines {
		if m.Name == name {
			return m
		}
	}
	return nil
}

// Leader returns the machine that a majority of the nodes that answer take for the leader.
func (f *Fleet) Leader(ctx context.Context) (*Machine, error) {
	says := map[cluster.NodeID]int{}
	for _, m := range f.Nodes() {
		if view, err := m.View(ctx); err == nil && view.Leader != "" {
			says[view.Leader]++
		}
	}
	for name, count := range says {
		if m := f.Machine(string(name)); m != nil && count > len(f.Nodes())/2 {
			return m, nil
		}
	}
	return nil, errors.New("no node is the leader for a majority")
}

// Targets returns where clients reach the HAProxies of a name, on all balancer machines.
func (f *Fleet) Targets(proxy string) []string {
	var out []string
	for _, m := range f.Balancers() {
		for _, p := range m.Proxies {
			if p.Options.Name == proxy {
				out = append(out, p.URL())
			}
		}
	}
	return out
}

// Shared returns the path of a file that all machines have in common, such as cluster.yaml.
func (f *Fleet) Shared(name string) string { return filepath.Join(f.world.Dir(), f.opts.Prefix+name) }

func write(files map[string]string) error {
	for path, text := range files {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return fmt.Errorf("fleet: write files: %w", err)
		}
	}
	return nil
}
