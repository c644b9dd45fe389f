// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel/supervisor/config"
)

// keyMode lets the owner alone read the key.
const keyMode = 0o600

func newKeygenCommand(env *environment) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "keygen",
		Short: "Make the key of a new cluster",
		Long: `Make the key of a new cluster, by which its nodes know each other. Make it once
and copy it to every node, readable by the user that runs evenkeel only. With
-o it goes into a file that must not be there yet, with mode 0600.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if path == "" {
				return env.print("%s", config.NewKey())
			}
			if err := writeKey(path, config.NewKey()); err != nil {
				return err
			}
			env.say("wrote %s; copy it to every node as it is", path)
			return nil
		},
	}
	cmd.Flags().StringVarP(&path, "output", "o", "", "file for the key (default: stdout)")
	return cmd
}

// writeKey makes the file with the key, or leaves nothing behind.
func writeKey(path, key string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, keyMode)
	if errors.Is(err, fs.ErrExist) {
		return hintedError{
			fmt.Errorf("%s is there already and is not overwritten", path),
			"nodes with another key are strangers to each other; move the file away if you mean it",
		}
	}
	if err != nil {
		return fmt.Errorf("make the key file: %w", err)
	}
	_, err = fmt.Fprintln(f, key)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("write the key file: %w", err), os.Remove(path))
	}
	return nil
}
