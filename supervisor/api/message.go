// SPDX-License-Identifier: Apache-2.0

package api

import (
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// SpecAnswer is the cluster file with its revision.
type SpecAnswer struct {
	Revision uint64       `json:"revision"`
	Spec     cluster.Spec `json:"spec"`
}

// ApplyRequest asks for another cluster file.
type ApplyRequest struct {
	Spec cluster.Spec `json:"spec"`
	// IfRevision refuses the change when another file was accepted meanwhile.
	IfRevision *uint64 `json:"if_revision,omitempty"`
	// DryRun asks what would change, and changes nothing. It travels as ?dry_run=1.
	DryRun bool `json:"-"`
}

// ApplyAnswer tells what another cluster file changes, or would change.
type ApplyAnswer struct {
	Changes  []cluster.Change `json:"changes"`
	Problems []Problem        `json:"problems,omitempty"`
	Revision uint64           `json:"revision"`          // in force after the call
	Outcome  *Outcome         `json:"outcome,omitempty"` // nothing in a dry run
}

// Problem is one fault of a cluster file.
type Problem struct {
	Path  string `json:"path"` // the key, such as pools[0].members[1].port
	Value string `json:"value,omitempty"`
	Want  string `json:"want"`
}

// String tells the fault in one line.
func (p Problem) String() string { return cluster.Problem(p).String() }

// Outcome tells what became of a command.
type Outcome struct {
	ID     string          `json:"id,omitempty"`
	Result cluster.Result  `json:"result"`
	Reason string          `json:"reason,omitempty"`
	Events []cluster.Event `json:"events,omitempty"` // what changed, in order
}

// ModeRequest asks for another mode of a node.
type ModeRequest struct {
	Mode   cluster.Mode `json:"mode"`
	Force  bool         `json:"force,omitempty"`
	Reason string       `json:"reason,omitempty"`
}

// AdminRequest asks for another administrative state of a member.
type AdminRequest struct {
	Admin    cluster.Admin    `json:"admin"`
	Deadline cluster.Duration `json:"deadline,omitempty"`
	Force    bool             `json:"force,omitempty"`
	Reason   string           `json:"reason,omitempty"`
}

// ResourceRequest asks for something with a resource.
type ResourceRequest struct {
	Verb   cluster.Verb   `json:"verb"`
	Node   cluster.NodeID `json:"node,omitempty"`  // of move and ban
	Force  bool           `json:"force,omitempty"` // of move: also to a node that cannot hold it now
	Reason string         `json:"reason,omitempty"`
}

// VersionAnswer tells what answers.
type VersionAnswer struct {
	Version string         `json:"version"`
	Go      string         `json:"go"`
	API     string         `json:"api"`
	Node    cluster.NodeID `json:"node"`
}

// Error is a refusal or a failure, told to people. It is also the body of every
// answer that is not a success, and the last line of a stream that was cut off.
type Error struct {
	Status   int       `json:"-"` // of HTTP; 0 = there was no answer
	Message  string    `json:"error"`
	Hint     string    `json:"hint,omitempty"` // what to do now
	Problems []Problem `json:"problems,omitempty"`
	Cause    error     `json:"-"`
}

// Error returns what went wrong, without the hint.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause, if there is one.
func (e *Error) Unwrap() error { return e.Cause }

func problemsOf(spec cluster.Spec) []Problem {
	var out []Problem
	for _, p := range spec.Validate() {
		out = append(out, Problem(p))
	}
	return out
}

func outcomeOf(o cluster.Outcome) *Outcome {
	return &Outcome{ID: o.ID, Result: o.Result, Reason: o.Reason, Events: o.Events}
}
