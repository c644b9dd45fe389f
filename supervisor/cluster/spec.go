// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// NodeID is the name of a node, unique in its cluster.
type NodeID string

// Names returns the names as plain words.
func Names(ids []NodeID) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = string(id)
	}
	return out
}

// NodeIDs returns plain words as names of nodes.
func NodeIDs(names []string) []NodeID {
	out := make([]NodeID, len(names))
	for i, name := range names {
		out[i] = NodeID(name)
	}
	return out
}

// Duration is a span of time that reads and prints as "1.5s" or "10m".
type Duration time.Duration

// D returns d as the standard library's type.
func (d Duration) D() time.Duration { return time.Duration(d) }

// String prints d as people write it: without units that count nothing, so
// 10m and 1h30m, not 10m0s and 1h30m0s.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration; write a number with a unit, such as 500ms, 30s or 10m", text)
	}
	*d = Duration(v)
	return nil
}

// Spec is the cluster file: what the operator wants, replicated to every node.
type Spec struct {
	Cluster   string         `json:"cluster" jsonschema:"Name of the cluster. It must be the name in every node's file."`
	Nodes     []NodeSpec     `json:"nodes" jsonschema:"Every machine of the cluster."`
	Balancers []BalancerSpec `json:"balancers,omitempty" jsonschema:"The load balancers that are kept in step."`
	Pools     []PoolSpec     `json:"pools,omitempty" jsonschema:"The active-active services and their members."`
	Resources []ResourceSpec `json:"resources,omitempty" jsonschema:"What one node holds at a time, such as virtual IP addresses."`
}

// NodeSpec is one machine of the cluster.
type NodeSpec struct {
	Name    NodeID            `json:"name" jsonschema:"Name of the node, as in its node file."`
	Address string            `json:"address,omitempty" jsonschema:"IP address at which the node's applications serve. Needed when a pool takes members from the node."`
	Labels  map[string]string `json:"labels,omitempty" jsonschema:"Words by which pools choose nodes, such as role: web."`
	Witness bool              `json:"witness,omitempty" jsonschema:"The node votes but runs nothing."`
	Vote    *bool             `json:"vote,omitempty" jsonschema:"Whether the node has a vote (default true)."`
}

// Votes tells whether the node has a vote: it does unless the file says otherwise.
func (n NodeSpec) Votes() bool { return n.Vote == nil || *n.Vote }

// HAProxyDriver is the name of the driver that speaks to HAProxy's runtime API.
const HAProxyDriver = "haproxy"

// BalancerSpec is one load balancer, run by one or more nodes.
type BalancerSpec struct {
	Name      string   `json:"name" jsonschema:"Name of the balancer."`
	Driver    string   `json:"driver,omitempty" jsonschema:"How to speak to it: haproxy (default)."`
	Nodes     []NodeID `json:"nodes" jsonschema:"Nodes that each run this balancer."`
	Socket    string   `json:"socket" jsonschema:"HAProxy's stats socket (level admin) on those nodes, such as /run/haproxy/admin.sock."`
	StateFile string   `json:"state_file,omitempty" jsonschema:"File from which HAProxy loads server states at start (server-state-file). Evenkeel keeps it, so that drains survive a reload."`
	Ring      string   `json:"ring,omitempty" jsonschema:"Name of an HAProxy ring section that carries its log; wakes Evenkeel at once when HAProxy is reloaded."`
}

// PoolSpec is one active-active service.
type PoolSpec struct {
	Name      string       `json:"name" jsonschema:"Name of the pool."`
	Backend   string       `json:"backend,omitempty" jsonschema:"HAProxy backend (default: the pool's name)."`
	Balancers []string     `json:"balancers,omitempty" jsonschema:"Balancers that carry the pool (default: all)."`
	Members   []MemberSpec `json:"members" jsonschema:"Who serves: nodes by label, or addresses without Evenkeel."`
	Check     CheckSpec    `json:"check,omitzero" jsonschema:"How to tell that a member can serve."`
	Watch     WatchSpec    `json:"watch,omitzero" jsonschema:"What wakes the check at once on the member's own node."`
	Flap      FlapSpec     `json:"flap,omitzero" jsonschema:"Limit on changes of state."`
	Drain     DrainSpec    `json:"drain,omitzero" jsonschema:"How members are taken out."`
	SlowStart Duration     `json:"slow_start,omitempty" jsonschema:"Time over which a returning member's weight rises to full (default 0s: at once)."`
}

// shares tells whether some balancer carries both pools.
func (p PoolSpec) shares(o PoolSpec) bool {
	return len(p.Balancers) == 0 || len(o.Balancers) == 0 || slices.ContainsFunc(p.Balancers, o.On)
}

// BackendName returns the name of the pool's HAProxy backend.
func (p PoolSpec) BackendName() string {
	if p.Backend != "" {
		return p.Backend
	}
	return p.Name
}

// On tells whether the named balancer carries the pool.
func (p PoolSpec) On(balancer string) bool {
	return len(p.Balancers) == 0 || slices.Contains(p.Balancers, balancer)
}

// MemberSpec names members: either every node with the given labels, or one
// address without Evenkeel on it (agentless).
type MemberSpec struct {
	Nodes   map[string]string `json:"nodes,omitempty" jsonschema:"Every node that has all these labels is a member, under its node name."`
	Name    string            `json:"name,omitempty" jsonschema:"Name of an agentless member, as in HAProxy's server line."`
	Address string            `json:"address,omitempty" jsonschema:"IP address of an agentless member."`
	Port    int               `json:"port" jsonschema:"TCP port on which the member serves."`
	Weight  int               `json:"weight,omitempty" jsonschema:"HAProxy weight, 1 to 256 (default: what haproxy.cfg says)."`
}

// CheckSpec says how a member is probed. Exactly one of TCP, HTTP and Exec is
// set; none means TCP.
type CheckSpec struct {
	TCP      *TCPCheck  `json:"tcp,omitempty" jsonschema:"The port accepts a connection."`
	HTTP     *HTTPCheck `json:"http,omitempty" jsonschema:"An HTTP request is answered as it should be."`
	Exec     *ExecCheck `json:"exec,omitempty" jsonschema:"A command ends with exit code 0."`
	Interval Duration   `json:"interval,omitempty" jsonschema:"Time between probes (default 1s)."`
	Timeout  Duration   `json:"timeout,omitempty" jsonschema:"Longest time for one probe (default 1s)."`
	Rise     int        `json:"rise,omitempty" jsonschema:"Good probes in a row before a member that was down is up (default 2)."`
	Fall     int        `json:"fall,omitempty" jsonschema:"Bad probes in a row before a member is down (default 3). Proof, such as a refused connection after a close, needs one."`
}

// TCPCheck probes by opening a connection.
type TCPCheck struct{}

// HTTPCheck probes by one HTTP request.
type HTTPCheck struct {
	Path       string `json:"path,omitempty" jsonschema:"Path to ask for (default /)."`
	Method     string `json:"method,omitempty" jsonschema:"Method (default GET)."`
	Host       string `json:"host,omitempty" jsonschema:"Host header (default: the address)."`
	Status     string `json:"status,omitempty" jsonschema:"Good status codes (default 200-399), such as 200-299,304."`
	Body       string `json:"body,omitempty" jsonschema:"Regular expression that the first 64 KiB of the body must match."`
	TLS        bool   `json:"tls,omitempty" jsonschema:"Speak HTTPS."`
	SkipVerify bool   `json:"skip_verify,omitempty" jsonschema:"Accept any certificate."`
	ServerName string `json:"server_name,omitempty" jsonschema:"Name expected in the certificate (default: host)."`
}

// ExecCheck probes by a command, run without a shell.
type ExecCheck struct {
	Command []string `json:"command" jsonschema:"Program and arguments. EVENKEEL_POOL, EVENKEEL_MEMBER, EVENKEEL_ADDRESS and EVENKEEL_PORT are in its environment."`
}

// WatchSpec names what wakes a check at once, on the member's own node.
type WatchSpec struct {
	Connection *bool  `json:"connection,omitempty" jsonschema:"Keep one idle connection open to the member; its close triggers a probe (default true)."`
	PIDFile    string `json:"pid_file,omitempty" jsonschema:"File with the process id of the application; its exit triggers a probe."`
	Systemd    string `json:"systemd,omitempty" jsonschema:"systemd unit of the application; its leaving the active state triggers a probe."`
}

// KeepsConnection tells whether a connection is kept open to the member.
func (w WatchSpec) KeepsConnection() bool { return w.Connection == nil || *w.Connection }

// FlapSpec limits how often a member may change between up and down.
type FlapSpec struct {
	Changes int      `json:"changes,omitempty" jsonschema:"Changes of state allowed within the window (default 6)."`
	Window  Duration `json:"window,omitempty" jsonschema:"The window (default 1m)."`
	Hold    Duration `json:"hold,omitempty" jsonschema:"How long a flapping member is held down (default 1m)."`
}

// DrainSpec says how members are taken out of rotation.
type DrainSpec struct {
	Deadline Duration `json:"deadline,omitempty" jsonschema:"After this time the sessions left on a draining member are closed (default 0s: wait for the last one)."`
	Floor    *int     `json:"floor,omitempty" jsonschema:"Fewest members kept ready whatever the checks say (default 1)."`
}

// Least returns the drain floor: the fewest members kept ready.
func (d DrainSpec) Least() int {
	if d.Floor == nil {
		return 1
	}
	return *d.Floor
}

// Node returns the named node of the spec.
func (s Spec) Node(name NodeID) (NodeSpec, bool) {
	i := slices.IndexFunc(s.Nodes, func(n NodeSpec) bool { return n.Name == name })
	if i < 0 {
		return NodeSpec{}, false
	}
	return s.Nodes[i], true
}

// Pool returns the named pool of the spec.
func (s Spec) Pool(name string) (PoolSpec, bool) {
	i := slices.IndexFunc(s.Pools, func(p PoolSpec) bool { return p.Name == name })
	if i < 0 {
		return PoolSpec{}, false
	}
	return s.Pools[i], true
}

// Voters returns the names of the nodes that vote, sorted.
func (s Spec) Voters() []NodeID {
	var out []NodeID
	for _, n := range s.Nodes {
		if n.Votes() {
			out = append(out, n.Name)
		}
	}
	slices.Sort(out)
	return out
}

// Against counts the voters among those who said something against a node. Its own word does not count.
func (s Spec) Against(node NodeID, said []NodeID) int {
	n := 0
	for _, v := range s.Voters() {
		if v != node && slices.Contains(said, v) {
			n++
		}
	}
	return n
}

// BalancersOf returns the balancers that the node runs, in the file's order.
func (s Spec) BalancersOf(node NodeID) []BalancerSpec {
	var out []BalancerSpec
	for _, b := range s.Balancers {
		if slices.Contains(b.Nodes, node) {
			out = append(out, b)
		}
	}
	return out
}

// BalancerNodes returns the nodes that run a balancer which carries the pool, sorted.
func (s Spec) BalancerNodes(pool PoolSpec) []NodeID {
	seen := map[NodeID]bool{}
	for _, b := range s.Balancers {
		if pool.On(b.Name) {
			for _, n := range b.Nodes {
				seen[n] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// VotersChange returns who votes by the next file and not by this one, and the other way round.
func (s Spec) VotersChange(next Spec) (added, removed []NodeID) {
	now, then := s.Voters(), next.Voters()
	for _, id := range then {
		if !slices.Contains(now, id) {
			added = append(added, id)
		}
	}
	for _, id := range now {
		if !slices.Contains(then, id) {
			removed = append(removed, id)
		}
	}
	return added, removed
}
