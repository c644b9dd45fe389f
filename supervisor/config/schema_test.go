// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

const configs = "../../configs"

func resolve(t *testing.T, of func() (*jsonschema.Schema, error)) *jsonschema.Resolved {
	t.Helper()
	s, err := of()
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Resolve(&jsonschema.ResolveOptions{ValidateDefaults: true})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// plainValue reads YAML as programs that know only the schema do.
func plainValue(t *testing.T, data []byte) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestConfigs loads every file of configs by its loader and its schema. A file
// that this test does not know fails it.
func TestConfigs(t *testing.T) {
	entries, err := os.ReadDir(configs)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := e.Name()
		path := filepath.Join(configs, name)
		switch {
		case strings.HasPrefix(name, "node-"):
			if _, err := LoadNode(path, nil, []string{"EVENKEEL_NODE=n1"}); err != nil {
				t.Error(err)
			}
			if err := resolve(t, NodeSchema).Validate(plainValue(t, read(t, name))); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case filepath.Ext(name) == ".yaml":
			if _, err := LoadCluster(path); err != nil {
				t.Error(err)
			}
			if err := resolve(t, ClusterSchema).Validate(plainValue(t, read(t, name))); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case name == "evenkeel.service":
			unit := string(read(t, name))
			for _, want := range []string{"Type=exec", "Restart=always", "RuntimeDirectory=evenkeel", "StateDirectory=evenkeel", "LimitMEMLOCK=infinity", DefaultNodeFile} {
				if !strings.Contains(unit, want) {
					t.Errorf("%s lacks %s", name, want)
				}
			}
		case name == "haproxy.cfg":
			// lbsync/haproxy runs HAProxy on it.
		default:
			t.Errorf("no test loads %s", path)
		}
	}
}

// TestFullNamesEveryKey fails when a key is added that full.yaml or
// node-full.yaml does not show.
func TestFullNamesEveryKey(t *testing.T) {
	for _, c := range []struct {
		file string
		of   func() (*jsonschema.Schema, error)
	}{{"full.yaml", ClusterSchema}, {"node-full.yaml", NodeSchema}} {
		s, err := c.of()
		if err != nil {
			t.Fatal(err)
		}
		shown := map[string]bool{}
		keysOf(plainValue(t, read(t, c.file)), "", shown)
		for _, k := range schemaKeys(s, "") {
			if !shown[k] {
				t.Errorf("%s does not show %s", c.file, k)
			}
		}
	}
}

func keysOf(v any, path string, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			into[join(path, k)] = true
			keysOf(e, join(path, k), into)
		}
	case []any:
		for _, e := range v {
			keysOf(e, path+"[]", into)
		}
	}
}

func schemaKeys(s *jsonschema.Schema, path string) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(s.Properties)) {
		out = append(append(out, join(path, k)), schemaKeys(s.Properties[k], join(path, k))...)
	}
	if s.Items != nil {
		out = append(out, schemaKeys(s.Items, path+"[]")...)
	}
	return out
}

// TestSchemaSaysAll checks that each key has a description, no object takes
// unknown keys, and defaults are found where the description names one.
func TestSchemaSaysAll(t *testing.T) {
	for _, of := range []func() (*jsonschema.Schema, error){NodeSchema, ClusterSchema} {
		s, err := of()
		if err != nil {
			t.Fatal(err)
		}
		saysAll(t, s, "")
		if _, err := json.Marshal(s); err != nil {
			t.Error(err)
		}
	}
	s, err := ClusterSchema()
	if err != nil {
		t.Fatal(err)
	}
	pool := s.Properties["pools"].Items.Properties
	for _, c := range []struct {
		s    *jsonschema.Schema
		want string
	}{
		{pool["check"].Properties["interval"], `"1s"`},
		{pool["check"].Properties["rise"], `2`},
		{pool["check"].Properties["http"].Properties["status"], `"200-399"`},
		{pool["watch"].Properties["connection"], `true`},
		{pool["drain"].Properties["deadline"], `"0s"`},
		{pool["drain"].Properties["floor"], `1`},
		{pool["backend"], ``},
		{s.Properties["nodes"].Items.Properties["vote"], `true`},
	} {
		if string(c.s.Default) != c.want {
			t.Errorf("%q has default %s, want %s", c.s.Description, c.s.Default, c.want)
		}
	}
}

func saysAll(t *testing.T, s *jsonschema.Schema, path string) {
	t.Helper()
	if len(s.Types) > 0 {
		t.Errorf("%s may be %v", path, s.Types)
	}
	for k, p := range s.Properties {
		if p.Description == "" {
			t.Errorf("%s has no description", join(path, k))
		}
		saysAll(t, p, join(path, k))
	}
	if s.Type == "object" && s.AdditionalProperties == nil {
		t.Errorf("%s takes any key", path)
	}
	if s.Items != nil {
		saysAll(t, s.Items, path+"[]")
	}
}

// TestSchemaRefuses holds the bad files whose faults a schema can see; the
// loader refuses them in the golden tests.
func TestSchemaRefuses(t *testing.T) {
	for _, c := range []struct {
		dir   string
		of    func() (*jsonschema.Schema, error)
		files []string
	}{
		{"cluster", ClusterSchema, []string{"typo-key", "wrong-type", "missing", "durations", "out-of-range", "unknown-names", "null-check", "list", "no-keys", "deep-nesting", "unicode", "node-file"}},
		{"node", NodeSchema, []string{"typos", "values", "types", "missing", "wrong-file", "old-name"}},
	} {
		schema := resolve(t, c.of)
		for _, f := range c.files {
			data, err := os.ReadFile(filepath.Join("testdata", c.dir, f+".yaml"))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(plainValue(t, data)); err == nil {
				t.Errorf("the schema accepts %s/%s.yaml", c.dir, f)
			}
		}
	}
}

// TestSchemaAccepts is the property: what the loader accepts, the schema does.
func TestSchemaAccepts(t *testing.T) {
	schema := resolve(t, ClusterSchema)
	rapid.Check(t, func(rt *rapid.T) {
		raw, err := json.Marshal(drawSpec(rt))
		if err != nil {
			rt.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(raw, &v); err != nil {
			rt.Fatal(err)
		}
		if err := schema.Validate(v); err != nil {
			rt.Fatalf("%v\n%s", err, raw)
		}
	})
}

// TestNamePattern checks that the schema and the code mean the same by a name.
func TestNamePattern(t *testing.T) {
	schema := &jsonschema.Schema{Type: "string", Pattern: namePattern}
	r, err := schema.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.StringMatching(`[a-zA-Z0-9_.-]{0,70}`), rapid.String()).Draw(t, "name")
		if ok := r.Validate(s) == nil; ok != cluster.ValidName(s) {
			t.Errorf("%q: schema %v, code %v", s, ok, cluster.ValidName(s))
		}
	})
}
