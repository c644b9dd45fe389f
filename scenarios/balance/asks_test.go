// SPDX-License-Identifier: Apache-2.0

package balance_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab/app"
	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// longest bounds one request of a test.
const longest = 60 * time.Second

// slowMost bounds the slow requests of a test.
const slowMost = 24

// answer is what became of one request.
type answer struct {
	server string
	status int
	err    error
	at     time.Time
}

// request sends one request from the client and waits for its whole answer.
func (s *stand) request(ctx context.Context, url string) answer {
	transport := &http.Transport{DialContext: s.client.Dialer(), DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return answer{err: err, at: time.Now()}
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return answer{err: err, at: time.Now()}
	}
	_, err = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return answer{server: resp.Header.Get(app.NodeHeader), status: resp.StatusCode, err: err, at: time.Now()}
}

// get asks an application itself.
func (s *stand) get(m *fleet.Machine, path string) {
	s.t.Helper()
	a := s.request(s.ctx(), fmt.Sprintf("http://%s:%d%s", m.Node.IP(0), fleet.AppPort, path))
	if s.must(a.err); a.status != http.StatusOK {
		s.t.Fatalf("%s%s: status %d", m.Name, path, a.status)
	}
}

// slow sends requests through one balancer, one after the other, until each server has at least one under way. It returns
// where the answers come, and how many of them are under way at each server. Nothing else may be under way.
func (s *stand) slow(through *fleet.Machine, takes time.Duration) (<-chan answer, map[string]int) {
	s.t.Helper()
	answers := make(chan answer, slowMost) // one for each request
	at := map[string]int{}
	for sent := 1; sent <= slowMost && len(at) < len(s.Web()); sent++ {
		go func() { answers <- s.request(s.ctx(), through.Kept().URL()+"?delay="+takes.String()) }()
		s.await("the request is under way", func(ctx context.Context) string {
			servers, err := through.Kept().Servers(ctx)
			if err != nil {
				return err.Error()
			}
			total := 0
			for name, v := range servers {
				if total += v.Sessions; v.Sessions > 0 {
					at[name] = v.Sessions
				}
			}
			if total != sent {
				return fmt.Sprintf("%d of %d are", total, sent)
			}
			return ""
		})
	}
	if len(at) < len(s.Web()) {
		s.t.Fatalf("of %d requests, only %v got some", slowMost, at)
	}
	return answers, at
}

// refusals returns how many connections to a server have failed, on all balancers.
func (s *stand) refusals(member string) int {
	s.t.Helper()
	total := 0
	for _, b := range s.Balancers() {
		servers, err := b.Kept().Servers(s.ctx())
		s.must(err)
		total += servers[member].Refused
	}
	return total
}

// awaitAlive waits until a machine's node is alive in its newest life, in its own eyes.
func (s *stand) awaitAlive(m *fleet.Machine) {
	s.t.Helper()
	s.awaitView(m, "it is alive", func(v cluster.View) string {
		if !v.Quorum.Holds {
			return "no quorum: " + v.Quorum.Reason
		}
		return s.life(v, m, "alive")
	})
}

// life tells what is missing until a view shows a machine in this life.
func (s *stand) life(v cluster.View, m *fleet.Machine, want string) string {
	for _, n := range v.Nodes {
		if n.Name == m.ID() && n.Life != want {
			return fmt.Sprintf("%s is %s: %s", m.Name, n.Life, n.Reason)
		}
	}
	return ""
}

// node returns a machine's node in a view.
func (s *stand) node(v cluster.View, m *fleet.Machine) cluster.NodeView {
	for _, n := range v.Nodes {
		if n.Name == m.ID() {
			return n
		}
	}
	return cluster.NodeView{}
}

// balancer returns the balancer of a machine in a view.
func (s *stand) balancer(v cluster.View, m *fleet.Machine) cluster.BalancerView {
	for _, b := range v.Balancers {
		if b.Node == m.ID() {
			return b
		}
	}
	return cluster.BalancerView{}
}

// awaitFloor waits until every HAProxy serves with this many servers, and stays there.
func (s *stand) awaitFloor(want int) {
	s.t.Helper()
	look := func(ctx context.Context) string {
		for _, b := range s.Balancers() {
			servers, err := b.Kept().Servers(ctx)
			if err != nil {
				return err.Error()
			}
			serving := 0
			for _, v := range servers {
				if v.Serves() {
					serving++
				}
			}
			if serving != want {
				return fmt.Sprintf("%s serves with %d", b.Name, serving)
			}
		}
		return ""
	}
	s.await(fmt.Sprintf("every balancer serves with %d", want), look)
	s.hold(time.Second)
	if missing := look(s.ctx()); missing != "" {
		s.t.Errorf("every balancer should stay at %d: %s", want, missing)
	}
}

// says fails the test when a text lacks some words.
func (s *stand) says(text string, words ...string) {
	s.t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			s.t.Errorf("it does not say %q:\n%s", w, text)
		}
	}
}

// shows tells what is missing until the HAProxy of one machine shows a status for a server.
func (s *stand) shows(b, member *fleet.Machine, status string) func(context.Context) string {
	return func(ctx context.Context) string {
		servers, err := b.Kept().Servers(ctx)
		if err != nil {
			return err.Error()
		}
		if v := servers[member.Name]; v.Status != status {
			return "it is " + v.Status
		}
		return ""
	}
}
