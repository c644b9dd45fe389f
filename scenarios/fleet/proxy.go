// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
)

// proxyWithin bounds the wait for an HAProxy to start or to be reloaded.
const proxyWithin = 30 * time.Second

// ProxyOptions say how an HAProxy is configured.
type ProxyOptions struct {
	// Name is that of its files: NAME.cfg, NAME.sock, NAME.state and NAME.log.
	Name string
	// Port is where it answers clients, on the service network.
	Port int
	// Anywhere lets it answer on every address of its machine, those included that come later.
	Anywhere bool
	// Answers lets it answer clients by itself, with the name of its machine.
	Answers bool
	// Level is that of its stats socket: admin or user.
	Level string
	// Connect is its "timeout connect".
	Connect time.Duration
	// Redispatch tries another server at once when one cannot be reached.
	Redispatch bool
	// StateFile makes it load the states of servers when it starts.
	StateFile bool
	// Ring gives it a ring section with its log.
	Ring bool
	// Server is added to each server line, such as "check".
	Server string
}

// Kept is how Evenkeel recommends to configure an HAProxy that it keeps: another server at once when one cannot be reached,
// short waits for a connection, states that survive a reload, and no checks, since Evenkeel checks.
func Kept() ProxyOptions {
	return ProxyOptions{
		Name: "kept", Port: KeptPort, Level: "admin", Connect: 200 * time.Millisecond, Redispatch: true, StateFile: true,
	}
}

// Proxy is an HAProxy with its master process.
type Proxy struct {
	*Program
	Options ProxyOptions
	machine *Machine
}

func newProxy(m *Machine, opts ProxyOptions) *Proxy {
	p := &Proxy{Options: opts, machine: m}
	p.Program = &Program{
		name: opts.Name, node: m.Node, ready: p.awaitMaster,
		cmd: lab.Cmd{
			Name: "haproxy", Args: []string{"-W", "-S", p.masterSocket(), "-f", p.file(".cfg")}, LogName: opts.Name + ".log",
		},
	}
	return p
}

func (p *Proxy) file(suffix string) string { return p.machine.Path(p.Options.Name + suffix) }

func (p *Proxy) masterSocket() string { return p.file("-m.sock") }

// Socket returns the path of its stats socket.
func (p *Proxy) Socket() string { return p.file(".sock") }

// inside is the path of its stats socket that is the same on every machine.
func (p *Proxy) inside() string { return "/run/" + p.Options.Name + ".sock" }

// StateFile returns the path of the file from which it loads the states of servers, if it does.
func (p *Proxy) StateFile() string { return p.file(".state") }

// URL returns where clients reach it.
func (p *Proxy) URL() string { return fmt.Sprintf("http://%s:%d/", p.node.IP(0), p.Options.Port) }

// Reload makes it take up its configuration in a new worker, and returns when that one answers.
func (p *Proxy) Reload(ctx context.Context) error {
	if err := p.awaitMaster(ctx); err != nil {
		return err
	}
	before, err := p.worker(ctx)
	if err != nil {
		return err
	}
	if err := p.Signal(syscall.SIGUSR2); err != nil {
		return err
	}
	err = Await(ctx, proxyWithin, p.name+" of "+p.machine.Name+" is reloaded", func(ctx context.Context) string {
		now, err := p.worker(ctx)
		switch {
		case err != nil:
			return err.Error()
		case now == before:
			return "the former worker answers"
		}
		return ""
	})
	if err != nil {
		return err
	}
	return p.awaitMaster(ctx)
}

// awaitMaster returns when the master has a worker, and takes signals: it executes itself anew after each start of one, and
// loses what comes meanwhile.
func (p *Proxy) awaitMaster(ctx context.Context) error {
	return Await(ctx, proxyWithin, p.name+" of "+p.machine.Name+" answers", func(ctx context.Context) string {
		if !p.Running() {
			return "it has ended; its log says why"
		}
		text, err := ask(ctx, p.masterSocket(), "show proc")
		switch {
		case err != nil:
			return err.Error()
		case !strings.Contains(text, "worker"):
			return "its master has no worker yet"
		}
		if _, err := p.Servers(ctx); err != nil {
			return err.Error()
		}
		return ""
	})
}

// worker tells the worker that answers by its pid.
func (p *Proxy) worker(ctx context.Context) (string, error) {
	text, err := p.Ask(ctx, "show info")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(text) {
		if pid, ok := strings.CutPrefix(line, "Pid: "); ok {
			return strings.TrimSpace(pid), nil
		}
	}
	return "", fmt.Errorf("%s of %s does not tell its pid", p.name, p.machine.Name)
}
