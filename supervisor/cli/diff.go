// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

func newDiffCommand(env *environment) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "diff -f FILE",
		Short: "Show what a cluster file would change",
		Long: `Show what a cluster file would change, one difference a line: + added,
- removed, ~ changed.

Exit codes, as of diff(1): 0 no difference, 1 it differs, 2 it cannot be told.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			wanted, err := env.readSpec(file)
			if err != nil {
				return troubleError{err}
			}
			client := env.client()
			defer client.Close()
			current, err := client.Spec(cmd.Context())
			if err != nil {
				return troubleError{err}
			}
			changes := cluster.Diff(current.Spec, wanted)
			if len(changes) == 0 {
				return nil
			}
			if err := env.printChanges(changes); err != nil {
				return err
			}
			return codeError(exitFailed)
		},
	}
	fileFlag(cmd, &file)
	return cmd
}
