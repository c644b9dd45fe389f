// SPDX-License-Identifier: Apache-2.0

package lbsync

import (
	"strconv"
	"time"
)

// Service is what the supervisor wants of a server.
type Service uint8

// The services.
const (
	// ServiceLeave means unknown, or not ours now: the server is not touched. It is the zero value on purpose.
	ServiceLeave Service = iota
	// ServiceServe means that the server should take traffic.
	ServiceServe
	// ServiceDrain means planned leave: sessions may finish, then the server goes to maintenance.
	ServiceDrain
	// ServiceSuspend means suspicion: drained at once, put back as fast, never taken on to maintenance.
	ServiceSuspend
	// ServiceOut means dead, or in the operator's maintenance: maintenance now.
	ServiceOut
)

// String returns the service's word in logs, reports and goldens.
func (s Service) String() string {
	switch s {
	case ServiceLeave:
		return "leave"
	case ServiceServe:
		return "serve"
	case ServiceDrain:
		return "drain"
	case ServiceSuspend:
		return "suspend"
	case ServiceOut:
		return "out"
	default:
		return "service(" + strconv.Itoa(int(s)) + ")"
	}
}

// Want is what should be true of one server.
type Want struct {
	Key     Key
	Service Service
	// Reason is why, in an operator's words. It travels into operations, phases and holds.
	Reason string
	// Deadline is how long a planned drain waits for sessions to finish, 0 for ever. ServiceDrain only.
	Deadline time.Duration
	// Kill cuts what is still in progress: at the deadline of a planned drain, at once for ServiceOut.
	Kill bool
	// Weight is the absolute weight in service, 0 for the balancer's configured one.
	Weight int
	// SlowStart is how long the weight of a server that comes back from maintenance rises to its full value. With 0 and
	// no Weight, weights are not touched at all.
	SlowStart time.Duration
	// Rank says who is kept first when the drain floor holds servers back: lower ones first (healthy, suspect, down).
	Rank int
	// Force lets the operator's word pass the drain floor.
	Force bool
}

func (w Want) reason() string {
	if w.Reason == "" {
		return w.Service.String() + " wanted"
	}
	return w.Reason
}
