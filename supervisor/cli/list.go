// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// listing is what a list shows of the cluster, in each form of output.
type listing struct {
	data  func(cluster.View) document
	names func(cluster.View) []string
	page  func(*page)
}

// listCommand makes the verb that shows one part of what status shows.
func (env *environment) listCommand(short string, l listing) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: short, Args: cobra.NoArgs}
	form := formatFlag(cmd, formatTable, formatWide, formatJSON, formatYAML, formatName)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		client := env.client()
		defer client.Close()
		view, err := client.Status(cmd.Context())
		if err != nil {
			return err
		}
		switch form.is {
		case formatJSON, formatYAML:
			return form.encode(env.stdout, l.data(view))
		case formatName:
			for _, name := range l.names(view) {
				if err := env.print("%s", name); err != nil {
					return err
				}
			}
			return nil
		}
		p := env.newPage(view, form)
		l.page(p)
		if len(p.lines) == 0 {
			env.say("there are none in the cluster file")
		}
		return env.printPage(p)
	}
	return cmd
}

// printPage writes the page without the empty line that sections begin with.
func (env *environment) printPage(p *page) error {
	for i, line := range p.lines {
		if i == 0 && line == "" {
			continue
		}
		if err := env.print("%s", line); err != nil {
			return err
		}
	}
	return nil
}
