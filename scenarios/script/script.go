// SPDX-License-Identifier: Apache-2.0

package script

import "time"

// World is a kind of world in which a script can be played.
type World string

// The worlds.
const (
	Sim World = "sim" // the deterministic simulator
	Lab World = "lab" // real nodes in network namespaces
)

// Script is one scenario: a cluster, and what happens to it.
type Script struct {
	File    string
	Promise string // the sentence that the script proves
	Worlds  []World
	Cluster Cluster
	Steps   []Step
}

// Cluster is what the script is played on. Machines are named web1, lb1, wit1 and app1, each kind counted from 1; the
// one pool is "web", its members are web/web1 and so on, and the balancers' backend has the same name.
type Cluster struct {
	Timing    string        `json:"timing,omitempty"`        // profile; empty = lan
	Rails     int           `json:"rails,omitempty"`         // networks that carry the bus; 0 = 2
	Web       int           `json:"web"`                     // nodes with an application, which are members of the pool
	Balancers int           `json:"balancers"`               // nodes with an HAProxy
	Witnesses int           `json:"witnesses"`               // nodes that only vote
	Plain     int           `json:"plain"`                   // machines without Evenkeel, which are agentless members
	Floor     int           `json:"floor,omitempty"`         // members of the pool kept in service; 0 = the product's default
	Deadline  time.Duration `json:"deadline_ns,omitempty"`   // of a drain; 0 = none
	SlowStart time.Duration `json:"slow_start_ns,omitempty"` // 0 = none
	NoState   bool          `json:"no_state,omitempty"`      // the HAProxies load no file with the states of servers
	Resources []Resource    `json:"resources,omitempty"`     // what one node holds at a time
	Clients   int           `json:"clients,omitempty"`       // requests per second through each balancer; 0 = nobody asks
	ClientsTo string        `json:"clients_to,omitempty"`    // the resource whose address is asked instead
}

// Resource is an address that one node holds at a time. Which address that is, and on which interface, is the world's business.
type Resource struct {
	Name     string   `json:"name"`
	Nodes    []string `json:"nodes,omitempty"`    // that may hold it; none = every node but the witnesses
	Prefer   []string `json:"prefer,omitempty"`   // of these the best first; none = none is better than another
	Balancer bool     `json:"balancer,omitempty"` // it is held only where the node's HAProxy answers
	Pool     bool     `json:"pool,omitempty"`     // it is held only where the node's own member is up
	Requires string   `json:"requires,omitempty"` // what must be proven of a lost holder: lease or quorum; empty = lease
	Failback string   `json:"failback,omitempty"` // never, immediately, when-idle, or "after 10m"; empty = never
}

// Step is one line of a script.
type Step struct {
	Line int
	Text string // as written, without indentation and comment
	Act  Act
}

// Act is what a step does. As a string it is its line, in the one form that [Format] writes.
//
//sumtype:decl
type Act interface {
	act()
	String() string
}

// Wait lets time pass.
type Wait struct{ For time.Duration }

// Expect waits until a condition holds, at most for a time; 0 wants it to hold now.
type Expect struct {
	Cond   Cond
	Within time.Duration
}

// Never wants a condition not to hold at any look from here to the end.
type Never struct{ Cond Cond }

// Order is what an operator asks for, by the command line of one node.
type Order struct {
	Verb     Verb
	Target   string        // member as pool/name, node or resource; of an apply: what changes, as "floor 2"
	Node     string        // of a resource: where it goes, or must not be
	At       string        // the node that is asked; empty = the first that runs
	Deadline time.Duration // of a drain; 0 = the pool's
	Refused  bool          // it must be refused
}

// Verb is what an operator may ask for.
type Verb string

// The verbs. Apply changes one value of the cluster file: "floor N", "deadline D" or "slow-start D".
const (
	Drain       Verb = "drain"
	Ready       Verb = "ready"
	Maint       Verb = "maint"
	Standby     Verb = "standby"
	Unstandby   Verb = "unstandby"
	Maintenance Verb = "maintenance"
	Active      Verb = "active" // ends maintenance
	Apply       Verb = "apply"
	Move        Verb = "move" // this and those that follow: of a resource
	Restart     Verb = "restart"
	Ban         Verb = "ban"
	Clear       Verb = "clear" // ends the bans
	Enable      Verb = "enable"
	Disable     Verb = "disable"
)

// Fault is something that is done to the world, or undone.
type Fault struct {
	Kind    FaultKind
	Node    string        // whom it hits; empty = all, where the kind allows it
	Peer    string        // the other end of a cut; of a meddle the member, as web/web1; of an address the resource
	Rail    int           // counted from 1; 0 = all networks
	Percent int           // of the frames that get lost
	For     time.Duration // how long, or how slow
}

// FaultKind names a fault.
type FaultKind string

// The faults. Each comment gives the line that asks for it.
const (
	Kill        FaultKind = "kill"           // kill web1: its Evenkeel, with -9
	KillAll     FaultKind = "kill all"       // kill all: every Evenkeel at once
	StopNode    FaultKind = "stop"           // stop web1: its Evenkeel, in good order
	Start       FaultKind = "start"          // start web1: whatever does not run there; also power
	StartAll    FaultKind = "start all"      // start all
	PowerOff    FaultKind = "power off"      // power off web1: everything there ends, unsynced writes are lost
	Pause       FaultKind = "pause"          // pause web1 3s: its Evenkeel stands still, time passes
	Freeze      FaultKind = "freeze"         // freeze web1 3s: the machine stands still with its clocks (sim)
	Wipe        FaultKind = "wipe"           // wipe web1: the data of its Evenkeel, which must not run
	Cut         FaultKind = "cut"            // cut web1: from everybody, on all networks
	CutPair     FaultKind = "cut from"       // cut web1 from lb1: both ways
	CutOneWay   FaultKind = "cut one-way"    // cut one-way web1 to lb1: what web1 sends to lb1
	CutRail     FaultKind = "cut rail"       // cut rail 1 [of web1]
	Heal        FaultKind = "heal"           // heal [web1]: every cut, loss, delay and hold that touches it
	Loss        FaultKind = "loss"           // loss 20% [on rail 1]
	Delay       FaultKind = "delay"          // delay 50ms: every frame, with as much jitter (sim)
	Hold        FaultKind = "hold"           // hold 5s [web1]: frames are kept that long, then all delivered (sim)
	CrashApp    FaultKind = "crash app"      // crash app web1
	HangApp     FaultKind = "hang app"       // hang app web1: it accepts, and answers nobody
	FailApp     FaultKind = "fail app"       // fail app web1: it answers with errors
	StartApp    FaultKind = "start app"      // start app web1: it runs and answers
	ReloadProxy FaultKind = "reload haproxy" // reload haproxy lb1
	KillProxy   FaultKind = "kill haproxy"   // kill haproxy lb1
	StartProxy  FaultKind = "start haproxy"  // start haproxy lb1
	PauseProxy  FaultKind = "pause haproxy"  // pause haproxy lb1 3s
	MeddleProxy FaultKind = "meddle haproxy" // meddle haproxy lb1 web/web1: somebody sets the server to ready (drained ones) or maint by hand
	KillGuard   FaultKind = "kill guard"     // kill guard lb1: the process that holds the addresses of the node, with -9
	PauseGuard  FaultKind = "pause guard"    // pause guard lb1 3s
	AddByHand   FaultKind = "add"            // add vip by hand on web1: somebody gives the machine the address, unasked
	DelByHand   FaultKind = "remove"         // remove vip by hand on web1: somebody takes it away
	SlowDisk    FaultKind = "slow disk"      // slow disk web1 500ms: every sync takes that long (sim)
	BrokenDisk  FaultKind = "broken disk"    // broken disk web1: the next sync fails (sim)
	MendDisk    FaultKind = "mend disk"      // mend disk web1 (sim)
	ClockRate   FaultKind = "clock rate"     // clock rate web1 3%: fast by that; -3% is slow (sim)
)

// Cond is something that can be seen to hold.
type Cond struct {
	Kind   CondKind
	Target string // node, member, resource or nothing
	State  string // for NodeIs, MemberIs and ResourceIs; see there
	On     string // the node that is asked, whose balancer is looked at, or that has a resource; empty = every one that runs
	N      int    // for ClientLost
}

// CondKind names a condition.
type CondKind string

// The conditions. Each comment gives the line that asks for it.
const (
	AllWell     CondKind = "well"          // well: every node that runs says that all is well
	HasLeader   CondKind = "leader"        // leader [is web1]: the nodes that run agree on a leader, which runs
	LeaderIsNot CondKind = "leader is not" // leader is not web1
	NodeIs      CondKind = "node is"       // web1 is alive|suspect|down|left [on lb1], as nodes see it
	Quorum      CondKind = "quorum"        // quorum [on lb1]: the node has authority
	NoQuorum    CondKind = "no quorum"     // no quorum [on lb1]
	MemberIs    CondKind = "member is"     // web/web1 serves|drained|out [on lb1]: read from the balancer itself: it sends there; it sends nothing new; it has it in maint
	InStep      CondKind = "in step"       // balancers in step [on lb1]
	NotInStep   CondKind = "not in step"   // balancers not in step [on lb1]
	Unchanged   CondKind = "unchanged"     // balancers unchanged: no balancer was changed since the script's last fault or order
	ClientLost  CondKind = "lost"          // lost more than 5: that many requests failed since the script began
	Condemned   CondKind = "condemned"     // web1 condemned: its life was ended since the script's start; "anybody condemned" for all
	InMode      CondKind = "in mode"       // web1 in standby|maintenance|active
	Answered    CondKind = "answered"      // requests are answered: all that ended lately were, and there were some

	ResourceOn     CondKind = "on"           // vip on lb1: it holds it, says every node that has quorum, and it has it
	ResourceNobody CondKind = "on nobody"    // vip on nobody
	ResourceTwice  CondKind = "on two nodes" // vip on two nodes: a node answered for it after another one had taken it over
	ResourceGone   CondKind = "gone from"    // vip gone from lb1: nothing there answers for it
	ResourceIs     CondKind = "resource is"  // vip is held|taking|trouble|leaving|lost|unheard|disabled
)

func (Wait) act()   {}
func (Expect) act() {}
func (Never) act()  {}
func (Order) act()  {}
func (Fault) act()  {}
