// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
	"github.com/evenkeel-ha/evenkeel/supervisor/api"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// Roles of machines, which are their label "role" in the cluster file.
const (
	roleWeb      = "web"
	roleBalancer = "lb"
)

// clientName is the node from which the load comes. Evenkeel does not run there.
const clientName = "client"

// kind tells the two HAProxies of a balancer node apart.
type kind string

const (
	kept kind = "kept" // by Evenkeel
	peer kind = "peer" // by nobody
)

// stopWait bounds the wait for a process to end that was asked to.
const stopWait = 10 * time.Second

// machine is one node of the demo's cluster.
type machine struct {
	name string
	role string
	node *lab.Node
	api  *api.Client
	app  *lab.Proc // the web application; nil on balancer nodes
	// daemons are the other processes, by name: they run until the end.
	daemons map[string]*lab.Proc
}

// ended returns the name of a process that should run and does not.
func (m *machine) ended() string {
	for name, p := range m.daemons {
		select {
		case <-p.Done():
			return name
		default:
		}
	}
	return ""
}

func (m *machine) startDaemon(ctx context.Context, name string, cmd lab.Cmd) error {
	cmd.LogName = name + ".log"
	p, err := m.node.Start(ctx, cmd)
	if err != nil {
		return err
	}
	m.daemons[name] = p
	return nil
}

// path returns the path of a file in the machine's folder.
func (m *machine) path(name string) string { return m.node.SocketPath(name) }

// socket returns the path of the stats socket of an HAProxy.
func (m *machine) socket(k kind) string { return m.path(string(k) + ".sock") }

// member is the machine's share in the pool.
func (m *machine) member() cluster.MemberID { return cluster.MemberID{Pool: poolName, Member: m.name} }

// startSupervisor starts Evenkeel as a service manager would.
func (m *machine) startSupervisor(ctx context.Context) error {
	return m.startDaemon(ctx, "evenkeel", lab.Cmd{Name: self, Args: []string{"run", "--config", m.path("node.yaml")}})
}

// startApp starts the web application.
func (m *machine) startApp(ctx context.Context) error {
	listen := fmt.Sprintf("%s:%d", m.node.IP(0), appPort)
	app, err := m.node.Start(ctx, lab.Cmd{Name: self, Args: []string{"demo", "app", "--listen", listen, "--node", m.name}, LogName: "app.log"})
	if err != nil {
		return err
	}
	m.app = app
	return nil
}

// replaceApp starts another application as soon as the former one has ended, which was told to.
func (m *machine) replaceApp(ctx context.Context) error {
	within, cancel := context.WithTimeout(ctx, stopWait)
	defer cancel()
	if _, err := m.app.Wait(within); err != nil {
		return fmt.Errorf("the application of %s does not stop: %w", m.name, err)
	}
	return m.startApp(ctx)
}

// startHAProxy starts one of the machine's HAProxies.
func (m *machine) startHAProxy(ctx context.Context, k kind, config string) error {
	file := m.path(string(k) + ".cfg")
	if err := writeFiles(map[string]string{file: config}); err != nil {
		return err
	}
	return m.startDaemon(ctx, string(k), lab.Cmd{Name: "haproxy", Args: []string{"-db", "-f", file}})
}
