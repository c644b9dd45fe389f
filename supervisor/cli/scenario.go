// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel/scenarios"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

func newScenarioCommand(env *environment) *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "scenario",
		Short: "Play what the cluster promises, in a simulator or on real nodes",
		Long: `A scenario is a file of lines: a cluster, what fails, what an operator asks for,
and what is to be expected. The same file is played in two worlds: in the
simulator, where a minute takes milliseconds and a seed decides everything, and
in the lab, on real nodes with a real HAProxy in network namespaces (root).

The promises of the product come with the binary: "scenario list" shows them. Any
other file can be named as well.

` + script.Reference(),
	})
	cmd.AddCommand(newScenarioListCommand(env), newScenarioCheckCommand(env), newScenarioRunCommand(env),
		newScenarioSweepCommand(env), newScenarioWorldCommand(env))
	return cmd
}

// loadScripts reads and checks scripts: files, or names of those that come with
// the binary; all of those, if none is named.
func loadScripts(args []string) ([]*script.Script, error) {
	names := args
	if len(names) == 0 {
		all, err := scenarios.Names()
		if err != nil {
			return nil, err
		}
		names = all
	}
	var out []*script.Script
	var wrong []error
	for _, name := range names {
		s, err := loadScript(name)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		out = append(out, s)
	}
	return out, errors.Join(wrong...)
}

func loadScript(name string) (*script.Script, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		if own, ownErr := scenarios.Read(strings.TrimSuffix(name, ".txt")); ownErr == nil {
			text, err = own, nil
		}
	}
	if err != nil {
		return nil, hintedError{fmt.Errorf("%s: no such file, and no scenario of that name comes with the binary", name), "evenkeel scenario list"}
	}
	return script.Parse(name, text)
}

// completeScenario offers the names of the scenarios that come with the binary.
func completeScenario(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	names, err := scenarios.Names()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return names, cobra.ShellCompDirectiveDefault
}

// scenarioEntry is a line of the list.
type scenarioEntry struct {
	Name    string         `json:"name"`
	Promise string         `json:"promise"`
	Worlds  []script.World `json:"worlds"`
}

func newScenarioListCommand(env *environment) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the scenarios that come with the binary", Args: cobra.NoArgs}
	form := formatFlag(cmd, formatTable, formatJSON, formatYAML, formatName)
	cmd.RunE = func(*cobra.Command, []string) error {
		all, err := loadScripts(nil)
		if err != nil {
			return err
		}
		var entries []scenarioEntry
		t := table{heads: []string{"SCENARIO", "WORLDS", "PROMISE"}}
		for _, s := range all {
			entries = append(entries, scenarioEntry{s.File, s.Promise, s.Worlds})
			t.add(s.File, worlds(s), s.Promise)
		}
		if form.is == formatJSON || form.is == formatYAML {
			return form.encode(env.stdout, entries)
		}
		lines := t.lines(env.screenOf(env.stdout))
		if form.is == formatName {
			lines = nil
			for _, e := range entries {
				lines = append(lines, e.Name)
			}
		}
		for _, line := range lines {
			if err := env.print("%s", line); err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}

func worlds(s *script.Script) string {
	var out []string
	for _, w := range s.Worlds {
		out = append(out, string(w))
	}
	return strings.Join(out, " ")
}

func newScenarioCheckCommand(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "check [SCENARIO...]",
		Short: "Say what is wrong with scenarios, without playing them",
		Long: `Read scenarios, named as files or by the names that "scenario list" shows, and say
what is wrong with them: in which line, at which word, and what would be right.`,
		Example:           "  evenkeel scenario check my-promise.txt",
		ValidArgsFunction: completeScenario,
		RunE: func(_ *cobra.Command, args []string) error {
			all, err := loadScripts(args)
			if err != nil {
				return err
			}
			return env.print("%s: nothing is wrong", cluster.Counted(len(all), "scenario"))
		},
	}
}
