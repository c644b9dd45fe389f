// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"crypto/rand"
	"path/filepath"

	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/supervisor/config"
	"github.com/evenkeel-ha/evenkeel/supervisor/recorder"
)

// flightDir returns the folder of the flight recorder in a data directory.
func flightDir(dataDir string) string { return filepath.Join(dataDir, "flight") }

// newFlight makes the flight recorder of a node, or none if the node file says so. It must come before anything runs that
// draws random numbers: they are handed on as they are, and raft's are noted.
func newFlight(cfg config.Node, env *environment, log zerolog.Logger) (*recorder.Recorder, error) {
	size := cfg.Flight.Size.Bytes()
	if size == 0 {
		return nil, nil //nolint:nilnil // no recorder is no error
	}
	tap := recorder.NewTap(rand.Reader)
	r, err := recorder.New(recorder.Options{
		Dir: flightDir(cfg.DataDir), Size: size, Node: cfg.Node, Cluster: cfg.Cluster, Version: env.version, Tap: tap,
		Log: log.With().Str("part", "flight").Logger(),
	})
	if err == nil {
		rand.Reader = tap
	}
	return r, err
}
