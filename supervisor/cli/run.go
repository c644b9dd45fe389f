// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/evenkeel-ha/evenkeel/bus"
	"github.com/evenkeel-ha/evenkeel/bus/natsbus"
	"github.com/evenkeel-ha/evenkeel/supervisor/agent/balancer"
	"github.com/evenkeel-ha/evenkeel/supervisor/api"
	"github.com/evenkeel-ha/evenkeel/supervisor/cli/holding"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
	"github.com/evenkeel-ha/evenkeel/supervisor/config"
	"github.com/evenkeel-ha/evenkeel/supervisor/consensus/wal"
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/node"
	"github.com/evenkeel-ha/evenkeel/supervisor/recorder"
)

// memorySoftLimit is where the garbage collector begins to work harder. The
// state is small; what lies above it is garbage of the bus.
const memorySoftLimit = 96 << 20

func newRunCommand(env *environment) *cobra.Command {
	file := config.DefaultNodeFile
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run this node",
		Long: `Run this node until it is told to stop (SIGINT or SIGTERM): what it holds is handed
over first. SIGHUP puts the program that is installed now in the place of the
running one, and what the node holds stays where it is.

The node file says who the node is and how it reaches the others. A node without
state waits to be let into a cluster; the first voter of the cluster file named
by --bootstrap founds one when it hears a majority of the voters.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.LoadNode(file, cmd.Flags(), os.Environ())
			if err != nil {
				return err
			}
			return runNode(cmd.Context(), cfg, env)
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", file, "node file")
	config.AddFlags(cmd.Flags())
	return cmd
}

// runNode wires a node and runs it until ctx ends.
func runNode(ctx context.Context, cfg config.Node, env *environment) error {
	log, err := newLogger(cfg.Log, env.stderr)
	if err != nil {
		return err
	}
	debug.SetMemoryLimit(memorySoftLimit)
	key, err := config.LoadKey(cfg.KeyFile)
	if err != nil {
		return err
	}
	timing, err := config.Derive(cfg.Timing)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(cfg.DataDir, 0o750); err != nil {
		return fmt.Errorf("the data directory cannot be made: %w", err)
	}
	flight, err := newFlight(cfg, env, log)
	if err != nil {
		return err
	}
	store, err := wal.Open(cfg.DataDir)
	if err != nil {
		return err
	}
	err = runStored(ctx, cfg, env, parts{log, key, timing, store, flight})
	return errors.Join(err, store.Close())
}

// parts are what a node is made of.
type parts struct {
	log    zerolog.Logger
	key    []byte
	timing config.Timing
	store  *wal.Store
	flight *recorder.Recorder // nil is none
}

func runStored(ctx context.Context, cfg config.Node, env *environment, p parts) error {
	boot, err := p.store.NextBoot()
	if err != nil {
		return err
	}
	bootstrap, err := bootstrapSpec(cfg, p.store)
	if err != nil {
		return err
	}
	sealer, err := bus.NewSealer(p.key, cfg.Cluster)
	if err != nil {
		return err
	}
	carrier, err := natsbus.New(natsbus.Options{
		Node: cfg.Node, Sealer: sealer, Install: p.store.Install(), Boot: boot, Rails: rails(cfg),
		PingInterval: p.timing.BusPing, PingsOut: p.timing.BusPingsOut, Log: p.log.With().Str("part", "bus").Logger(),
	})
	if err != nil {
		return err
	}
	self := cluster.NodeID(cfg.Node)
	holder, err := newHolder(cfg, p)
	if err != nil {
		return err
	}
	ports := node.Ports{
		Bus: carrier, Store: p.store, Guard: holder,
		Prober:    newProber(self, p.log.With().Str("part", "probe").Logger()),
		Balancers: balancer.NewSet(openBalancer(p.log.With().Str("part", "haproxy").Logger()), p.log.With().Str("part", "balancer").Logger()),
	}
	if p.flight != nil {
		ports.Recorder = p.flight
	}
	n := node.New(core.Config{
		Name: self, Cluster: cfg.Cluster, Version: env.version, Times: nodeTimes(p.timing), Bootstrap: bootstrap, FoundAs: newClusterID(),
	}, core.Identity{Install: p.store.Install(), Boot: boot}, ports, p.log)
	server := api.New(n, api.Options{Socket: cfg.API.Socket, Log: p.log.With().Str("part", "api").Logger()})
	p.log.Info().Str("node", cfg.Node).Str("cluster", cfg.Cluster).Str("timing", cfg.Timing).Str("version", env.version).
		Uint64("life", boot).Msg("node starts")
	// The API serves as long as the node runs, also while it leaves, and its flight is recorded.
	serve, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g := errgroup.Group{}
	g.Go(func() error {
		defer cancel() // a node that cannot be asked does not run
		return server.Run(serve)
	})
	if p.flight != nil {
		g.Go(func() error { return p.flight.Run(serve) })
	}
	g.Go(func() error {
		renewed(serve, p.log)
		return nil
	})
	g.Go(func() error {
		defer stop()
		return n.Run(ctx)
	})
	err = g.Wait()
	p.log.Info().Err(err).Msg("node stopped")
	return err
}

// newHolder makes the port to the process that holds virtual addresses.
func newHolder(cfg config.Node, p parts) (*holding.Holder, error) {
	command, err := guardFlags{socket: cfg.Guard.Socket, class: cfg.Guard.Class, node: cfg.Node, log: cfg.Log}.command()
	if err != nil {
		return nil, err
	}
	return holding.New(holding.Options{
		Node: cfg.Node, Socket: cfg.Guard.Socket, Command: command, Bears: p.timing.Hold, Settle: linkBeats * p.timing.Beat,
		Log: p.log.With().Str("part", "guard").Logger(),
	}), nil
}

// linkBeats is for how many beats a link must have been without carrier before that is trouble.
const linkBeats = 2

// newClusterID returns an id that no cluster has.
func newClusterID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails
	return hex.EncodeToString(b[:])
}

// bootstrapSpec reads the cluster file that the node may found a cluster with.
func bootstrapSpec(cfg config.Node, store *wal.Store) (*cluster.Spec, error) {
	if cfg.Bootstrap == "" || store.Cluster() != "" {
		return nil, nil //nolint:nilnil // nothing to found with is no error
	}
	spec, err := config.LoadCluster(cfg.Bootstrap)
	if err != nil {
		return nil, err
	}
	if spec.Cluster != cfg.Cluster {
		return nil, fmt.Errorf("%s is the file of cluster %q; the node file says %q", cfg.Bootstrap, spec.Cluster, cfg.Cluster)
	}
	return &spec, nil
}

func rails(cfg config.Node) []natsbus.Rail {
	var out []natsbus.Rail
	for _, r := range cfg.Rails {
		out = append(out, natsbus.Rail{Name: r.Name, Listen: r.Listen, Seeds: r.Seeds})
	}
	return out
}

func newLogger(cfg config.Log, w io.Writer) (zerolog.Logger, error) {
	zerolog.TimeFieldFormat = zerolog.TimeFormatUnixMicro
	level, err := zerolog.ParseLevel(cfg.Level)
	if err != nil {
		return zerolog.Nop(), fmt.Errorf("log.level %q: %w", cfg.Level, err)
	}
	if cfg.Format != "json" {
		w = zerolog.ConsoleWriter{Out: w, NoColor: true, TimeFormat: "2006-01-02T15:04:05.000Z07:00"}
	}
	return zerolog.New(w).Level(level).With().Timestamp().Logger(), nil
}
