// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
)

// ErrInterrupted is what a demo ends with that was told to stop.
var ErrInterrupted = errors.New("the demo was interrupted; everything that it made is removed")

// dropEnvironment takes the settings of Evenkeel out of what the processes of the demo inherit.
func dropEnvironment() error {
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "EVENKEEL_") {
			if err := os.Unsetenv(name); err != nil {
				return fmt.Errorf("environment: %w", err)
			}
		}
	}
	return nil
}

// untilSignal returns a context that ends with the first signal to stop. Until stop is called, further ones change nothing:
// whoever presses Ctrl-C twice still gets a clean machine. A broken pipe ends the demo as well, instead of the process.
func untilSignal(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 1) // one is enough: the first counts
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel()
		<-done
		signal.Stop(signals)
	}
}

// haproxyVersion asks the HAProxy that the nodes run for its version, such as 2.6.12.
func haproxyVersion(ctx context.Context, n *lab.Node) (string, error) {
	text, err := n.Run(ctx, "haproxy", "-v")
	if err != nil {
		return "", err
	}
	found := regexp.MustCompile(`version ([0-9]+\.[0-9]+(\.[0-9]+)?)`).FindSubmatch(text)
	if found == nil {
		return "", fmt.Errorf("haproxy -v does not tell its version: %.100q", text)
	}
	return string(found[1]), nil
}
