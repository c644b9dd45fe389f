// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab/haproxy"
	"github.com/evenkeel-ha/evenkeel/scenarios/moments"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
)

const (
	// appWithin bounds the wait for an application to answer that was started.
	appWithin = 20 * time.Second
	// appAnswers bounds one request to an application.
	appAnswers = 2 * time.Second
)

// Errors of faults that hit nobody.
var (
	errNoApp   = errors.New("its application does not run")
	errNoProxy = errors.New("its HAProxy does not run")
)

func (s *Stage) crashApp(ctx context.Context, f script.Fault) error {
	m, err := s.app(f.Node)
	if err != nil {
		return err
	}
	return s.killNow(ctx, m.App)
}

// hangApp pauses the application: the kernel goes on accepting connections for it.
func (s *Stage) hangApp(_ context.Context, f script.Fault) error {
	m, err := s.app(f.Node)
	if err != nil {
		return err
	}
	if !m.App.Running() {
		return errNoApp
	}
	return s.pauses.begin(m.App, time.Time{})
}

func (s *Stage) failApp(ctx context.Context, f script.Fault) error {
	m, err := s.app(f.Node)
	if err != nil {
		return err
	}
	if !m.App.Running() {
		return errNoApp
	}
	if _, err := s.pauses.end(m.App); err != nil {
		return err
	}
	return tellApp(ctx, m, "/break")
}

func (s *Stage) startApp(ctx context.Context, f script.Fault) error {
	m, err := s.app(f.Node)
	if err != nil {
		return err
	}
	if _, err := s.pauses.end(m.App); err != nil {
		return err
	}
	if err := m.App.Start(ctx); err != nil {
		return err
	}
	return tellApp(ctx, m, "/ok")
}

// tellApp asks an application for a path until it answers, from its own machine: that it is cut off does not matter.
func tellApp(ctx context.Context, m *fleet.Machine, path string) error {
	return fleet.Await(ctx, appWithin, "the application answers", func(ctx context.Context) string {
		if err := getApp(ctx, m, path); err != nil {
			return err.Error()
		}
		return ""
	})
}

func getApp(ctx context.Context, m *fleet.Machine, path string) error {
	transport := &http.Transport{DialContext: m.Node.Dialer(), DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, appAnswers)
	defer cancel()
	url := fmt.Sprintf("http://%s:%d%s", m.Node.IP(0), fleet.AppPort, path)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s is answered with %s", path, resp.Status)
	}
	return nil
}

func (s *Stage) reloadProxy(ctx context.Context, f script.Fault) error {
	p, err := s.runningProxy(f.Node)
	if err != nil {
		return err
	}
	return p.Reload(ctx)
}

func (s *Stage) runningProxy(name string) (*fleet.Proxy, error) {
	p, err := s.proxy(name)
	if err == nil && !s.runs(p.Program) {
		err = errNoProxy
	}
	return p, err
}

func (s *Stage) killProxy(ctx context.Context, f script.Fault) error {
	p, err := s.proxy(f.Node)
	if err != nil {
		return err
	}
	return s.killNow(ctx, p.Program)
}

func (s *Stage) startProxy(ctx context.Context, f script.Fault) error {
	p, err := s.proxy(f.Node)
	if err != nil {
		return err
	}
	return p.Start(ctx)
}

func (s *Stage) pauseProxy(_ context.Context, f script.Fault) error {
	p, err := s.proxy(f.Node)
	if err != nil {
		return err
	}
	if !p.Running() {
		return errNoProxy
	}
	return s.pause(moments.ProxyLane(f.Node), p.Program, f.For)
}

// meddleProxy does what somebody at the stats socket would: what does not serve is set to ready, and what serves to maint.
func (s *Stage) meddleProxy(ctx context.Context, f script.Fault) error {
	p, err := s.runningProxy(f.Node)
	if err != nil {
		return err
	}
	states, err := s.sample(ctx, f.Node)
	if err != nil {
		return err
	}
	server := serverOf(f.Peer)
	state, known := states[server]
	if !known {
		return fmt.Errorf("there is no server %s", server)
	}
	want := "ready"
	if state.InRotation() {
		want = "maint"
	}
	answer, err := p.Ask(ctx, fmt.Sprintf("set server %s state %s", server, want))
	if err == nil && strings.TrimSpace(answer) != "" {
		err = fmt.Errorf("haproxy answers %q", strings.TrimSpace(answer))
	}
	return err
}

// serverOf returns the server of a member, named as pool/name.
func serverOf(member string) haproxy.Server {
	return haproxy.Server{Backend: script.Pool, Name: strings.TrimPrefix(member, script.Pool+"/")}
}
