// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"io"

	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab/app"
)

// Serve is the web application of a node of the demo: it answers on an address until ctx ends, and then until the requests
// in flight are done.
func Serve(ctx context.Context, listen, node string, log io.Writer) error {
	return app.Serve(ctx, listen, app.Options{Node: node, Log: zerolog.New(log).With().Timestamp().Logger()})
}
