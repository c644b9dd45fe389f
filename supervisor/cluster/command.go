// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
)

// MaxCommand is the largest encoded command, in bytes.
const MaxCommand = 256 << 10

// Errors of DecodeCommand.
var (
	// ErrNewer tells that a newer version wrote the entry. A node that meets it
	// must stop applying rather than guess.
	ErrNewer = errors.New("the log holds a command that this version does not know; run the newest version of evenkeel on this node")
	// ErrBadCommand tells that the bytes are no command at all.
	ErrBadCommand = errors.New("not a command")
)

// Command is one entry of the replicated log.
type Command struct {
	ID   string // names the proposal; a second entry with the same id does nothing
	At   int64  // unix milliseconds at the proposer, for people
	By   string // who asked: an operator, or a node
	Body Body
}

// Body is what a command asks for.
//
//sumtype:decl
type Body interface{ kind() string }

// SetSpec replaces the cluster file.
type SetSpec struct {
	Spec Spec `json:"spec"`
	// IfRevision refuses the change when another file was accepted meanwhile.
	IfRevision *uint64 `json:"if_revision,omitempty"`
	// Known is a revision that every living node was heard to run, or a later one. A change of voters needs the present one.
	Known uint64 `json:"known,omitempty"`
}

// Admit lets a node in, in the life that Boot names.
type Admit struct {
	Node    NodeID `json:"node"`
	Install uint64 `json:"install"`
	Boot    uint64 `json:"boot"`
	Reason  string `json:"reason"`
}

// Condemn declares the life of a node over.
type Condemn struct {
	Node   NodeID   `json:"node"`
	Epoch  uint64   `json:"epoch"` // of the life that the votes speak about
	Votes  []NodeID `json:"votes"`
	Reason string   `json:"reason"`
}

// Leave records that a node stopped in good order.
type Leave struct {
	Node  NodeID `json:"node"`
	Epoch uint64 `json:"epoch"`
}

// SetMode records what the operator lets the cluster do on a node.
type SetMode struct {
	Node   NodeID `json:"node"`
	Mode   Mode   `json:"mode"`
	Force  bool   `json:"force,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// SetMember records what the operator asks of a member.
type SetMember struct {
	Member   MemberID `json:"member"`
	Admin    Admin    `json:"admin"`
	Deadline Duration `json:"deadline,omitempty"`
	Force    bool     `json:"force,omitempty"`
	Reason   string   `json:"reason,omitempty"`
}

// Judge records the verdict about a member.
type Judge struct {
	Member    MemberID  `json:"member"`
	Condition Condition `json:"condition"`
	By        []NodeID  `json:"by"`
	Reason    string    `json:"reason"`
}

// Give hands a resource to a node.
type Give struct {
	Resource string   `json:"resource"`
	Epoch    uint64   `json:"epoch"` // of the resource, as it was when this was proposed
	Node     NodeID   `json:"node"`
	Life     uint64   `json:"life"`             // epoch of the node's life
	Lapsed   []NodeID `json:"lapsed,omitempty"` // voters who say that the right of a lost holder has run out
	Reason   string   `json:"reason"`
}

// Recall asks the holder of a resource to let go.
type Recall struct {
	Resource string `json:"resource"`
	Epoch    uint64 `json:"epoch"`
	To       NodeID `json:"to,omitempty"` // who gets it then; empty = whoever is best
	Reason   string `json:"reason"`
}

// LetGo records that the holder of a resource has nothing of it any more.
type LetGo struct {
	Resource string `json:"resource"`
	Epoch    uint64 `json:"epoch"`
	Node     NodeID `json:"node"`
	Reason   string `json:"reason,omitempty"`
}

// Verb is what an operator asks for with a resource.
type Verb string

// The verbs.
const (
	VerbMove    Verb = "move"
	VerbRestart Verb = "restart" // let go, and take it again
	VerbBan     Verb = "ban"
	VerbClear   Verb = "clear" // end the bans
	VerbEnable  Verb = "enable"
	VerbDisable Verb = "disable"
)

// SetResource records what an operator asks for with a resource.
type SetResource struct {
	Resource string `json:"resource"`
	Verb     Verb   `json:"verb"`
	Node     NodeID `json:"node,omitempty"` // of move and ban
	Reason   string `json:"reason,omitempty"`
}

func (SetSpec) kind() string   { return "spec" }
func (Admit) kind() string     { return "admit" }
func (Condemn) kind() string   { return "condemn" }
func (Leave) kind() string     { return "leave" }
func (SetMode) kind() string   { return "mode" }
func (SetMember) kind() string { return "member" }
func (Judge) kind() string     { return "judge" }

func (Give) kind() string        { return "give" }
func (Recall) kind() string      { return "recall" }
func (LetGo) kind() string       { return "let-go" }
func (SetResource) kind() string { return "resource" }

// wire is the form of a command in the log.
type wire struct {
	ID   string          `json:"id"`
	At   int64           `json:"at,omitempty"`
	By   string          `json:"by,omitempty"`
	Kind string          `json:"kind"`
	Body json.RawMessage `json:"body"`
}

// Encode returns the bytes of the command for the log.
func (c Command) Encode() ([]byte, error) {
	if c.Body == nil {
		return nil, errors.New("encode command: it has no body")
	}
	body, err := json.Marshal(c.Body)
	if err != nil {
		return nil, fmt.Errorf("encode command: %w", err)
	}
	b, err := json.Marshal(wire{ID: c.ID, At: c.At, By: c.By, Kind: c.Body.kind(), Body: body})
	if err != nil {
		return nil, fmt.Errorf("encode command: %w", err)
	}
	if len(b) > MaxCommand {
		return nil, fmt.Errorf("the command has %d bytes, at most %d fit", len(b), MaxCommand)
	}
	return b, nil
}

// DecodeCommand reads a command from the log. It fails with ErrNewer or
// ErrBadCommand; any bytes are safe.
func DecodeCommand(b []byte) (Command, error) {
	if len(b) > MaxCommand {
		return Command{}, fmt.Errorf("%w: %d bytes, at most %d", ErrBadCommand, len(b), MaxCommand)
	}
	var w wire
	if err := json.Unmarshal(b, &w); err != nil {
		return Command{}, fmt.Errorf("%w: %w", ErrBadCommand, err)
	}
	c := Command{ID: w.ID, At: w.At, By: w.By}
	var err error
	switch w.Kind {
	case SetSpec{}.kind():
		c.Body, err = body[SetSpec](w.Body)
	case Admit{}.kind():
		c.Body, err = body[Admit](w.Body)
	case Condemn{}.kind():
		c.Body, err = body[Condemn](w.Body)
	case Leave{}.kind():
		c.Body, err = body[Leave](w.Body)
	case SetMode{}.kind():
		c.Body, err = body[SetMode](w.Body)
	case SetMember{}.kind():
		c.Body, err = body[SetMember](w.Body)
	case Judge{}.kind():
		c.Body, err = body[Judge](w.Body)
	case Give{}.kind():
		c.Body, err = body[Give](w.Body)
	case Recall{}.kind():
		c.Body, err = body[Recall](w.Body)
	case LetGo{}.kind():
		c.Body, err = body[LetGo](w.Body)
	case SetResource{}.kind():
		c.Body, err = body[SetResource](w.Body)
	case "":
		return Command{}, fmt.Errorf("%w: it has no kind", ErrBadCommand)
	default:
		return Command{}, fmt.Errorf("%w: kind %.40q", ErrNewer, w.Kind)
	}
	if err != nil {
		return Command{}, err
	}
	return c, nil
}

func body[T Body](raw json.RawMessage) (Body, error) {
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadCommand, err)
	}
	return v, nil
}
