// SPDX-License-Identifier: Apache-2.0

package config

import (
	"reflect"
	"strings"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// kind is what may stand at a key.
type kind uint8

const (
	text kind = iota
	whole
	truth
	span   // cluster.Duration
	size   // Size
	list   // entries of one shape
	words  // texts by free keys, such as labels
	record // the keys of a struct
)

// shape is what a Go type looks like in YAML. The types of a file hold no
// cycles, so shapes are finite and bound how deep a file is followed.
type shape struct {
	kind kind
	keys []string         // of a record, in the order of the struct
	of   map[string]shape // of a record, by key
	elem *shape           // of a list
}

// shapeOf reads the shape from the type and its json tags. It panics on types
// that no file has; a test reads every shape there is.
func shapeOf(t reflect.Type) shape {
	if t == reflect.TypeFor[cluster.Duration]() {
		return shape{kind: span}
	}
	if t == reflect.TypeFor[Size]() {
		return shape{kind: size}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return shapeOf(t.Elem())
	case reflect.String:
		return shape{kind: text}
	case reflect.Int:
		return shape{kind: whole}
	case reflect.Bool:
		return shape{kind: truth}
	case reflect.Slice:
		elem := shapeOf(t.Elem())
		return shape{kind: list, elem: &elem}
	case reflect.Map:
		return shape{kind: words}
	case reflect.Struct:
		s := shape{kind: record, of: map[string]shape{}}
		for f := range t.Fields() {
			key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			s.keys = append(s.keys, key)
			s.of[key] = shapeOf(f.Type)
		}
		return s
	default:
		panic("config: no shape for " + t.String())
	}
}

// wants tells what should stand at a key of this shape.
func (s shape) wants() string {
	switch s.kind {
	case text:
		return "write text"
	case whole:
		return "write a whole number, without quotes"
	case truth:
		return "write true or false, without quotes"
	case span:
		return spanWant
	case size:
		return sizeWant
	case list:
		if s.elem.kind == text {
			return "write a list, such as [a, b], or one entry a line, each with '- ' before it"
		}
		return "write a list: each entry begins with '- '"
	case words:
		return "write 'key: value' lines, indented under it"
	case record:
	}
	return "write keys indented under it: " + strings.Join(s.keys, ", ")
}
