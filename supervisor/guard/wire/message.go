// SPDX-License-Identifier: Apache-2.0

package wire

import "github.com/evenkeel-ha/evenkeel/supervisor/guard"

// Protocol is the version of the messages. It changes when an older reader would misunderstand a newer writer.
const Protocol = 1

// ToGuard is what a supervisor says. One of its fields is set.
type ToGuard struct {
	Order  *guard.Order  `json:"order,omitempty"`
	Extend *guard.Extend `json:"extend,omitempty"`
}

// FromGuard is what a guard says. One of its fields is set; the first message is the Hello.
type FromGuard struct {
	Hello  *Hello        `json:"hello,omitempty"`
	Status *guard.Status `json:"status,omitempty"`
	// Bye tells why the guard closes the connection.
	Bye string `json:"bye,omitempty"`
}

// ByeNewer is the Bye to a supervisor in whose place another one came.
const ByeNewer = "another supervisor has connected"

// Hello is who the guard is.
type Hello struct {
	Protocol int    `json:"protocol"`
	Version  string `json:"version"`
	PID      int    `json:"pid"`
	// Since is when it began.
	Since guard.Instant `json:"since"`
	// Class is the class of its gate, and Why tells why it is none better.
	Class string `json:"class"`
	Why   string `json:"why,omitempty"`
	// Lacks are the protections of the process that the system did not permit, in an operator's words.
	Lacks []string `json:"lacks,omitempty"`
}
