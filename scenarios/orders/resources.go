// SPDX-License-Identifier: Apache-2.0

package orders

import (
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// Ground is what a world knows of resources, and a script does not.
type Ground struct {
	// Balancer is the name of the balancer that all nodes with an HAProxy have.
	Balancer string
	// Interface carries the addresses.
	Interface string
	// Address returns the address of a resource, with the length of its prefix; resources are counted from 0.
	Address func(i int) string
}

// Resources returns what the cluster file says of the resources that a script asks for.
func Resources(c script.Cluster, g Ground) []cluster.ResourceSpec {
	var out []cluster.ResourceSpec
	for i, r := range c.Resources {
		spec := cluster.ResourceSpec{
			Name: r.Name, Nodes: cluster.NodeIDs(r.Nodes), Prefer: cluster.NodeIDs(r.Prefer), Requires: cluster.Proof(r.Requires), Failback: r.Failback,
			VIP: &cluster.VIPSpec{Addresses: []string{g.Address(i)}, Interface: g.Interface},
		}
		if r.Balancer {
			spec.Balancer = g.Balancer
		}
		if r.Pool {
			spec.Pool = script.Pool
		}
		out = append(out, spec)
	}
	return out
}
