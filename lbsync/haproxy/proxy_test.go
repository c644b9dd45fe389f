// SPDX-License-Identifier: Apache-2.0

package haproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/lbsync"
)

// patience bounds waits for what must come; it is never a measure.
const patience = 30 * time.Second

// proxy is a real HAProxy of a test's own, in master-worker mode, in a folder of its own.
type proxy struct {
	tb  testing.TB
	dir string
	cmd *exec.Cmd
	out lockedBuffer
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

const globalSection = `
global
  stats socket %[1]s/admin.sock mode 600 level admin
  stats socket %[1]s/operator.sock mode 600 level operator
  hard-stop-after 2s
  %[2]s
defaults
  mode http
  timeout connect 500ms
  timeout client 10s
  timeout server 10s
  timeout check 1s
  option redispatch 1
  %[3]s
frontend in
  bind unix@%[1]s/front.sock
  default_backend web
`

// plain is a configuration without any persistence.
func plain(dir, backends string) string { return fmt.Sprintf(globalSection, dir, "", "") + backends }

// persistent is a configuration that reads dir/state at its start.
func persistent(dir, backends string) string {
	return fmt.Sprintf(globalSection, dir, "server-state-file "+dir+"/state", "load-server-state-from-file global") + backends
}

// start runs HAProxy with the configuration that make returns for its folder.
func start(tb testing.TB, config func(dir string) string) *proxy {
	tb.Helper()
	if _, err := exec.LookPath("haproxy"); err != nil {
		tb.Fatal("haproxy is not installed: run ./task setup")
	}
	dir, err := os.MkdirTemp("", "evk") //nolint:usetesting // short: a socket's path is at most 107 bytes
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			tb.Error(err)
		}
	})
	p := &proxy{tb: tb, dir: dir}
	p.write("haproxy.cfg", config(dir))
	p.run()
	tb.Cleanup(func() { p.kill() })
	return p
}

func (p *proxy) run() {
	p.tb.Helper()
	p.cmd = exec.Command("haproxy", "-W", "-S", p.path("master.sock"), "-f", p.path("haproxy.cfg"))
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	// Its own process group, so that the workers can be ended with the master.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		p.tb.Fatal(err)
	}
	d := p.driver(Options{})
	eventually(p.tb, "HAProxy answers", func() bool {
		_, err := d.Observe(p.tb.Context(), nil)
		return err == nil
	}, &p.out)
	p.masterReady()
}

// masterReady waits for the master, which executes itself anew after each start of a worker and loses a signal that
// comes meanwhile.
func (p *proxy) masterReady() {
	p.tb.Helper()
	eventually(p.tb, "its master answers", func() bool {
		c, err := net.Dial("unix", p.path("master.sock"))
		if err != nil {
			return false
		}
		defer func() { _ = c.Close() }()
		if err := c.SetDeadline(time.Now().Add(time.Second)); err != nil {
			return false
		}
		if _, err := c.Write([]byte("show proc;quit\n")); err != nil {
			return false
		}
		text, err := io.ReadAll(c)
		return err == nil && bytes.Contains(text, []byte("worker"))
	}, &p.out)
}

// kill ends master and workers at once.
func (p *proxy) kill() {
	if p.cmd == nil {
		return
	}
	if err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		p.tb.Error(err)
	}
	_ = p.cmd.Wait() // "signal: killed" is what we want
	p.cmd = nil
}

func (p *proxy) signal(pid int, s syscall.Signal) {
	p.tb.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		p.tb.Fatal(err)
	}
}

func (p *proxy) path(name string) string { return filepath.Join(p.dir, name) }

func (p *proxy) write(name, content string) {
	p.tb.Helper()
	if err := os.WriteFile(p.path(name), []byte(content), 0o600); err != nil {
		p.tb.Fatal(err)
	}
}

// driver returns a driver for the admin socket unless the options name another one.
func (p *proxy) driver(o Options) *Driver {
	p.tb.Helper()
	if o.Socket == "" {
		o.Socket = p.path("admin.sock")
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	o.Log = zerolog.New(&p.out)
	d, err := New(o)
	if err != nil {
		p.tb.Fatal(err)
	}
	p.tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := d.Close(ctx); err != nil {
			p.tb.Error(err)
		}
	})
	return d
}

// reload makes the master start a new worker and waits for it.
func (p *proxy) reload(d *Driver, backends ...string) lbsync.Snapshot {
	p.tb.Helper()
	p.masterReady()
	before := observe(p.tb, d, backends...)
	p.signal(p.cmd.Process.Pid, syscall.SIGUSR2)
	var after lbsync.Snapshot
	eventually(p.tb, "a new process", func() bool {
		var err error
		after, err = d.Observe(p.tb.Context(), backends)
		return err == nil && !after.Epoch.Equal(before.Epoch)
	}, &p.out)
	return after
}

func observe(tb testing.TB, d *Driver, backends ...string) lbsync.Snapshot {
	tb.Helper()
	s, err := d.Observe(tb.Context(), backends)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func apply(tb testing.TB, d *Driver, at lbsync.Epoch, ops ...lbsync.Op) lbsync.Snapshot {
	tb.Helper()
	s, failed, err := d.Apply(tb.Context(), at, ops)
	if err != nil {
		tb.Fatal(err)
	}
	if len(failed) > 0 {
		tb.Fatal(failed)
	}
	return s
}

// eventually waits for what must come. On failure it also prints what HAProxy said, if given.
func eventually(tb testing.TB, what string, done func() bool, said ...fmt.Stringer) {
	tb.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if done() {
			return
		}
	}
	tb.Fatalf("not within %s: %s\n%s", patience, what, said)
}

// member is a server to balance to: it answers at once, but for /slow, which waits until the test is over.
func member(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	over := make(chan struct{})
	s := &http.Server{ReadHeaderTimeout: patience, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-over
		}
		if _, err := fmt.Fprintln(w, "ok"); err != nil {
			return
		}
	})}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	tb.Cleanup(func() {
		close(over)
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			tb.Error(err)
		}
	})
	return l.Addr().String()
}

// get asks for a path through HAProxy's frontend.
func (p *proxy) get(path string) (int, error) {
	c := http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", p.path("front.sock"))
		},
	}}
	r, err := c.Get("http://in" + path)
	if err != nil {
		return 0, err
	}
	return r.StatusCode, r.Body.Close()
}

func web(server string) lbsync.Key { return lbsync.Key{Backend: "web", Server: server} }

func op(k lbsync.OpKind, server string) lbsync.Op { return lbsync.Op{Kind: k, Key: web(server)} }
