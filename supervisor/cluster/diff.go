// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
)

// Change is one difference between two cluster files.
type Change struct {
	Path string `json:"path"` // such as pools[web].drain.floor
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

// String tells the change in one line: + added, - removed, ~ changed.
func (c Change) String() string {
	switch {
	case c.From == "":
		return fmt.Sprintf("+ %s: %s", c.Path, c.To)
	case c.To == "":
		return fmt.Sprintf("- %s: %s", c.Path, c.From)
	}
	return fmt.Sprintf("~ %s: %s -> %s", c.Path, c.From, c.To)
}

// Diff returns what turns one spec into the other, sorted by path. Entries of
// lists are told apart by their name, so that a new order is no change; a list
// of plain values, such as a command, is one value.
func Diff(from, to Spec) []Change {
	a, b := flatten(from), flatten(to)
	all := maps.Clone(a)
	maps.Copy(all, b)
	var out []Change
	for _, path := range sortedKeys(all) {
		if a[path] != b[path] {
			out = append(out, Change{Path: path, From: a[path], To: b[path]})
		}
	}
	return out
}

// flatten turns a spec into its leaves, by path.
func flatten(s Spec) map[string]string {
	out := map[string]string{}
	raw, err := json.Marshal(s)
	if err != nil {
		return out // a Spec holds plain data only, it always encodes
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err == nil {
		leaves("", tree, out)
	}
	if s.Cluster == "" {
		delete(out, "cluster") // no file yet, not a file with an empty name
	}
	return out
}

func leaves(path string, v any, out map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 {
			out[path] = "{}"
		}
		for _, k := range sortedKeys(v) {
			leaves(strings.TrimPrefix(path+"."+k, "."), v[k], out)
		}
	case []any:
		if plain, ok := plainList(v); ok {
			out[path] = plain
			return
		}
		for i, e := range v {
			leaves(fmt.Sprintf("%s[%s]", path, entryName(i, e)), e, out)
		}
	case string:
		out[path] = cmp.Or(v, `""`)
	case nil:
	default:
		out[path] = fmt.Sprint(v)
	}
}

// plainList prints a list that holds nothing but texts.
func plainList(list []any) (string, bool) {
	var out []string
	for _, e := range list {
		s, ok := e.(string)
		if !ok {
			return "", false
		}
		out = append(out, cmp.Or(s, `""`))
	}
	return "[" + strings.Join(out, ", ") + "]", len(out) > 0
}

// entryName names an entry of a list: by its name, or by its place.
func entryName(i int, e any) string {
	if m, ok := e.(map[string]any); ok {
		if name, ok := m["name"].(string); ok {
			return name
		}
	}
	return fmt.Sprint(i)
}
