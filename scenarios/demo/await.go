// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

const (
	// wellWithin bounds the wait for all to be well. HAProxy's own checks need up to 5 s to see a server again; the rest is
	// for machines that are slow or busy.
	wellWithin = 60 * time.Second
	// outWithin bounds the wait for a server to leave rotation, by Evenkeel or by HAProxy's own checks, which need up to
	// 11 s for a server that says nothing.
	outWithin = 40 * time.Second
	// endWithin bounds the wait for requests in flight: the client gives up after 5 s.
	endWithin = 10 * time.Second
	// lookEvery is the time between two looks at what is waited for.
	lookEvery = 50 * time.Millisecond
	// askWithin bounds one question to a node.
	askWithin = 2 * time.Second
)

// await looks until there is nothing missing any more. What is missing is told by look in a few words, or empty.
func await(ctx context.Context, within time.Duration, what string, look func(context.Context) string) error {
	deadline := time.Now().Add(within)
	for {
		missing := look(ctx)
		if missing == "" {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not within %s: %s: %s", within, what, missing)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(lookEvery):
		}
	}
}

// awaitWell returns when every node says that all is well and every HAProxy sends requests to every server.
func (s *stage) awaitWell(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	return await(ctx, wellWithin, "all is well", func(ctx context.Context) string {
		for _, m := range s.machines {
			if name := m.ended(); name != "" {
				cancel(fmt.Errorf("%s ended on %s; its log says why", name, m.name))
				return name + " ended"
			}
			if missing := m.notWell(ctx); missing != "" {
				return missing
			}
		}
		for _, m := range s.balancers() {
			for _, k := range s.kinds() {
				if missing := notUp(ctx, m.socket(k)); missing != "" {
					return fmt.Sprintf("the %s HAProxy of %s: %s", k, m.name, missing)
				}
			}
		}
		return ""
	})
}

// notWell tells what the machine's Evenkeel finds wrong.
func (m *machine) notWell(ctx context.Context) string {
	view, err := m.view(ctx)
	switch {
	case err != nil:
		return err.Error()
	case len(view.Problems) > 0:
		return m.name + " says: " + view.Problems[0]
	case view.Verdict != cluster.WellVerdict:
		return fmt.Sprintf("%s says that the cluster is %s", m.name, view.Verdict)
	}
	for _, pool := range view.Pools {
		if pool.Serving < len(pool.Members) {
			return fmt.Sprintf("%s says: %d of %d members serve", m.name, pool.Serving, len(pool.Members))
		}
	}
	return ""
}

func (m *machine) view(ctx context.Context) (cluster.View, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	return m.api.Status(ctx)
}

// awaitPhase returns when a member is in one of some phases on all balancers that Evenkeel keeps, as `evenkeel pool` does
// with --wait.
func (s *stage) awaitPhase(ctx context.Context, member string, phases map[string]bool) error {
	asked := s.balancers()[0]
	return await(ctx, wellWithin, member+" on all balancers", func(ctx context.Context) string {
		view, err := asked.view(ctx)
		if err != nil {
			return err.Error()
		}
		seen := 0
		for _, pool := range view.Pools {
			for _, m := range pool.Members {
				for _, server := range m.Servers {
					switch {
					case m.Name != member:
					case !phases[server.Phase]:
						return fmt.Sprintf("it is %s on %s: %s", server.Phase, server.Node, server.Reason)
					default:
						seen++
					}
				}
			}
		}
		if seen < len(s.balancers()) {
			return fmt.Sprintf("%d of %d balancers tell of it", seen, len(s.balancers()))
		}
		return ""
	})
}

// awaitAnswers returns when the clients have their first good answers.
func (s *stage) awaitAnswers(ctx context.Context) error {
	return await(ctx, wellWithin, "every server answers the clients", func(context.Context) string {
		for k, client := range s.loads {
			servers := client.Counters().Servers
			for _, m := range s.machines {
				if m.role == roleWeb && servers[m.name] == 0 {
					return fmt.Sprintf("%s has not answered through the %s HAProxies", m.name, k)
				}
			}
		}
		return ""
	})
}
