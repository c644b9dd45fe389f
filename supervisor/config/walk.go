// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/spelling"
)

// maxEntries is how many values a file may hold once its aliases are followed.
// The largest cluster that Validate allows has about 50,000.
const maxEntries = 100_000

// place is where a value stands in its file.
type place struct{ line, column int }

// reader walks the tree of one file along a shape, gathers what it holds as
// plain values, and notes where each key stands.
type reader struct {
	file    string
	entries int
	at      map[string]place // where the value of a key stands
	faults  []Fault
	covers  []string // keys whose absence or value a fault explains already
	other   []string // keys of the other kind of file,
	belongs string   // and what it is called
}

// clusterReader reads cluster files, nodeReader node files. People mix them
// up, so each knows the keys of the other.
func clusterReader(file string) *reader {
	return &reader{file: file, at: map[string]place{}, other: nodeShape().keys, belongs: "node file"}
}

func nodeReader(file string) *reader {
	return &reader{file: file, at: map[string]place{}, other: clusterShape().keys, belongs: "cluster file"}
}

func clusterShape() shape { return shapeOf(reflect.TypeFor[cluster.Spec]()) }

func nodeShape() shape { return shapeOf(reflect.TypeFor[Node]()) }

// fault notes a fault at a node.
func (r *reader) fault(n *yaml.Node, key, value, want string) {
	r.covers = append(r.covers, key)
	r.faults = append(r.faults, Fault{File: r.file, Line: n.Line, Column: n.Column, Key: key, Value: value, Want: want})
}

// full tells that the file holds more than maxEntries values, and says so once.
func (r *reader) full(n *yaml.Node, key string) bool {
	r.entries++
	if r.entries == maxEntries {
		r.fault(n, key, "", fmt.Sprintf("the file holds more than %d values; do its aliases (*name) multiply?", maxEntries))
	}
	return r.entries >= maxEntries
}

// value reads what stands at a key. The second result is false when it has
// the wrong type, which is noted.
func (r *reader) value(n *yaml.Node, s shape, key string) (any, bool) {
	if _, seen := r.at[key]; !seen {
		r.at[key] = place{n.Line, n.Column}
	}
	if r.full(n, key) {
		return nil, false
	}
	from := n
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch {
	case n.Style&yaml.TaggedStyle != 0:
		r.fault(from, key, n.Tag, "remove the tag (the word with '!')")
		return nil, false
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		r.fault(from, key, "", "has no value; "+s.wants()+", or remove the key")
		return nil, false
	case s.kind == record && n.Kind == yaml.MappingNode:
		return r.record(n, s, key), true
	case s.kind == words && n.Kind == yaml.MappingNode:
		return r.words(n, key), true
	case s.kind == list && n.Kind == yaml.SequenceNode:
		return r.list(n, s, key), true
	case n.Kind == yaml.MappingNode:
		r.fault(from, key, "", "keys stand here; "+s.wants())
		return nil, false
	case n.Kind == yaml.SequenceNode:
		r.fault(from, key, "", "a list stands here; "+s.wants())
		return nil, false
	case s.kind >= list:
		r.fault(from, key, n.Value, s.wants())
		return nil, false
	}
	v, want := scalar(n, s)
	if want != "" {
		r.fault(from, key, n.Value, want)
		return nil, false
	}
	return v, true
}

func (r *reader) record(n *yaml.Node, s shape, key string) map[string]any {
	out, first := map[string]any{}, map[string]int{}
	for i := 0; i+1 < len(n.Content) && r.entries < maxEntries; i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		name, ok := r.key(k, key, first)
		if !ok {
			continue
		}
		at := join(key, name)
		under, known := s.of[name]
		if !known {
			r.unknown(k, s, key)
			continue
		}
		if x, ok := r.value(v, under, at); ok {
			out[name] = x
		}
	}
	return out
}

// unknown notes a key that the shape does not have.
func (r *reader) unknown(k *yaml.Node, s shape, under string) {
	want := "unknown key"
	meant := spelling.Nearest(k.Value, s.keys)
	switch {
	case under == "" && slices.Contains(r.other, k.Value):
		want += " here; it belongs to the " + r.belongs
	case meant != "":
		want += "; did you mean " + meant + "?"
		r.covers = append(r.covers, join(under, meant))
	default:
		want += "; the keys here are " + strings.Join(s.keys, ", ")
	}
	r.fault(k, join(under, k.Value), "", want)
}

// key reads a key and notes when it is none or stands there twice.
func (r *reader) key(k *yaml.Node, under string, first map[string]int) (string, bool) {
	switch {
	case k.Kind != yaml.ScalarNode || k.Style&yaml.TaggedStyle != 0:
		r.fault(k, under, "", "a key is plain text")
		return "", false
	case k.Tag == "!!merge":
		r.fault(k, under, k.Value, "merge keys are not known here; write the keys out")
		return "", false
	case first[k.Value] != 0:
		r.fault(k, join(under, k.Value), "", fmt.Sprintf("stands here twice, first on line %d; keep one", first[k.Value]))
		return "", false
	}
	first[k.Value] = k.Line
	return k.Value, true
}

func (r *reader) words(n *yaml.Node, key string) map[string]any {
	out, first := map[string]any{}, map[string]int{}
	for i := 0; i+1 < len(n.Content) && r.entries < maxEntries; i += 2 {
		if name, ok := r.key(n.Content[i], key, first); ok {
			if x, ok := r.value(n.Content[i+1], shape{kind: text}, join(key, name)); ok {
				out[name] = x
			}
		}
	}
	return out
}

// list keeps its length whatever its entries are, so that the index of an
// entry is its index in the file.
func (r *reader) list(n *yaml.Node, s shape, key string) []any {
	out := []any{}
	for i, e := range n.Content {
		if r.entries >= maxEntries {
			break
		}
		x, ok := r.value(e, *s.elem, fmt.Sprintf("%s[%d]", key, i))
		if !ok {
			x = s.elem.zero()
		}
		out = append(out, x)
	}
	return out
}

// zero stands in the place of an entry that has a fault.
func (s shape) zero() any {
	switch s.kind {
	case record, words:
		return map[string]any{}
	case list:
		return []any{}
	case text, whole, truth, span, size:
	}
	return ""
}

var plainKey = regexp.MustCompile(`^[\pL\pN_.:/-]{1,64}$`)

// join returns the path of a key. A key with characters that could confuse a
// terminal or a reader is quoted.
func join(under, key string) string {
	if !plainKey.MatchString(key) {
		key = quote(key)
		if key == "" {
			key = strconv.Quote(key)
		}
	}
	if under == "" {
		return key
	}
	return under + "." + key
}

// parent returns the path without its last key or index, "" for none.
func parent(path string) string {
	return path[:max(0, strings.LastIndexAny(path, ".["))]
}

// locate returns where the key stands, or else the nearest thing around it.
func (r *reader) locate(path string) place {
	for {
		if p, ok := r.at[path]; ok || path == "" {
			return p
		}
		path = parent(path)
	}
}
