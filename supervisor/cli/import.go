// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/config"
	"github.com/evenkeel-ha/evenkeel/supervisor/config/keepalived"
)

func newImportCommand(env *environment) *cobra.Command {
	cmd := group(&cobra.Command{Use: "import", Short: "Make a cluster file of another program's configuration"})
	cmd.AddCommand(newImportKeepalivedCommand(env))
	return cmd
}

// importing is the import of keepalived's files with its flags.
type importing struct {
	env     *environment
	options keepalived.Options
	nodes   []string
	all     bool
	form    *format
}

func newImportKeepalivedCommand(env *environment) *cobra.Command {
	i := &importing{env: env}
	cmd := &cobra.Command{
		Use:   "keepalived [NODE=]FILE...",
		Short: "Make a cluster file of keepalived.conf",
		Long: `Make a cluster file of the files of keepalived, one of each node. The cluster
file goes to stdout; what became of every line that is not simply carried over
goes to stderr. Nothing is changed, and Evenkeel need not run.

Nodes are called as NODE=FILE says, else as router_id or the file. One file is
enough if it has @ lines, or with --nodes.

Exit codes: 0 the cluster file is right, 1 it has to be filled in or a file
cannot be read, 2 the command line was wrong.`,
		Example: `  evenkeel import keepalived lb1=lb1.conf lb2=lb2.conf --witness w1 > cluster.yaml
  evenkeel import keepalived keepalived.conf --nodes lb1=10.0.0.1,lb2=10.0.0.2
  evenkeel import keepalived -o json --all keepalived.conf`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return i.run(args) },
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&i.nodes, "nodes", nil, "every node as NAME=ADDRESS or NAME, in the order of the cluster file")
	flags.StringVar(&i.options.Witness, "witness", "", "name of a node to add that votes and runs nothing")
	flags.StringVar(&i.options.Cluster, "cluster", "", "name of the cluster (default "+keepalived.DefaultCluster+", with a note)")
	flags.StringVar(&i.options.Socket, "haproxy-socket", "", "HAProxy's stats socket (default: as a script tells it, else "+keepalived.DefaultSocket+", with a note)")
	flags.BoolVar(&i.all, "all", false, "tell of the lines that are simply carried over, too")
	i.form = formatFlag(cmd, formatYAML, formatJSON)
	return cmd
}

func (i *importing) run(args []string) error {
	if err := i.name(); err != nil {
		return err
	}
	i.options.Include = included
	var sources []keepalived.Source
	for _, arg := range args {
		s := keepalived.Source{File: keepalived.File{Name: arg}}
		if name, path, ok := strings.Cut(arg, "="); ok && cluster.ValidName(name) && path != "" {
			s.Node, s.File.Name = name, path
		}
		var err error
		if s.File.Data, err = readSmall(s.File.Name); err != nil {
			return err
		}
		sources = append(sources, s)
	}
	result, err := keepalived.Translate(sources, i.options)
	if err != nil {
		return err
	}
	return i.print(result)
}

// name reads --nodes, and checks what names are given.
func (i *importing) name() error {
	seen := map[string]bool{}
	for _, n := range i.nodes {
		name, address, _ := strings.Cut(n, "=")
		if !cluster.ValidName(name) || seen[name] {
			return usageError{fmt.Sprintf("--nodes %s: write NAME=ADDRESS or NAME, every name once, of lower-case letters and digits", n)}
		}
		if _, err := netip.ParseAddr(address); address != "" && err != nil {
			return usageError{fmt.Sprintf("--nodes %s: %q is no IP address", n, address)}
		}
		seen[name] = true
		i.options.Nodes = append(i.options.Nodes, keepalived.Node{Name: name, Address: address})
	}
	if w := i.options.Witness; w != "" && (!cluster.ValidName(w) || seen[w]) {
		return usageError{fmt.Sprintf("--witness %s: write the name of one more node, of lower-case letters and digits", w)}
	}
	return nil
}

// imported is the result for programs.
type imported struct {
	Cluster cluster.Spec      `json:"cluster"`
	Notes   []keepalived.Note `json:"notes"`
	Fill    []importedProblem `json:"fill_in"`
}

type importedProblem struct {
	Key   string `json:"key"`
	Value string `json:"value,omitempty"`
	Want  string `json:"want"`
}

func (i *importing) print(result keepalived.Result) error {
	counts := map[keepalived.Fate]int{}
	out := imported{Cluster: result.Spec, Notes: []keepalived.Note{}, Fill: []importedProblem{}}
	for _, n := range result.Notes {
		counts[n.Fate]++
		if i.all || n.Fate != keepalived.Carried {
			out.Notes = append(out.Notes, n)
		}
	}
	for _, p := range result.Problems {
		out.Fill = append(out.Fill, importedProblem{Key: p.Path, Value: p.Value, Want: p.Want})
	}
	var err error
	if i.form.is == formatJSON {
		err = i.form.encode(i.env.stdout, out)
	} else {
		err = i.text(out, counts)
	}
	if err == nil && len(result.Problems) > 0 {
		return codeError(exitFailed)
	}
	return err
}

// text writes the cluster file for a file, and the notes for people.
func (i *importing) text(out imported, counts map[keepalived.Fate]int) error {
	yaml, err := config.FormatCluster(out.Cluster)
	if err != nil {
		return err
	}
	if _, err := i.env.stdout.Write(yaml); err != nil {
		return err
	}
	for _, n := range out.Notes {
		i.env.say("%s", clean(n.String()))
	}
	for _, p := range out.Fill {
		i.env.say("fill in: %s", clean(cluster.Problem{Path: p.Key, Value: p.Value, Want: p.Want}.String()))
	}
	i.env.say("%d carried over, %d not needed, %d left out, %d to check, %d to fill in",
		counts[keepalived.Carried], counts[keepalived.Needless], counts[keepalived.Left], counts[keepalived.Check], len(out.Fill))
	return nil
}

// readSmall reads a file that is not larger than a configuration can be.
func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, fileMax+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(data) > fileMax {
		return nil, fmt.Errorf("%s has more than %d bytes; is it the right file?", path, fileMax)
	}
	return data, nil
}

// included finds the files that a file of keepalived includes. Folders do not count, as for keepalived.
func included(from, pattern string) ([]keepalived.File, error) {
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(filepath.Dir(from), pattern)
	}
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", pattern, err)
	}
	var out []keepalived.File
	for _, path := range paths {
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			continue
		}
		data, err := readSmall(path)
		if err != nil {
			return nil, err
		}
		out = append(out, keepalived.File{Name: path, Data: data})
	}
	return out, nil
}
