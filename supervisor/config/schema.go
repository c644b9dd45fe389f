// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

const schemaDraft = "https://json-schema.org/draft/2020-12/schema"

// namePattern is the form of cluster.ValidName.
const namePattern = `^[a-z0-9]([a-z0-9_.-]{0,62}[a-z0-9])?$`

const absolutePattern = "^/"

// NodeSchema returns the JSON Schema of the node file.
func NodeSchema() (*jsonschema.Schema, error) {
	s, err := schemaOf[Node](map[string]jsonschema.Schema{
		"node":           {Pattern: namePattern},
		"cluster":        {Pattern: namePattern},
		"data_dir":       {Pattern: absolutePattern},
		"key_file":       {Pattern: absolutePattern},
		"bootstrap":      {Pattern: absolutePattern},
		"api.socket":     {Pattern: absolutePattern, MaxLength: new(socketMost)},
		"guard.socket":   {Pattern: absolutePattern, MaxLength: new(socketMost)},
		"guard.class":    {Enum: enum(guardClasses())},
		"timing":         {Enum: enum(Profiles())},
		"log.level":      {Enum: enum(logLevels())},
		"log.format":     {Enum: enum(logFormats())},
		"rails":          {MinItems: new(1), MaxItems: new(MaxRails)},
		"rails[].name":   {Pattern: namePattern},
		"rails[].listen": {MinLength: new(1)},
	})
	if err != nil {
		return nil, err
	}
	s.Title = "Evenkeel node file"
	return s, nil
}

// ClusterSchema returns the JSON Schema of the cluster file.
func ClusterSchema() (*jsonschema.Schema, error) {
	count := jsonschema.Schema{Minimum: new(0.0), Maximum: new(1000.0)}
	s, err := schemaOf[cluster.Spec](map[string]jsonschema.Schema{
		"cluster":                    {Pattern: namePattern},
		"nodes":                      {MinItems: new(1), MaxItems: new(cluster.MaxNodes)},
		"nodes[].name":               {Pattern: namePattern},
		"balancers[].name":           {Pattern: namePattern},
		"balancers[].driver":         {Enum: enum([]string{cluster.HAProxyDriver})},
		"balancers[].nodes":          {MinItems: new(1), UniqueItems: true},
		"balancers[].socket":         {Pattern: absolutePattern},
		"balancers[].state_file":     {Pattern: absolutePattern},
		"pools[].name":               {Pattern: namePattern},
		"pools[].members":            {MinItems: new(1)},
		"pools[].members[].name":     {Pattern: namePattern},
		"pools[].members[].port":     {Minimum: new(1.0), Maximum: new(65535.0)},
		"pools[].members[].weight":   {Minimum: new(0.0), Maximum: new(256.0)},
		"pools[].check.http.path":    {Pattern: absolutePattern},
		"pools[].check.exec.command": {MinItems: new(1)},
		"pools[].check.rise":         count,
		"pools[].check.fall":         count,
		"pools[].flap.changes":       count,
		"pools[].drain.floor":        {Minimum: new(0.0)},
		"pools[].watch.pid_file":     {Pattern: absolutePattern},
		"resources[].name":           {Pattern: namePattern},
		"resources[].vip.addresses":  {MinItems: new(1)},
	})
	if err != nil {
		return nil, err
	}
	s.Title = "Evenkeel cluster file"
	return s, nil
}

// schemaOf derives a schema from the struct tags and adds the limits, by key
// path with [] for the entries of lists.
func schemaOf[T any](limits map[string]jsonschema.Schema) (*jsonschema.Schema, error) {
	s, err := jsonschema.For[T](&jsonschema.ForOptions{TypeSchemas: map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[cluster.Duration](): {Type: "string", Pattern: spanPattern},
		reflect.TypeFor[Size]():             {Type: "string", Pattern: sizePattern},
	}})
	if err != nil {
		return nil, fmt.Errorf("json schema: %w", err)
	}
	f := finisher{limits: limits, used: map[string]bool{}}
	f.finish(s, "")
	if len(f.used) != len(limits) {
		return nil, fmt.Errorf("json schema: of %d limits only %d name a key", len(limits), len(f.used))
	}
	s.Schema = schemaDraft
	return s, nil
}

// finisher adds to a derived schema what struct tags do not say.
type finisher struct {
	limits map[string]jsonschema.Schema
	used   map[string]bool
}

// defaultForm finds the default in a description: (default 1s), (default 0s: at once).
var defaultForm = regexp.MustCompile(`\(default ([^ :)]+)[:)]`)

func (f *finisher) finish(s *jsonschema.Schema, path string) {
	// Go has nil for pointers and slices; a file has no null.
	if i := slices.Index(s.Types, "null"); i >= 0 && len(s.Types) == 2 {
		s.Type, s.Types = s.Types[1-i], nil
	}
	if m := defaultForm.FindStringSubmatch(s.Description); m != nil {
		s.Default = defaultOf(s.Type, m[1])
	}
	if limit, ok := f.limits[path]; ok {
		f.used[path] = true
		apply(s, limit)
	}
	for _, key := range s.PropertyOrder {
		f.finish(s.Properties[key], join(path, key))
	}
	if s.Items != nil {
		f.finish(s.Items, path+"[]")
	}
}

// apply copies what the limit sets.
func apply(s *jsonschema.Schema, limit jsonschema.Schema) {
	from, to := reflect.ValueOf(limit), reflect.ValueOf(s).Elem()
	for i := range from.NumField() {
		if to.Type().Field(i).IsExported() && !from.Field(i).IsZero() {
			to.Field(i).Set(from.Field(i))
		}
	}
}

// defaultOf returns the default as JSON of the type, or nothing when the text
// is none.
func defaultOf(kind, said string) json.RawMessage {
	switch kind {
	case "string":
		return json.RawMessage(strconv.Quote(said))
	case "integer", "boolean":
		if json.Valid([]byte(said)) {
			return json.RawMessage(said)
		}
	}
	return nil
}

func enum(words []string) []any {
	var out []any
	for _, w := range words {
		out = append(out, w)
	}
	return out
}
