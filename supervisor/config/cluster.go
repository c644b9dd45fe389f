// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// LoadCluster reads and checks a cluster file. Its error is an *Error.
func LoadCluster(path string) (cluster.Spec, error) {
	data, fault := readFile(path)
	if fault != nil {
		return cluster.Spec{}, &Error{Faults: []Fault{*fault}}
	}
	return ParseCluster(path, data)
}

// ParseCluster reads and checks the bytes of a cluster file, YAML or JSON; name
// is what its errors call it. Its error is an *Error with every fault.
func ParseCluster(name string, data []byte) (cluster.Spec, error) {
	root, fault := parse(name, data)
	if fault != nil {
		return cluster.Spec{}, &Error{Faults: []Fault{*fault}}
	}
	r := clusterReader(name)
	tree, _ := r.value(root, clusterShape(), "")
	if tree == nil {
		return cluster.Spec{}, asError(r.faults)
	}
	var spec cluster.Spec
	if err := decode(tree, &spec); err != nil {
		return cluster.Spec{}, fmt.Errorf("%s: %w", name, err)
	}
	if err := asError(append(r.faults, r.problems(spec)...)); err != nil {
		return cluster.Spec{}, err
	}
	return spec, nil
}

// problems returns what is wrong with the spec though its form is right.
func (r *reader) problems(spec cluster.Spec) []Fault {
	var out []Fault
	missing := map[string]bool{}
	for _, p := range spec.Validate() {
		if _, there := r.at[p.Path]; !there && missing[p.Path] {
			continue // what is missing has one fault, not also a wrong value
		}
		if !r.explains(p.Path) {
			out = append(out, r.problem(p))
			missing[p.Path] = true
		}
	}
	return out
}

// decode turns plain values into a struct. The reader has checked every key
// and type, so an error is a disagreement between it and the struct.
func decode(tree any, into any) error {
	raw, err := json.Marshal(tree)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	return nil
}

// problem gives a fault of the spec its place in the file.
func (r *reader) problem(p cluster.Problem) Fault {
	at := r.locate(p.Path)
	f := Fault{File: r.file, Line: at.line, Column: at.column, Key: p.Path, Value: p.Value, Want: p.Want}
	if _, there := r.at[p.Path]; !there && (p.Value == "" || p.Value == "0") {
		f.Value = ""
		if !strings.HasPrefix(f.Want, "is missing") {
			f.Want = "is missing; " + f.Want
		}
	}
	return f
}

// explains tells whether a fault of form may be the cause of a problem at the
// path, which is then not told: operators should not hunt echoes. That is so
// in the same entry of a section, and in sections that refer to a faulty one.
func (r *reader) explains(path string) bool {
	section, entry := split(path)
	for _, c := range r.covers {
		s, e := split(c)
		switch {
		case c == "":
			return true
		case s == section && (e == "" || entry == "" || e == entry):
			return true
		case refers(section, s):
			return true
		}
	}
	return false
}

// split returns the section of a path and the entry in it: "pools" and
// "pools[0]" of pools[0].members[1].port.
func split(path string) (section, entry string) {
	first, _, _ := strings.Cut(path, ".")
	section, _, indexed := strings.Cut(first, "[")
	if indexed {
		entry = first
	}
	return section, entry
}

// refers tells whether entries of the section name entries of the other.
func refers(section, other string) bool {
	switch section {
	case "pools":
		return other == "nodes" || other == "balancers"
	case "balancers":
		return other == "nodes"
	}
	return false
}
