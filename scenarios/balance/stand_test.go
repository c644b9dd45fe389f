// SPDX-License-Identifier: Apache-2.0

package balance_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

const (
	// rate is the number of requests per second of the load client.
	rate = 200
	// sampleEvery is the time between two looks at each HAProxy, where all changes are kept.
	sampleEvery = 10 * time.Millisecond
	// quiet is for how long nothing must happen, where that is the promise: several times what the product takes to suspect,
	// vote and elect.
	quiet = 3 * time.Second
)

// stand is a fleet with a client, in the hands of a test.
type stand struct {
	*fleet.Fleet
	t      *testing.T
	world  *lab.Lab
	dir    string
	client *lab.Node
}

// open starts a fleet in a world of its own.
func open(ctx context.Context, name string, opts fleet.Options) (*stand, error) {
	dir, err := os.MkdirTemp("", "ek") // short: a socket's path is at most 107 bytes
	if err != nil {
		return nil, err
	}
	world, err := lab.New(ctx, lab.Options{Name: name, Dir: filepath.Join(dir, "lab")})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	opts.Binary = binary
	s := &stand{world: world, dir: dir}
	s.Fleet, err = fleet.New(ctx, world, opts)
	if err == nil {
		s.client, err = world.AddNode(ctx, "client")
	}
	if err == nil {
		err = s.Start(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, world.Close(), os.RemoveAll(dir))
	}
	return s, nil
}

func (s *stand) close() error {
	s.Close()
	return errors.Join(s.world.Close(), os.RemoveAll(s.dir))
}

// in gives the stand to a test.
func (s *stand) in(t *testing.T) *stand {
	copied := *s
	copied.t = t
	return &copied
}

func (s *stand) ctx() context.Context { return s.t.Context() }

// must fails the test at once.
func (s *stand) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *stand) well() {
	s.t.Helper()
	s.must(s.AwaitWell(s.ctx()))
}

// evidence logs the ends of all logs, and what the nodes see.
func (s *stand) evidence() {
	for _, e := range s.Evidence(25) {
		s.t.Logf("the end of %s of %s:\n    %s", e.Log, e.Machine, strings.Join(e.Lines, "\n    "))
	}
}

// await waits until nothing is missing.
func (s *stand) await(what string, look func(ctx context.Context) string) {
	s.t.Helper()
	s.must(fleet.Await(s.ctx(), fleet.WellWithin, what, look))
}

// awaitView waits until a machine's view is as accept wants it; accept tells what is missing.
func (s *stand) awaitView(m *fleet.Machine, what string, accept func(cluster.View) string) cluster.View {
	s.t.Helper()
	var view cluster.View
	s.await(m.Name+" says that "+what, func(ctx context.Context) string {
		var err error
		if view, err = m.View(ctx); err != nil {
			return err.Error()
		}
		return accept(view)
	})
	return view
}

func (s *stand) view(m *fleet.Machine) cluster.View {
	s.t.Helper()
	view, err := m.View(s.ctx())
	s.must(err)
	return view
}

// status waits until every HAProxy shows one of some statuses for a server.
func (s *stand) status(member *fleet.Machine, statuses ...string) {
	s.t.Helper()
	s.must(s.AwaitStatus(s.ctx(), member, strings.Join(statuses, " or "), func(v fleet.Server) bool {
		return slices.Contains(statuses, v.Status)
	}))
}

func (s *stand) phase(member *fleet.Machine, phases ...string) {
	s.t.Helper()
	s.must(s.AwaitMember(s.ctx(), member, phases...))
}

// serves waits until a member is in service everywhere.
func (s *stand) serves(member *fleet.Machine) {
	s.t.Helper()
	s.must(s.AwaitStatus(s.ctx(), member, "in service", fleet.Server.Serves))
}

// verb runs the command line of a machine and returns what it wrote and its exit code.
func (s *stand) verb(m *fleet.Machine, args ...string) (string, int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx(), fleet.WellWithin)
	defer cancel()
	out, err := exec.CommandContext(ctx, binary, append([]string{"--socket", m.Socket()}, args...)...).CombinedOutput()
	code, ok := exitCode(err)
	if !ok {
		s.t.Fatalf("evenkeel %s: %v", strings.Join(args, " "), err)
	}
	return string(out), code
}

// ok runs the command line of a machine, which must go well.
func (s *stand) ok(m *fleet.Machine, args ...string) string {
	s.t.Helper()
	out, code := s.verb(m, args...)
	if code != 0 {
		s.t.Fatalf("evenkeel %s on %s: exit code %d\n%s", strings.Join(args, " "), m.Name, code, out)
	}
	return out
}

// refused runs the command line of a machine, which must fail with these words.
func (s *stand) refused(m *fleet.Machine, words string, args ...string) {
	s.t.Helper()
	out, code := s.verb(m, args...)
	if code != 1 || !strings.Contains(out, words) {
		s.t.Errorf("evenkeel %s on %s: exit code %d, want 1 with the words %q:\n%s", strings.Join(args, " "), m.Name, code, words, out)
	}
}

// hold lets time pass in which nothing must happen.
func (s *stand) hold(d time.Duration) {
	s.t.Helper()
	select {
	case <-time.After(d):
	case <-s.ctx().Done():
		s.t.Fatal(s.ctx().Err())
	}
}
