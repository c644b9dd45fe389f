// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/supervisor/api"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// patience is how long tests wait for what should come soon.
const patience = 30 * time.Second

// TestMain makes the test binary be evenkeel when a script calls it so.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"evenkeel": func() {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			code := Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, "1.2.3-test")
			stop()
			os.Exit(code)
		},
	})
}

type worldKey struct{}

// TestScripts runs testdata/script against the real API server of a fake node.
// The command "world" moves that node: see move below.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			w := newWorld()
			socket := filepath.Join(env.WorkDir, "api.sock")
			env.Values[worldKey{}] = w
			env.Setenv("EVENKEEL_API_SOCKET", socket)
			env.Setenv("TZ", "UTC")
			env.Setenv("TERM", "xterm-256color")
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			server := api.New(w, api.Options{Socket: socket, Log: zerolog.Nop()})
			go func() { ended <- server.Run(ctx) }()
			env.Defer(func() {
				cancel()
				if err := <-ended; err != nil {
					t.Errorf("the server ended with %v", err)
				}
			})
			return answers(ctx, socket)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"world": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(ts.Value(worldKey{}).(*world).move(args))
			},
			"await-output": awaitOutput,
			"exits":        exits,
		},
	})
}

func answers(ctx context.Context, socket string) error {
	client := api.Dial(socket)
	defer client.Close()
	err := errors.New("never asked")
	for end := time.Now().Add(patience); err != nil && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		_, err = client.Version(ctx)
	}
	return err
}

// exits runs a command that ends with the given code: exits CODE COMMAND...
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		code = failed.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// awaitOutput waits until a file has the text: await-output FILE TEXT.
func awaitOutput(ts *testscript.TestScript, _ bool, args []string) {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if data, err := os.ReadFile(ts.MkAbs(args[0])); err == nil && strings.Contains(string(data), args[1]) {
			return
		}
	}
	ts.Fatalf("%s never said %q", args[0], args[1])
}

// move changes the fake node:
//
//	server MEMBER NODE PHASE SESSIONS [REASON]   what lb on NODE does with the member
//	balancer NODE in-step|REASON                 whether lb on NODE is in step
//	node NODE LIFE                               the life of a node
//	lag NODE REVISION                            the revision that a node runs
//	quorum have|lost                             whether the node has a quorum
//	verdict VERDICT [PROBLEM]
//	silent [ERROR]                               what changes are answered with
//	notice KIND SUBJECT REASON                   something noticed by n1 itself
//	give RESOURCE NODE REASON                    the leader hands it over
//	let-go RESOURCE                              its holder has let go
//	says RESOURCE STATE [REASON]                 what its holder says about it
//	unfit NODE [REASON]                          why the node can hold nothing
func (w *world) move(args []string) error {
	switch args[0] {
	case "server":
		sessions, err := strconv.ParseInt(args[4], 10, 64)
		w.change(func(v *cluster.View) {
			for i := range v.Pools[0].Members {
				for j := range v.Pools[0].Members[i].Servers {
					s := &v.Pools[0].Members[i].Servers[j]
					if v.Pools[0].Members[i].Name == args[1] && string(s.Node) == args[2] {
						s.Phase, s.Sessions, s.Reason = args[3], sessions, strings.Join(args[5:], " ")
					}
				}
			}
		})
		return err
	case "balancer":
		w.change(func(v *cluster.View) {
			i := slices.IndexFunc(v.Balancers, func(b cluster.BalancerView) bool { return string(b.Node) == args[1] })
			v.Balancers[i].InStep = args[2] == "in-step"
			v.Balancers[i].Reason = strings.Join(args[2:], " ")
		})
	case "node":
		w.change(func(v *cluster.View) {
			i := slices.IndexFunc(v.Nodes, func(n cluster.NodeView) bool { return string(n.Name) == args[1] })
			v.Nodes[i].Life = args[2]
		})
	case "lag":
		revision, err := strconv.ParseUint(args[2], 10, 64)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.lag[cluster.NodeID(args[1])] = revision
		return err
	case "quorum":
		w.change(func(v *cluster.View) { v.Quorum.Holds = args[1] == "have" })
	case "verdict":
		w.change(func(v *cluster.View) { v.Verdict, v.Problems = cluster.Verdict(args[1]), args[2:] })
	case "silent":
		w.mu.Lock()
		defer w.mu.Unlock()
		w.silent = nil
		if len(args) > 1 {
			w.silent = errors.New(strings.Join(args[1:], " "))
		}
	case "notice":
		w.mu.Lock()
		defer w.mu.Unlock()
		w.tell(cluster.Notice{Event: cluster.Event{Kind: args[1], Subject: args[2], Reason: args[3]}, Node: "n1"})
	case "give", "let-go", "says", "unfit":
		return w.moveResource(args)
	default:
		return errors.New("world " + args[0] + ": no such move")
	}
	return nil
}

func (w *world) moveResource(args []string) error {
	r := w.resource(args[1])
	switch args[0] {
	case "give":
		to := cluster.NodeID(args[2])
		return w.act(cluster.Give{Resource: args[1], Epoch: r.Epoch, Node: to, Life: w.life(to), Reason: args[3]})
	case "let-go":
		return w.act(cluster.LetGo{Resource: args[1], Epoch: r.Epoch, Node: r.Holder, Reason: "node " + string(r.Holder) + " has nothing of it any more"})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if args[0] == "unfit" {
		w.unfit[cluster.NodeID(args[1])] = strings.Join(args[2:], " ")
		return nil
	}
	w.said[args[1]] = saying{r.Epoch, cluster.ResourceState(args[2]), strings.Join(args[3:], " ")}
	return nil
}
