// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"github.com/evenkeel-ha/evenkeel/supervisor/spelling"
)

// layers gathers what file, environment and flags say, and where each key is
// from.
type layers struct {
	file   *reader
	keys   *koanf.Koanf
	over   map[string]string // the variable or flag that sets a key
	own    []Fault           // faults outside of the file
	broken bool              // the file could not be read as a whole
}

func (l *layers) faults() []Fault { return append(l.own, l.file.faults...) }

// tree is a koanf.Provider of values that were read already.
type tree map[string]any

// Read implements koanf.Provider.
func (t tree) Read() (map[string]any, error) { return t, nil }

// ReadBytes implements koanf.Provider; koanf calls it with a parser only.
func (t tree) ReadBytes() ([]byte, error) {
	return nil, fmt.Errorf("config: the values are read already")
}

// load puts a layer over what is there. Only a provider's Read can fail here,
// and it means that nothing can be trusted.
func (l *layers) load(p koanf.Provider) {
	if err := l.keys.Load(p, nil); err != nil {
		l.own = append(l.own, Fault{File: l.file.file, Want: err.Error(), Cause: err})
		l.broken = true
	}
}

func (l *layers) fileTree(path string) tree {
	data, fault := readFile(path)
	if fault == nil {
		root, f := parse(path, data)
		if fault = f; fault == nil {
			v, _ := l.file.value(root, nodeShape(), "")
			if m, ok := v.(map[string]any); ok {
				return m
			}
			l.broken = true
			return nil
		}
	}
	l.broken = true
	l.own = append(l.own, *fault)
	return nil
}

func (l *layers) environment(environ []string) {
	l.load(env.Provider(".", env.Opt{
		Prefix:      envPrefix,
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			s, ok := settingOf(name, func(s Setting) string { return s.Env })
			switch {
			case !ok && !passes(name):
				// The value is not shown: it may be a secret under a wrong name.
				l.own = append(l.own, Fault{Source: name, Want: "means nothing to evenkeel" + spelling.DidYouMean(name, variables())})
				return "", nil
			case !ok || value == "":
				return "", nil
			}
			return l.set(s, name, []string{value})
		},
	}))
}

func (l *layers) flags(flags *pflag.FlagSet) {
	if flags == nil {
		return
	}
	l.load(posflag.ProviderWithFlag(flags, ".", nil, func(f *pflag.Flag) (string, any) {
		s, ok := settingOf(f.Name, func(s Setting) string { return s.Flag })
		if !ok || !f.Changed {
			return "", nil
		}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			return l.set(s, "--"+f.Name, list.GetSlice())
		}
		return l.set(s, "--"+f.Name, []string{f.Value.String()})
	}))
}

// set reads a variable or flag and notes what it sets.
//
// Rails from outside of the file replace those of the file as a whole.
func (l *layers) set(s Setting, source string, values []string) (string, any) {
	if l.over == nil {
		l.over = map[string]string{}
	}
	if s.Key != railsKey {
		l.over[s.Key] = source
		return s.Key, values[0]
	}
	rails := []any{}
	for word := range strings.FieldsSeq(strings.Join(values, " ")) {
		name, addresses, ok := strings.Cut(word, "=")
		if !ok {
			l.own = append(l.own, Fault{Source: source, Key: railsKey, Value: word, Want: "write NAME=ADDRESS or NAME=ADDRESS,SEED,SEED, such as r1=10.77.1.1,10.77.1.2"})
			l.file.covers = append(l.file.covers, railsKey)
			return "", nil
		}
		all := strings.Split(addresses, ",")
		rails = append(rails, map[string]any{"name": name, "listen": all[0], "seeds": all[1:]})
	}
	l.over[s.Key] = source
	return s.Key, rails
}

// fault notes what is wrong at a key, where the key was set.
func (l *layers) fault(key, value, want string) {
	for k := key; k != ""; k = parent(k) {
		if source, ok := l.over[k]; ok {
			l.own = append(l.own, Fault{Source: source, Key: key, Value: value, Want: want})
			return
		}
	}
	if slices.ContainsFunc(l.file.covers, func(c string) bool { return under(key, c) || under(c, key) }) {
		return
	}
	if s, ok := settingOf(key, func(s Setting) string { return s.Key }); ok && l.file.file == "" {
		want += "; there is no node file, so set " + s.Env + " or --" + s.Flag
	}
	at := l.file.locate(key)
	l.own = append(l.own, Fault{File: l.file.file, Line: at.line, Column: at.column, Key: key, Value: value, Want: want})
}

// under tells whether the path is the other one or stands under it.
func under(path, other string) bool {
	rest, ok := strings.CutPrefix(path, other)
	return ok && (other == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
}
