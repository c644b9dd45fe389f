// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
	"github.com/evenkeel-ha/evenkeel/supervisor/api"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// Role is the kind of a machine, and its label "role" in the cluster file.
type Role string

// The kinds of machines.
const (
	RoleWeb      Role = "web"
	RoleBalancer Role = "lb"
	RoleWitness  Role = "wit"
	RolePlain    Role = "app" // no Evenkeel there
)

// askWithin bounds one question to a node or to an HAProxy.
const askWithin = 2 * time.Second

// Machine is one machine of a fleet. What it does not run is nil.
type Machine struct {
	Name       string
	Role       Role
	Node       *lab.Node
	API        *api.Client // of its Evenkeel
	Supervisor *Program    // its Evenkeel
	App        *Program    // its web application
	Proxies    []*Proxy    // its HAProxies, the one that Evenkeel keeps first
}

// Path returns the path of a file in the machine's folder.
func (m *Machine) Path(name string) string { return m.Node.SocketPath(name) }

// Socket returns the path of the API's socket.
func (m *Machine) Socket() string { return m.Path("api.sock") }

// DataDir returns the directory in which Evenkeel keeps its state.
func (m *Machine) DataDir() string { return m.Path("data") }

// ID returns the name of the machine as the product's types have it.
func (m *Machine) ID() cluster.NodeID { return cluster.NodeID(m.Name) }

// Member returns the machine's share in the pool.
func (m *Machine) Member() cluster.MemberID {
	return cluster.MemberID{Pool: PoolName, Member: m.Name}
}

// Kept returns the HAProxy that Evenkeel keeps.
func (m *Machine) Kept() *Proxy { return m.Proxies[0] }

// Programs returns all that the machine runs, in the order in which it is started.
func (m *Machine) Programs() []*Program {
	var out []*Program
	if m.App != nil {
		out = append(out, m.App)
	}
	for _, p := range m.Proxies {
		out = append(out, p.Program)
	}
	if m.Supervisor != nil {
		out = append(out, m.Supervisor)
	}
	return out
}

// Start starts whatever does not run.
func (m *Machine) Start(ctx context.Context) error {
	for _, p := range m.Programs() {
		if err := p.Start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// View returns what the machine's Evenkeel sees of the cluster.
func (m *Machine) View(ctx context.Context) (cluster.View, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	view, err := m.API.Status(ctx)
	if err != nil {
		return view, fmt.Errorf("%s: %w", m.Name, err)
	}
	return view, nil
}

// Notices returns the events that the machine's Evenkeel remembers: committed ones, and what it noticed by itself since it
// was started.
func (m *Machine) Notices(ctx context.Context) ([]cluster.Notice, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	var out []cluster.Notice
	err := m.API.Events(ctx, api.EventsQuery{}, func(n cluster.Notice) error {
		out = append(out, n)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Name, err)
	}
	return out, nil
}

// Wipe removes all that the machine's Evenkeel has stored. It must not run.
func (m *Machine) Wipe() error {
	if err := os.RemoveAll(m.DataDir()); err != nil {
		return fmt.Errorf("fleet: wipe %s: %w", m.Name, err)
	}
	return nil
}
