// SPDX-License-Identifier: Apache-2.0

package haproxy

import (
	"context"
	"errors"
	"fmt"

	"github.com/haproxytech/client-native/v5/runtime"
	"github.com/haproxytech/client-native/v5/runtime/options"
)

// ErrNoAnswer says that HAProxy did not answer in time or not to the end. What it was told may have taken or not.
var ErrNoAnswer = errors.New("no whole answer")

// wire carries one line at a time to the socket. Its slot is the breaker: it stays taken while ExecuteRaw is out, even
// when the caller has long gone, so that a hanging HAProxy costs one goroutine and one connection.
type wire struct {
	socket runtime.SingleRuntime
	slot   chan struct{} // capacity 1; full while a command is out, further callers wait for it until their context ends
}

func newWire(path string) (*wire, error) {
	w := &wire{slot: make(chan struct{}, 1)}
	if err := w.socket.Init(path, 0, 0, options.RuntimeOptions{DoNotCheckRuntimeOnInit: true}); err != nil {
		return nil, err
	}
	return w, nil
}

// answer is what came back for one line.
type answer struct {
	text string
	err  error
}

// exchange sends one line and returns the reply, or an error once the context ends. The goroutine that it starts ends
// with ExecuteRaw, which has deadlines of its own; idle awaits it.
func (w *wire) exchange(ctx context.Context, line string) (string, error) {
	select {
	case w.slot <- struct{}{}:
	case <-ctx.Done():
		return "", fmt.Errorf("%w: an earlier command is still unanswered: %w", ErrNoAnswer, ctx.Err())
	}
	if err := ctx.Err(); err != nil {
		<-w.slot
		return "", fmt.Errorf("not sent: %w", err)
	}
	back := make(chan answer, 1)
	go func() {
		text, err := w.socket.ExecuteRaw(line)
		back <- answer{text, err}
		<-w.slot
	}()
	select {
	case a := <-back:
		if a.err != nil {
			return "", fmt.Errorf("%w (is HAProxy running, and is this its stats socket?)", a.err)
		}
		if a.text == "" {
			return "", fmt.Errorf("%w: the connection was closed without a word", ErrNoAnswer)
		}
		return a.text, nil
	case <-ctx.Done():
		return "", fmt.Errorf("%w: HAProxy hangs or is overloaded: %w", ErrNoAnswer, ctx.Err())
	}
}

// idle waits until no command is out.
func (w *wire) idle(ctx context.Context) error {
	select {
	case w.slot <- struct{}{}:
		<-w.slot
		return nil
	case <-ctx.Done():
		return fmt.Errorf("a command is still unanswered: %w", ctx.Err())
	}
}
