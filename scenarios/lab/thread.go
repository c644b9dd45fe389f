// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"errors"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

var errThreadGone = errors.New("the namespace's thread has ended")

// thread is one thread of the operating system that a goroutine keeps to itself. Namespaces and parent-death signals
// belong to threads, so whoever makes a namespace, opens a socket in it or starts a PID 1 does it here. The thread is
// never given back to the Go scheduler: it ends with its goroutine, and its namespace and children end with it.
type thread struct {
	calls chan call // no buffer: a call that was taken will be carried out
	quit  chan struct{}
	done  chan struct{}
	once  sync.Once
}

type call struct {
	fn  func() error
	err chan error
}

// newThread starts a thread and runs enter on it. The goroutine is counted in wg.
func newThread(wg *sync.WaitGroup, enter func() error) (*thread, error) {
	t := &thread{calls: make(chan call), quit: make(chan struct{}), done: make(chan struct{})}
	ready := make(chan error, 1)
	wg.Go(func() { t.run(enter, ready) })
	if err := <-ready; err != nil {
		return nil, err
	}
	return t, nil
}

func (t *thread) run(enter func() error, ready chan<- error) {
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() {
		// Go parks the first thread of a process instead of ending it, so it would stay in the namespace for ever.
		// While this goroutine holds it, the next one gets another thread.
		inner := make(chan struct{})
		go func() {
			defer close(inner)
			t.run(enter, ready)
		}()
		<-inner
		runtime.UnlockOSThread()
		return
	}
	defer close(t.done)
	err := enter()
	ready <- err
	if err != nil {
		return
	}
	for {
		select {
		case c := <-t.calls:
			c.err <- c.fn()
		case <-t.quit:
			return
		}
	}
}

// do runs fn on the thread and returns its error.
func (t *thread) do(fn func() error) error {
	c := call{fn: fn, err: make(chan error, 1)}
	select {
	case t.calls <- c:
		return <-c.err
	case <-t.done:
		return errThreadGone
	}
}

// stop ends the thread and returns when it takes no more calls.
func (t *thread) stop() {
	t.once.Do(func() { close(t.quit) })
	<-t.done
}
