// SPDX-License-Identifier: Apache-2.0

package keepalived_test

import (
	"errors"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel-ha/evenkeel/supervisor/config"
	"github.com/evenkeel-ha/evenkeel/supervisor/config/keepalived"
)

// shelf is the files of one story.
type shelf map[string]string

// TestStories plays testdata. Commands:
//
//	file NAME                      the input is this file
//	import [NODE=]FILE... [nodes=(NAME=ADDRESS,...)] [witness=NAME] [cluster=NAME] [socket=PATH]
//
// import prints the cluster file, the notes, and what is to be filled in.
func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata/story", func(t *testing.T, file string) {
		files := shelf{}
		datadriven.RunTest(t, file, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "file":
				files[d.CmdArgs[0].Key] = d.Input
				return ""
			case "import":
				return files.translate(t, d)
			}
			d.Fatalf(t, "no command %s", d.Cmd)
			return ""
		})
	})
}

func (f shelf) translate(t *testing.T, d *datadriven.TestData) string {
	o := keepalived.Options{Cluster: "shop", Include: f.include}
	var sources []keepalived.Source
	for _, a := range d.CmdArgs {
		value := strings.Join(a.Vals, ",")
		switch a.Key {
		case "nodes":
			for _, n := range a.Vals {
				name, address, _ := strings.Cut(n, "=")
				o.Nodes = append(o.Nodes, keepalived.Node{Name: name, Address: address})
			}
		case "witness":
			o.Witness = value
		case "cluster":
			o.Cluster = strings.Trim(value, "-")
		case "socket":
			o.Socket = value
		default:
			s := keepalived.Source{File: f.file(a.Key)}
			if value != "" {
				s = keepalived.Source{Node: a.Key, File: f.file(value)}
			}
			sources = append(sources, s)
		}
	}
	return render(t, sources, o)
}

func render(t *testing.T, sources []keepalived.Source, o keepalived.Options) string {
	res, err := keepalived.Translate(sources, o)
	if err != nil {
		if _, ok := errors.AsType[*keepalived.Error](err); !ok {
			t.Errorf("%T is no *Error", err)
		}
		return "error: " + err.Error() + "\n"
	}
	yaml, err := config.FormatCluster(res.Spec)
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Problems) == 0 {
		spec, err := config.ParseCluster("cluster.yaml", yaml)
		if d := cmp.Diff(res.Spec, spec); err != nil || d != "" {
			t.Errorf("the cluster file reads as another one: %v\n%s", err, d)
		}
	}
	var out strings.Builder
	out.Write(yaml)
	out.WriteString("\n")
	for _, n := range res.Notes {
		out.WriteString(n.String() + "\n")
	}
	for _, p := range res.Problems {
		out.WriteString("fill in: " + p.String() + "\n")
	}
	return out.String()
}

func (f shelf) file(name string) keepalived.File {
	return keepalived.File{Name: name, Data: []byte(f[name])}
}

// include finds files by a pattern, as the command line does on a disk.
func (f shelf) include(from, pattern string) ([]keepalived.File, error) {
	if !path.IsAbs(pattern) {
		pattern = path.Join(path.Dir(from), pattern)
	}
	var out []keepalived.File
	for name := range f {
		if ok, err := path.Match(pattern, name); err != nil {
			return nil, err
		} else if ok {
			out = append(out, f.file(name))
		}
	}
	slices.SortFunc(out, func(a, b keepalived.File) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}
