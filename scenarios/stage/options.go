// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/supervisor/config"
)

// DefaultName is the name of a stage's lab whose options give none. Two stages of one name never stand at the same time.
const DefaultName = "stage"

// Options say what is built, and where.
type Options struct {
	// Cluster is the header of the script that is to be played.
	Cluster script.Cluster
	// Name is that of the lab; empty means [DefaultName].
	Name string
	// Dir is the folder in which the stage makes its own; empty means the temporary folder.
	Dir string
	// Binary is the product; empty means the running binary.
	Binary string
	// Keep leaves the files in place when the stage is closed, logs among them.
	Keep bool
	// Progress is told, in a few words, what is being done; nil is told nothing.
	Progress func(what string)
}

// StartError is why a stage could not be opened, with the ends of the logs of what ran on it.
type StartError struct {
	Cause error
	Logs  []fleet.Excerpt
}

// Error returns the cause.
func (e *StartError) Error() string { return "stage: " + e.Cause.Error() }

// Unwrap returns the cause.
func (e *StartError) Unwrap() error { return e.Cause }

func (o Options) checked() (Options, error) {
	if o.Name == "" {
		o.Name = DefaultName
	}
	if o.Cluster.Rails == 0 {
		o.Cluster.Rails = lab.DefaultRails
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if len(o.Cluster.Nodes()) == 0 {
		return o, errors.New("stage: the cluster has no node")
	}
	if o.Dir == "" {
		o.Dir = os.TempDir()
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return o, fmt.Errorf("stage: folder %s: %w", o.Dir, err)
	}
	if !regexp.MustCompile(`^[A-Za-z0-9/._+-]+$`).MatchString(dir) {
		return o, fmt.Errorf("stage: folder %s: HAProxy's configuration takes only letters, digits and ._+- in the names of folders", dir)
	}
	// A new one of our own: in a shared place, a name that can be guessed could have been taken by somebody else. It is
	// short, for the path of a socket in it has at most 107 bytes.
	o.Dir = filepath.Join(dir, "ek-"+o.Name+"-"+config.NewKey()[:8])
	return o, nil
}

// fleet returns what the fleet is made of.
func (o Options) fleet() fleet.Options {
	c := o.Cluster
	kept := fleet.Kept()
	kept.StateFile = !c.NoState
	kept.Anywhere = len(c.Resources) > 0
	kept.Answers = len(c.Members()) == 0
	return fleet.Options{
		Binary: o.Binary, Cluster: o.Name, Web: c.Web, Balancers: c.Balancers, Witnesses: c.Witnesses, Plain: c.Plain,
		Rails: c.Rails, Timing: c.Timing, Proxies: []fleet.ProxyOptions{kept}, Spec: specOf(c),
		Together: slices.ContainsFunc(c.Resources, func(r script.Resource) bool { return r.Balancer }),
	}
}

// possible tells why a user can have no namespaces here, and what to do.
func possible(uid int) error {
	if uid != 0 {
		return errors.New("real nodes live in network namespaces, and those need root: run it with sudo, or play the script in the simulator with --world sim")
	}
	if missing := lab.Missing(); len(missing) > 0 {
		return fmt.Errorf("real nodes need %s: install with: %s, or play the script in the simulator with --world sim",
			strings.Join(missing, " and "), lab.InstallLine(missing))
	}
	return nil
}

// explained puts the lab's refusals into the words of whoever wants to play a script.
func explained(err error) error {
	switch {
	case errors.Is(err, syscall.EPERM):
		return fmt.Errorf("root may not make network namespaces here: play the script in the simulator with --world sim: %w", err)
	case errors.Is(err, lab.ErrAlive):
		return fmt.Errorf("a script is being played on real nodes on this machine already; wait for its end: %w", err)
	}
	return err
}

// dropEnvironment takes the settings of Evenkeel out of what the processes of the stage inherit: they are meant for the
// operator's own node, and would go before the node files of the lab.
func dropEnvironment() error {
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "EVENKEEL_") {
			if err := os.Unsetenv(name); err != nil {
				return fmt.Errorf("stage: environment: %w", err)
			}
		}
	}
	return nil
}
