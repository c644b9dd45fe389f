// SPDX-License-Identifier: Apache-2.0

package image

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"reflect"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
)

// Field names a field of a struct.
type Field struct {
	Of   reflect.Type
	Name string
}

// Rules say what an image of certain types is. They may be shared once they are made, but not changed.
type Rules struct {
	// Types are those that an interface may hold. Errors need not be named; they are written as their text, and an image
	// with one cannot be read back.
	Types []reflect.Type
	// Skip are fields that are not part of an image, beside those that hold functions.
	Skip []Field
	// SkipTypes are the types of fields that are not part of an image.
	SkipTypes []reflect.Type
	// InPlace are structs that are read into what a pointer points to already, so that the fields that are not part of an
	// image stay as they are.
	InPlace []reflect.Type
}

// form is how a type is written.
type form uint8

const (
	plain form = iota
	instant
	message // a pointer to a protobuf message
	failure // an interface of type error
)

func timeType() reflect.Type { return reflect.TypeFor[time.Time]() }

func formOf(t reflect.Type) form {
	switch {
	case t == timeType():
		return instant
	case t.Kind() == reflect.Pointer && t.Implements(reflect.TypeFor[proto.Message]()):
		return message
	case t == reflect.TypeFor[error]():
		return failure
	}
	return plain
}

// fields returns the places of the fields of a struct that are part of an image.
func (r *Rules) fields(t reflect.Type) []int {
	var out []int
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Type.Kind() == reflect.Func || slices.Contains(r.SkipTypes, f.Type) || slices.Contains(r.Skip, Field{t, f.Name}) {
			continue
		}
		out = append(out, i)
	}
	return out
}

// Layout names the form of a type and of everything that it is made of. Images of a type with another layout cannot be
// read.
func (r *Rules) Layout(t reflect.Type) uint64 {
	w := layout{rules: r, sum: sha256.New(), known: map[reflect.Type]int{}}
	w.add(t)
	return binary.BigEndian.Uint64(w.sum.Sum(nil))
}

type layout struct {
	rules *Rules
	sum   hash.Hash
	known map[reflect.Type]int
}

func (w *layout) say(format string, args ...any) {
	_, _ = fmt.Fprintf(w.sum, format+"\n", args...) // a hash takes everything
}

func (w *layout) add(t reflect.Type) {
	if n, ok := w.known[t]; ok {
		w.say("again %d", n)
		return
	}
	w.known[t] = len(w.known)
	w.say("%s %d %d", t.String(), t.Kind(), formOf(t))
	if formOf(t) != plain {
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		for _, i := range w.rules.fields(t) {
			w.say("field %s", t.Field(i).Name)
			w.add(t.Field(i).Type)
		}
	case reflect.Map:
		w.add(t.Key())
		w.add(t.Elem())
	case reflect.Pointer, reflect.Slice:
		w.add(t.Elem())
	case reflect.Array:
		w.say("of %d", t.Len())
		w.add(t.Elem())
	case reflect.Interface:
		for i, held := range w.rules.Types {
			if held.Implements(t) {
				w.say("may be %d", i)
				w.add(held)
			}
		}
	default:
	}
}
