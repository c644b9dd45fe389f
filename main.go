// SPDX-License-Identifier: Apache-2.0

// Evenkeel keeps a cluster and its load balancers on an even keel. The binary
// calls supervisor/cli and nothing else.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/evenkeel-ha/evenkeel/supervisor/cli"
)

// version is set by the linker.
var version = "dev"

func main() {
	os.Exit(run())
}

// run returns the exit code. The first SIGINT or SIGTERM ends it in good order,
// the second at once.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return cli.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, version)
}
