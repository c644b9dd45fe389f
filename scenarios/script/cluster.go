// SPDX-License-Identifier: Apache-2.0

package script

import "fmt"

// Pool is the name of the one pool, and of its backend on every balancer.
const Pool = "web"

// Nodes returns the names of the machines that run Evenkeel.
func (c Cluster) Nodes() []string {
	return append(append(named("web", c.Web), named("lb", c.Balancers)...), named("wit", c.Witnesses)...)
}

// BalancerNodes returns the names of the nodes with an HAProxy.
func (c Cluster) BalancerNodes() []string { return named("lb", c.Balancers) }

// Holders returns the names of the nodes that may hold a resource: those that do not only vote.
func (c Cluster) Holders() []string { return append(named("web", c.Web), named("lb", c.Balancers)...) }

// Apps returns the names of the machines with an application.
func (c Cluster) Apps() []string { return append(named("web", c.Web), named("app", c.Plain)...) }

// Machines returns the names of all machines.
func (c Cluster) Machines() []string { return append(c.Nodes(), named("app", c.Plain)...) }

// Members returns the names of the members of the pool, as web/web1.
func (c Cluster) Members() []string {
	out := c.Apps()
	for i, name := range out {
		out[i] = Pool + "/" + name
	}
	return out
}

func named(kind string, count int) []string {
	out := make([]string, 0, count)
	for i := range count {
		out = append(out, fmt.Sprintf("%s%d", kind, i+1))
	}
	return out
}
