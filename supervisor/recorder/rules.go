// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"go.etcd.io/raft/v3"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/recorder/image"
)

// making is how a core was made.
type making struct {
	Now   time.Time
	Cfg   core.Config
	ID    core.Identity
	Held  core.Held
	Draws []byte
}

// rare is an input that comes seldom, and is kept as an image.
type rare struct{ Input core.Input }

// rulesOfCore are for the memory of a core. What raft does next is a function in it, which no image holds: it is read
// into a replica that plays the same role.
func rulesOfCore() (*image.Rules, error) {
	replica := reflect.TypeFor[consensus.Replica]()
	inner, err := fieldTypes(reflect.TypeFor[raft.RawNode](), "raft")
	if err != nil {
		return nil, err
	}
	log, err := fieldTypes(inner[0], "raftLog")
	if err != nil {
		return nil, err
	}
	storage, ok := replica.FieldByName("log")
	if !ok {
		return nil, errors.New("a replica has no log")
	}
	tracer, ok := inner[0].FieldByName("traceLogger")
	if !ok {
		return nil, errors.New("raft has no trace logger")
	}
	return &image.Rules{
		Types:     []reflect.Type{storage.Type},
		Skip:      []image.Field{{Of: reflect.TypeFor[core.Core](), Name: "out"}}, // which the next step empties
		SkipTypes: []reflect.Type{reflect.TypeFor[raft.Logger](), tracer.Type},
		InPlace:   []reflect.Type{replica, reflect.TypeFor[raft.RawNode](), inner[0], log[0]},
	}, nil
}

// fieldTypes returns what the named fields of a struct point to.
func fieldTypes(t reflect.Type, names ...string) ([]reflect.Type, error) {
	var out []reflect.Type
	for _, name := range names {
		f, ok := t.FieldByName(name)
		if !ok || f.Type.Kind() != reflect.Pointer {
			return nil, fmt.Errorf("%s points to no %s", t, name)
		}
		out = append(out, f.Type.Elem())
	}
	return out, nil
}

// rulesOfOutput are for what a step answers. What raft itself wants back with an append follows from the rest.
func rulesOfOutput() *image.Rules {
	appended := reflect.TypeFor[consensus.Append]()
	return &image.Rules{
		Types: []reflect.Type{
			reflect.TypeFor[*bus.Heartbeat](), reflect.TypeFor[*bus.Vote](), reflect.TypeFor[bus.Raft](), reflect.TypeFor[bus.Proposal](),
			reflect.TypeFor[core.Append](), reflect.TypeFor[core.NewLife](), reflect.TypeFor[core.Join](),
		},
		Skip: []image.Field{{Of: appended, Name: "message"}, {Of: appended, Name: "restored"}, {Of: appended, Name: "entries"}},
	}
}

// rulesOfInput are for how a core is made and for rare inputs.
func rulesOfInput() *image.Rules {
	return &image.Rules{Types: []reflect.Type{
		reflect.TypeFor[core.Heard](), reflect.TypeFor[core.Born](), reflect.TypeFor[core.Joined](), reflect.TypeFor[core.Probed](),
		reflect.TypeFor[core.Balanced](), reflect.TypeFor[core.Railed](), reflect.TypeFor[core.Leave](), reflect.TypeFor[core.Guarded](),
		reflect.TypeFor[*bus.Heartbeat](), reflect.TypeFor[*bus.Vote](), reflect.TypeFor[bus.Raft](), reflect.TypeFor[bus.Proposal](),
	}}
}

// The names of the layouts in the head of a file.
const (
	layoutCore = "core"
	layoutMade = "made"
	layoutRare = "rare"
)

// layouts returns the layouts of what is kept as an image.
func layouts(ofCore *image.Rules) map[string]string {
	name := func(r *image.Rules, t reflect.Type) string { return fmt.Sprintf("%016x", r.Layout(t)) }
	return map[string]string{
		layoutCore: name(ofCore, reflect.TypeFor[core.Core]()),
		layoutMade: name(rulesOfInput(), reflect.TypeFor[making]()),
		layoutRare: name(rulesOfInput(), reflect.TypeFor[rare]()),
	}
}
