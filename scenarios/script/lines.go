// SPDX-License-Identifier: Apache-2.0

package script

import (
	"strconv"
	"strings"
	"time"
)

// A line is one of the kinds of lines that there are.
type line struct {
	form  string
	means string
}

type faultLine struct {
	kind FaultKind
	line
	sim bool // only the simulator can do it
}

type orderLine struct {
	verb Verb
	what string // of an apply: which value
	line
}

type condLine struct {
	kind CondKind
	line
}

// resourceForm is what both lines of a resource have in common.
const resourceForm = "resource NAME [on NODES] [prefer NODES:prefer] [balancer] [pool] [requires lease|quorum:requires]"

func headerLines() []line {
	return []line{
		{"timing lan|fast|wan", "the profile of the nodes; lan unless said"},
		{"rails RAILS", "how many networks carry the bus; 2 unless said"},
		{"floor FLOOR", "members of the pool that are kept in service whatever the checks say; 1 unless said"},
		{"deadline TIME", "when the sessions that are left on a draining member are closed; never unless said"},
		{"slow-start TIME", "in which a member that comes back gets its full share"},
		{"no state file", "the HAProxies load no file with the states of servers when they start"},
		{resourceForm + " [failback never|immediately|when-idle:failback]", "an address that one node holds at a time; there may be several. The nodes that may hold it, the better ones first, whether its HAProxy must answer there or its member be up, and when it goes back to a better node (never unless said). The script finds it on the first of them"},
		{resourceForm + " [failback after TIME]", "likewise; it goes back when a better node could have held it for so long"},
		{"client ASK [to RESOURCE]", "somebody asks, through each balancer, or an address"},
	}
}

func faultLines() []faultLine {
	const sim = true
	return []faultLine{
		{Kill, line{"kill NODE", "end its Evenkeel with -9"}, false},
		{KillAll, line{"kill all", "end every Evenkeel at once with -9"}, false},
		{StopNode, line{"stop NODE", "end its Evenkeel in good order"}, false},
		{Start, line{"start MACHINE", "start whatever does not run there, also power"}, false},
		{StartAll, line{"start all", "start whatever does not run anywhere"}, false},
		{PowerOff, line{"power off MACHINE", "end everything there; unsynced writes are lost"}, false},
		{Pause, line{"pause NODE TIME", "its Evenkeel stands still, time passes"}, false},
		{Freeze, line{"freeze MACHINE TIME", "the machine stands still with its clocks"}, sim},
		{Wipe, line{"wipe NODE", "remove the data of its Evenkeel, which must not run"}, false},
		{CutPair, line{"cut MACHINE from MACHINE:peer", "no frame passes between the two"}, false},
		{CutOneWay, line{"cut one-way MACHINE to MACHINE:peer", "what the first one sends does not reach the second"}, false},
		{CutRail, line{"cut rail RAIL [of NODE]", "one network fails, for all or for one node"}, false},
		{Cut, line{"cut MACHINE", "it is cut off from everybody, on all networks"}, false},
		{Heal, line{"heal [MACHINE]", "undo every cut, loss, delay and hold, or those that touch one machine"}, false},
		{Loss, line{"loss PERCENT [on rail RAIL]", "so many of the frames are lost"}, false},
		{Delay, line{"delay TIME", "every frame takes that long, with as much jitter"}, sim},
		{Hold, line{"hold TIME [MACHINE]", "frames are kept that long, then all delivered"}, sim},
		{CrashApp, line{"crash app APP", "end the application"}, false},
		{HangApp, line{"hang app APP", "the application accepts, and answers nobody"}, false},
		{FailApp, line{"fail app APP", "the application answers with errors"}, false},
		{StartApp, line{"start app APP", "the application runs and answers"}, false},
		{ReloadProxy, line{"reload haproxy BALANCER", "as after a change of its configuration"}, false},
		{KillProxy, line{"kill haproxy BALANCER", "end it with -9"}, false},
		{StartProxy, line{"start haproxy BALANCER", "start it"}, false},
		{PauseProxy, line{"pause haproxy BALANCER TIME", "it stands still"}, false},
		{MeddleProxy, line{"meddle haproxy BALANCER MEMBER:peer", "somebody changes the server by hand: ready if it was drained, else maint"}, false},
		{KillGuard, line{"kill guard HOLDER", "end the process that has the addresses of the node in its hands with -9"}, false},
		{PauseGuard, line{"pause guard HOLDER TIME", "it stands still, unless its Evenkeel replaces it"}, false},
		{AddByHand, line{"add RESOURCE:peer by hand on MACHINE", "somebody gives the machine the address, unasked"}, false},
		{DelByHand, line{"remove RESOURCE:peer by hand on MACHINE", "somebody takes the address away from it"}, false},
		{SlowDisk, line{"slow disk NODE TIME", "every sync of its disk takes that long"}, sim},
		{BrokenDisk, line{"broken disk NODE", "the next sync of its disk fails"}, sim},
		{MendDisk, line{"mend disk NODE", "its disk is fast and whole again"}, sim},
		{ClockRate, line{"clock rate NODE RATE", "its clock is fast by that; 0% is right again"}, sim},
	}
}

func orderLines() []orderLine {
	const tail = " [at NODE:at] [is refused]"
	return []orderLine{
		{Drain, "", line{"drain MEMBER [deadline TIME]" + tail, "no new sessions; out when the last one ends, or at the deadline"}},
		{Ready, "", line{"ready MEMBER" + tail, "it may serve again"}},
		{Maint, "", line{"maint MEMBER" + tail, "out at once"}},
		{Standby, "", line{"standby NODE" + tail, "drain every member on the node and place nothing there"}},
		{Unstandby, "", line{"unstandby NODE" + tail, "end that"}},
		{Maintenance, "", line{"maintenance NODE" + tail, "touch nothing on the node"}},
		{Active, "", line{"active NODE" + tail, "end that"}},
		{Move, "", line{"move RESOURCE to HOLDER:node" + tail, "hand it over; nothing of that is left afterwards"}},
		{Restart, "", line{"restart RESOURCE" + tail, "let it go, and take it again"}},
		{Ban, "", line{"ban RESOURCE from HOLDER:node" + tail, "that node does not hold it"}},
		{Clear, "", line{"clear RESOURCE" + tail, "end the bans"}},
		{Disable, "", line{"disable RESOURCE" + tail, "nobody holds it"}},
		{Enable, "", line{"enable RESOURCE" + tail, "end that"}},
		{Apply, "floor", line{"apply floor FLOOR" + tail, "change the drain floor in the cluster file"}},
		{Apply, "deadline", line{"apply deadline TIME" + tail, "change the drain deadline in the cluster file"}},
		{Apply, "slow-start", line{"apply slow-start TIME" + tail, "change the slow start in the cluster file"}},
	}
}

func condLines() []condLine {
	return []condLine{
		{AllWell, line{"well", "every node that runs says that all is well"}},
		{HasLeader, line{"leader [is NODE]", "the nodes that run agree on a leader, which runs"}},
		{LeaderIsNot, line{"leader is not NODE", "they agree on another one"}},
		{NodeIs, line{"NODE is alive|suspect|down|left [on NODE:on]", "as every node that runs sees it, or one"}},
		{Condemned, line{"NODE [is] condemned", "its life was ended since the script began"}},
		{Condemned, line{"anybody [is] condemned", "somebody's was"}},
		{InMode, line{"NODE [is] in standby|maintenance|active", "what operators asked for it"}},
		{Quorum, line{"quorum [on NODE:on]", "every node that runs, or one, may act"}},
		{NoQuorum, line{"no quorum [on NODE:on]", "none of them may"}},
		{MemberIs, line{"MEMBER [is] drained|out [on BALANCER:on]", "every balancer that runs, or one, sends it nothing new; has it in maint"}},
		{MemberIs, line{"MEMBER serves [on BALANCER:on]", "they send it requests"}},
		{InStep, line{"balancers [are] in step [on BALANCER:on]", "they show all that is wanted of them"}},
		{NotInStep, line{"balancers [are] not in step [on BALANCER:on]", "they do not"}},
		{Unchanged, line{"balancers [are] unchanged", "none was changed since the last fault or order"}},
		{ResourceOn, line{"RESOURCE [is] on NODE:on", "the node has it, and every node that has quorum says so"}},
		{ResourceNobody, line{"RESOURCE [is] on nobody", "nobody has it, and they say so"}},
		{ResourceTwice, line{"RESOURCE [is] on two nodes", "one answered for it after another one had taken it over; every script with a resource forbids that by itself"}},
		{ResourceGone, line{"RESOURCE [is] gone from NODE:on", "nothing there answers for it, whatever anybody says"}},
		{ResourceIs, line{"RESOURCE is held|taking|trouble|leaving|lost|unheard|disabled", "as they say"}},
		{Answered, line{"requests [are] answered", "those that ended lately all were, and there were some"}},
		{ClientLost, line{"lost more than COUNT [requests]", "so many requests have failed since the script began"}},
	}
}

// SimOnly tells whether only the simulator can do the fault.
func (k FaultKind) SimOnly() bool {
	for _, l := range faultLines() {
		if l.kind == k {
			return l.sim
		}
	}
	return false
}

// number returns the number in a slot, without its unit.
func (v values) number(key string) int {
	n, err := strconv.Atoi(strings.TrimRight(v[key], "%/s"))
	if err != nil {
		return 0 // it was left out: a slot holds nothing but numbers
	}
	return n
}

func (v values) time() time.Duration {
	d, err := time.ParseDuration(v["time"])
	if err != nil {
		return 0 // it was left out, too
	}
	return d
}

func timeOr(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return formatTime(d)
}

func numberOr(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
