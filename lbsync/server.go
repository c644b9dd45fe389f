// SPDX-License-Identifier: Apache-2.0

package lbsync

import (
	"cmp"
	"strconv"
	"time"
)

// Key names one server of one backend, in the balancer's own words.
type Key struct {
	Backend string
	Server  string
}

// String returns the key as the balancer writes it: "backend/server".
func (k Key) String() string { return k.Backend + "/" + k.Server }

// Compare orders keys by backend, then by server.
func (k Key) Compare(o Key) int {
	return cmp.Or(cmp.Compare(k.Backend, o.Backend), cmp.Compare(k.Server, o.Server))
}

// Admin is an administrative state of a server. The values are ordered: a higher one takes away more.
type Admin uint8

// The administrative states, in HAProxy's words.
const (
	// Ready means that the server takes new requests, as far as its own check allows.
	Ready Admin = iota
	// Drain means that only clients bound to the server by a cookie or a stick table still reach it.
	Drain
	// Maint means that nothing new reaches the server and that its checks are stopped.
	Maint
)

// String returns the word that HAProxy uses for the state.
func (a Admin) String() string {
	switch a {
	case Ready:
		return "ready"
	case Drain:
		return "drain"
	case Maint:
		return "maint"
	default:
		return "admin(" + strconv.Itoa(int(a)) + ")"
	}
}

// Have is what a balancer shows about one server.
type Have struct {
	// Admin is the state forced by a command or by the configuration, the one that an operation can change.
	Admin Admin
	// Inherited is the state imposed from elsewhere: by the server that this one tracks, or by name resolution.
	Inherited Admin
	// ByAgent is set when an agent check of the balancer writes this server's state. Such a server is not ours to write.
	ByAgent bool
	// Static is set when the backend's algorithm takes no other weights than 0 % and 100 % of the configured one.
	Static bool
	// Checked is set when the balancer runs a health check of its own on the server (paused ones count).
	Checked bool
	// Up is set when the balancer holds the server for operational.
	Up bool
	// Weight is the weight in force, InitWeight the one from the configuration (HAProxy: 0 to 256).
	Weight, InitWeight int
	// Port is the port in force; it is kept because HAProxy reads it back from its state file.
	Port uint16
	// Sessions counts the sessions in progress, Queued the requests that wait for the server.
	Sessions, Queued int64
}

// Effective returns the state that counts for traffic: the stricter one of the server's own and the inherited one.
func (h Have) Effective() Admin { return max(h.Admin, h.Inherited) }

// Serving tells whether the server is open to new requests as far as administration goes.
func (h Have) Serving() bool { return h.Effective() == Ready && h.Weight > 0 }

// Idle tells whether nothing is in progress on the server and nothing waits for it.
func (h Have) Idle() bool { return h.Sessions+h.Queued == 0 }

// CheckOK tells whether the balancer's own check, if it has one, speaks for the server.
func (h Have) CheckOK() bool { return !h.Checked || h.Up }

// Epoch identifies one life of a balancer process. Two snapshots with equal epochs come from the same process.
type Epoch struct {
	// PID is the process that answered.
	PID int
	// Started is when it started, rounded by the driver so that it does not jitter.
	Started time.Time
	// Gen is a driver's own generation mark, empty where the process says all.
	Gen string
}

// IsZero tells whether the epoch is not set.
func (e Epoch) IsZero() bool { return e.PID == 0 && e.Started.IsZero() && e.Gen == "" }

// Equal tells whether two epochs name the same life of the same process.
func (e Epoch) Equal(o Epoch) bool {
	return e.PID == o.PID && e.Gen == o.Gen && e.Started.Equal(o.Started)
}

// Snapshot is one whole reading of a balancer. A server that is absent from it is known not to exist there.
type Snapshot struct {
	Epoch   Epoch
	Servers map[Key]Have
}
