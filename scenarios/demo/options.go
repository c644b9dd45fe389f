// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
	"github.com/evenkeel-ha/evenkeel/supervisor/config"
)

// The acts, in the order in which they are played.
const (
	ActApplication = "application" // an application is killed
	ActNode        = "node"        // a node is cut off the network
	ActDrain       = "drain"       // planned work: drain, deploy, bring back
)

const (
	// DefaultName is the name of the demo's lab. Two demos of one name never run at the same time.
	DefaultName = "demo"
	// maxRuns bounds how often the acts are played; with all acts that is more than half a day.
	maxRuns = 1000
)

// Options say what is played and where it is told.
type Options struct {
	Name   string   // of the lab; empty means [DefaultName]
	Acts   []string // which acts; none means all that are possible here
	Runs   int      // how often; 0 means once
	Timing string   // timing profile of the nodes; empty means the default one
	Dir    string   // folder for the files of the demo; empty means the temporary folder
	NoPeer bool     // leave out the HAProxies that Evenkeel does not touch
	Keep   bool     // leave the cluster up at the end, until ctx ends
	JSON   bool     // write the result as JSON instead of a table

	Out   io.Writer // takes the result
	Story io.Writer // takes what is told meanwhile
	Color bool      // Story shows colours
	Live  bool      // Story is a terminal: the line of progress is written over
	Width int       // columns of Story; 0 means that lines may be as long as they are
}

// Acts returns the names of all acts, in the order in which they are played.
func Acts() []string { return []string{ActApplication, ActNode, ActDrain} }

func (o Options) checked() (Options, error) {
	if o.Name == "" {
		o.Name = DefaultName
	}
	if o.Runs == 0 {
		o.Runs = 1
	}
	if o.Timing == "" {
		o.Timing = config.DefaultTiming
	}
	if o.Runs < 1 || o.Runs > maxRuns {
		return o, fmt.Errorf("--runs %d: write a number from 1 to %d", o.Runs, maxRuns)
	}
	if _, err := config.Derive(o.Timing); err != nil {
		return o, fmt.Errorf("--%w", err)
	}
	for _, name := range o.Acts {
		if !slices.Contains(Acts(), name) {
			return o, fmt.Errorf("--acts %s: write some of %s, with commas between them", name, strings.Join(Acts(), ","))
		}
	}
	return o.placed()
}

// placed finds the folder. It always is a new one of our own: in a shared place such as /tmp, a name that can be guessed
// could have been taken by somebody else.
func (o Options) placed() (Options, error) {
	if o.Dir == "" {
		o.Dir = os.TempDir()
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return o, fmt.Errorf("--dir %s: %w", o.Dir, err)
	}
	if !regexp.MustCompile(`^[A-Za-z0-9/._+-]+$`).MatchString(dir) {
		return o, fmt.Errorf("--dir %s: HAProxy's configuration takes only letters, digits and ._+- in the names of folders", dir)
	}
	o.Dir = filepath.Join(dir, "evenkeel-"+o.Name+"-"+config.NewKey()[:8])
	return o, nil
}

// errMissing tells what to install.
func errMissing(root bool) error {
	missing := lab.Missing()
	if !root {
		missing = slices.DeleteFunc(missing, func(name string) bool { return name == "nft" })
	}
	if len(missing) == 0 {
		return nil
	}
	sudo := "sudo "
	if root {
		sudo = ""
	}
	return fmt.Errorf("the demo needs %s: install with: %s%s", strings.Join(missing, " and "), sudo, lab.InstallLine(missing))
}

// refused puts the lab's answer to a second demo into the words of whoever started it.
func refused(err error) error {
	if errors.Is(err, lab.ErrAlive) {
		return errors.New("a demo is running on this machine already: end it with Ctrl-C first")
	}
	return err
}
