// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// Source is what the API needs of the node that it speaks for. Its methods are
// called from many goroutines.
type Source interface {
	// View returns a snapshot. It is cheap and does not wait.
	View() cluster.View
	// Spec returns the cluster file with its revision; revision 0 is none yet.
	Spec() (cluster.Spec, uint64)
	// Submit commits a command and returns what became of it. It fails when that
	// cannot be told: no quorum, no leader, or no answer before ctx ends. The
	// command may take effect all the same.
	Submit(ctx context.Context, by string, body cluster.Body) (cluster.Outcome, error)
	// Notices returns the kept events after the given index (0 = all of them), and
	// a channel with those that follow. The channel closes with ctx, and when its
	// reader is too slow.
	Notices(ctx context.Context, since uint64) (past []cluster.Notice, live <-chan cluster.Notice)
}
