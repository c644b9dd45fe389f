// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"time"

	"github.com/evenkeel-ha/evenkeel/health"
)

// DefaultJitter is the share of the interval by which checks are spread if the spec names none.
const DefaultJitter = 0.1

// DefaultStatus are the HTTP status codes that count as success if the spec names none, as in HAProxy's httpchk.
const DefaultStatus = "200-399"

// Spec is one check. Exactly one of TCP, HTTP and Exec is set.
type Spec struct {
	// Name is how logs call the check.
	Name string
	// Address is the host to connect to, an IP address or a name. Exec needs none.
	Address string
	// Port is the TCP port to connect to. Exec needs none.
	Port int

	// TCP connects, no more.
	TCP *TCP
	// HTTP asks for a page.
	HTTP *HTTP
	// Exec runs a command.
	Exec *Exec

	// Interval is the time from one probe to the next.
	Interval time.Duration
	// FastInterval is the time to the next probe after a failure that did not yet bring the check down. Zero means
	// Interval.
	FastInterval time.Duration
	// Timeout is the longest time that a probe may take.
	Timeout time.Duration
	// Jitter is the share of the interval by which it is lengthened or shortened at random, from 0 to 0.5, so that
	// checks do not beat in step. Zero means DefaultJitter.
	Jitter float64
	// Judge says how easily the check changes its mind.
	Judge health.JudgeParams
	// Watch names the hints that make the check prompt. Nil means polling alone.
	Watch *Watch
	// Quiet keeps no connection open, whatever Watch says, so that none delays the application when it stops. Meant for
	// planned work. All else goes on: the probes at their times, the process and the unit. A Set changes it while the
	// check runs, without a loss.
	Quiet bool
}

// TCP is a check that succeeds when the connection is accepted. It is reset at once, as HAProxy does it, so that no
// finished connection lingers in the kernel.
type TCP struct{}

// HTTP is a check that asks for one page. Each probe opens a connection of its own.
type HTTP struct {
	// Method is the HTTP method, GET if empty.
	Method string
	// Path is the path and query, "/" if empty.
	Path string
	// Host is the Host header, the address and port if empty.
	Host string
	// Headers are further headers.
	Headers map[string]string
	// Status are the status codes that count as success, as in "200-299,304". Empty means DefaultStatus.
	Status string
	// Redirects is how many redirects are followed, to wherever they lead. At zero a redirect is an answer like others.
	Redirects int
	// Contains is text that the first 64 KiB of the body must contain. Empty means any body.
	Contains string
	// Matches is a regular expression (RE2) that must match in the first 64 KiB of the body. Empty means any body.
	Matches string
	// TLS asks over TLS. Nil means plain HTTP.
	TLS *TLS
}

// TLS says how to trust the other side of an HTTP check.
type TLS struct {
	// SkipVerify accepts any certificate: the check then asks whether it answers, not who answers.
	SkipVerify bool
	// CAFile names a PEM file of the authorities to trust. Empty means those of the system.
	CAFile string
	// ServerName is the name to ask for and to find in the certificate, the address if empty.
	ServerName string
}

// Exec is a check that succeeds when a command ends with status 0.
type Exec struct {
	// Command is the program and its arguments. There is no shell: nothing is expanded.
	Command []string
	// Env are variables in the form "NAME=value". The command sees these and a standard PATH, nothing else, so that
	// nothing secret of ours leaks into it.
	Env []string
}

// Watch names hints: events on this node that trigger a probe at once.
type Watch struct {
	// Connection keeps one idle connection to the address and port open; its end is the hint. It takes up one
	// connection of the application. With HTTP it is that of the last probe that succeeded, where the application
	// allows that: a server that stops gracefully need not wait for it.
	Connection bool
	// PIDFile names a file that holds the number of the application's process; the end of that process is the hint.
	PIDFile string
	// Unit names a systemd unit, as in "nginx.service"; its leaving the state "active" is the hint.
	Unit string
}
