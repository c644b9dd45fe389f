// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/config"
)

// Names and ports of a fleet.
const (
	// PoolName is the name of the pool, and of its backend in HAProxy.
	PoolName = "web"
	// AppPort is where applications answer, on the service network.
	AppPort = 8080
	// KeptPort is where the HAProxy of [Kept] answers.
	KeptPort = 8000
	// RingName is the name of the ring section of an HAProxy that has one.
	RingName = "events"
	// Together is the name of the balancer that the machines have in common, if they do.
	Together = "lb"
	// DefaultCluster is the name of a cluster whose options give none.
	DefaultCluster = "fleet"
)

// self is the running binary, whatever became of its file.
const self = "/proc/self/exe"

// flapChanges is the most that a cluster file may allow, and beyond what happens in a lab in a minute: the same members are
// broken again and again, which the default limit would answer, rightly, by holding them down.
const flapChanges = 1000

// Options say what a fleet is made of.
type Options struct {
	// Binary is the product; empty means the running binary.
	Binary string
	// Cluster is the name of the cluster; empty means [DefaultCluster].
	Cluster string
	// Key is the key of the cluster, as it stands in a key file; empty means a new one.
	Key string
	// Prefix goes before the names of all machines, so that several fleets fit into one world.
	Prefix string
	// Web, Balancers, Witnesses and Plain count the machines of each kind. They are named web1, lb1, wit1 and app1, and
	// added to the world in this order.
	Web, Balancers, Witnesses, Plain int
	// Rails is the number of rails that carry the bus, which the world must have; 0 means [lab.DefaultRails].
	Rails int
	// Timing is the timing profile of the nodes; empty means the default one.
	Timing string
	// GuardClass is what stops an address whose right has run out; empty means the best that the kernel allows.
	GuardClass string
	// Proxies are the HAProxies of each balancer machine. Evenkeel keeps the first one. None means [Kept].
	Proxies []ProxyOptions
	// Together makes the first HAProxies of all balancer machines one balancer of the cluster file, named [Together]. That
	// needs a world whose machines have a /run of their own.
	Together bool
	// Spec changes the cluster file before it is written; nil changes nothing.
	Spec func(*cluster.Spec)
	// Near is a fleet of the same world whose rails the nodes know as well: both then hear each other. It may be nil.
	Near *Fleet
}

func (o Options) complete() Options {
	if o.Binary == "" {
		o.Binary = self
	}
	if o.Cluster == "" {
		o.Cluster = DefaultCluster
	}
	if o.Key == "" {
		o.Key = config.NewKey()
	}
	if o.Rails == 0 {
		o.Rails = lab.DefaultRails
	}
	if o.Timing == "" {
		o.Timing = config.DefaultTiming
	}
	if len(o.Proxies) == 0 {
		o.Proxies = []ProxyOptions{Kept()}
	}
	return o
}
