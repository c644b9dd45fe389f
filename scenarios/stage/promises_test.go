// SPDX-License-Identifier: Apache-2.0

package stage_test

import (
	"testing"

	"github.com/evenkeel-ha/evenkeel/scenarios"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab/labtest"
	"github.com/evenkeel-ha/evenkeel/scenarios/script"
	"github.com/evenkeel-ha/evenkeel/scenarios/stage"
	"github.com/evenkeel-ha/evenkeel/scenarios/timeline"
)

// TestPromises plays some of the promises on real nodes; ./task scenarios:lab plays all of them.
func TestPromises(t *testing.T) {
	labtest.Need(t)
	for _, name := range []string{
		"address/dead-haproxy-moves-the-address",
		"address/minority-lets-go-and-healing-moves-nothing",
		"address/supervisor-and-guard-both-paused-never-two-nodes-answer",
		"balance/dead-application-is-out-until-its-check-passes",
		"balance/reloaded-haproxy-keeps-its-drains",
		"membership/stopped-node-leaves-without-a-lost-request",
		"network/node-cut-off-is-out-and-comes-back",
		"operator/order-without-quorum-is-refused",
		"quorum/witness-keeps-the-quorum",
	} {
		t.Run(name, func(t *testing.T) {
			text, err := scenarios.Read(name)
			if err != nil {
				t.Fatal(err)
			}
			s, err := script.Parse(name, text)
			if err != nil {
				t.Fatal(err)
			}
			p := open(t, stage.Options{Cluster: s.Cluster, Name: "stgp"})
			if report := script.Play(t.Context(), s, p.stage, nil); !report.Kept() {
				t.Errorf("%s\n%s", report, timeline.Text(report))
			}
		})
	}
}
