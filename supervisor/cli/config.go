// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"os"
	"slices"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/evenkeel-ha/evenkeel/supervisor/config"
)

// The kinds of files.
const (
	kindCluster = "cluster"
	kindNode    = "node"
)

func newConfigCommand(env *environment) *cobra.Command {
	cmd := group(&cobra.Command{Use: "config", Short: "Check files, and explain what they may say"})
	cmd.AddCommand(newConfigCheckCommand(env), newConfigTimingCommand(env), newConfigSchemaCommand(env))
	return cmd
}

func newConfigCheckCommand(env *environment) *cobra.Command {
	kind := &choice{from: []string{kindCluster, kindNode}}
	cmd := &cobra.Command{
		Use:   "check FILE...",
		Short: "Check cluster files and node files",
		Long: `Check cluster files and node files, and tell every fault with its line. Which
of the two a file is, its keys tell. Evenkeel need not run.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			bad := 0
			for _, path := range args {
				what, err := checkFile(path, kind.is)
				if err != nil {
					bad++
					env.say("error: %v", err)
					continue
				}
				if err := env.print("%s: good: %s", path, what); err != nil {
					return err
				}
			}
			if bad > 0 {
				return codeError(exitFailed)
			}
			return nil
		},
	}
	cmd.Flags().Var(kind, "kind", "what the files are (default: what their keys say)")
	return cmd
}

// checkFile returns what is in a file that is right.
func checkFile(path, kind string) (string, error) {
	if kind == "" {
		kind = kindOf(path)
	}
	if kind == kindNode {
		n, err := config.LoadNode(path, nil, nil)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("node file of %s, cluster %s, %s", n.Node, n.Cluster, count(len(n.Rails), "rail")), nil
	}
	s, err := config.LoadCluster(path)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("cluster file of %s, %s, %s, %s, %s", s.Cluster, count(len(s.Nodes), "node"),
		count(len(s.Balancers), "balancer"), count(len(s.Pools), "pool"), count(len(s.Members()), "member")), nil
}

func count[N int | int64](n N, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// kindOf guesses what a file is. A file that does not read is taken for a
// cluster file, whose check then tells what is wrong with it.
func kindOf(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return kindCluster
	}
	var keys map[string]yaml.Node
	if err := yaml.Unmarshal(data, &keys); err != nil {
		return kindCluster
	}
	for _, own := range []string{"nodes", "pools", "balancers"} {
		if _, ok := keys[own]; ok {
			return kindCluster
		}
	}
	for _, own := range []string{"rails", kindNode, "data_dir", "key_file", "api", "timing", "bootstrap", "log"} {
		if _, ok := keys[own]; ok {
			return kindNode
		}
	}
	return kindCluster
}

func newConfigTimingCommand(env *environment) *cobra.Command {
	profile := config.DefaultTiming
	cmd := &cobra.Command{
		Use:   "timing",
		Short: "Show the times that a profile means, and what must hold between them",
		Args:  cobra.NoArgs,
	}
	cmd.Flags().StringVar(&profile, "profile", profile, "timing profile of the node file")
	complete := cobra.FixedCompletions(config.Profiles(), cobra.ShellCompDirectiveNoFileComp)
	if err := cmd.RegisterFlagCompletionFunc("profile", complete); err != nil {
		panic(err) // the flag was added a line above
	}
	form := formatFlag(cmd, formatTable, formatJSON, formatYAML)
	cmd.RunE = func(*cobra.Command, []string) error {
		if !slices.Contains(config.Profiles(), profile) {
			_, err := config.Derive(profile)
			return usageError{err.Error()}
		}
		timing, err := config.Derive(profile)
		if err != nil {
			return err
		}
		if form.is == formatTable {
			return config.RenderTiming(env.stdout, timing)
		}
		return form.encode(env.stdout, timing)
	}
	return cmd
}

func newConfigSchemaCommand(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:       "schema [cluster|node]",
		Short:     "Print the JSON Schema of the cluster file or the node file",
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{kindCluster, kindNode},
	}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		schema := config.ClusterSchema
		if len(args) == 1 && args[0] == kindNode {
			schema = config.NodeSchema
		}
		return printSchema(env, schema)
	}
	return cmd
}

func printSchema(env *environment, schema func() (*jsonschema.Schema, error)) error {
	s, err := schema()
	if err != nil {
		return err
	}
	return (&format{&choice{is: formatJSON}}).encode(env.stdout, s)
}
