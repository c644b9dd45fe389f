// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel/supervisor/api"
)

// shortCall is how long is waited for a node whose answer is only nice to have.
const shortCall = 500 * time.Millisecond

// versions is the result of the version verb.
type versions struct {
	Version  string             `json:"version"`
	Go       string             `json:"go"`
	Platform string             `json:"platform"`
	Running  *api.VersionAnswer `json:"running,omitempty"` // of this node, if it runs
}

func newVersionCommand(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the version of this program, and of the node if it runs",
		Args:  cobra.NoArgs,
	}
	form := formatFlag(cmd, formatTable, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		v := versions{Version: env.version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
		client := env.client()
		defer client.Close()
		ctx, cancel := context.WithTimeout(cmd.Context(), shortCall)
		defer cancel()
		// A node that does not run is no failure of this verb.
		if running, err := client.Version(ctx); err == nil {
			v.Running = &running
		}
		if form.is != formatTable {
			return form.encode(env.stdout, v)
		}
		if err := env.print("evenkeel %s (%s, %s)", v.Version, v.Go, v.Platform); err != nil || v.Running == nil {
			return err
		}
		return env.print("node %s runs %s", clean(string(v.Running.Node)), clean(v.Running.Version))
	}
	return cmd
}
