// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/evenkeel-ha/evenkeel/scenarios/fleet"
)

const (
	// outWithin bounds the wait for a server to leave rotation, by Evenkeel or by HAProxy's own checks, which need up to
	// 11 s for a server that says nothing.
	outWithin = 40 * time.Second
	// endWithin bounds the wait for requests in flight: the client gives up after 5 s.
	endWithin = 10 * time.Second
)

// awaitAnswers returns when the clients have their first good answers.
func (s *stage) awaitAnswers(ctx context.Context) error {
	return fleet.Await(ctx, fleet.WellWithin, "every server answers the clients", func(context.Context) string {
		for k, client := range s.loads {
			servers := client.Counters().Servers
			for _, m := range s.fleet.Web() {
				if servers[m.Name] == 0 {
					return fmt.Sprintf("%s has not answered through the %s HAProxies", m.Name, k)
				}
			}
		}
		return ""
	})
}
