// SPDX-License-Identifier: Apache-2.0

package namespace

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Namespace is a network namespace, kept alive until it is closed.
type Namespace struct{ file *os.File }

// Current returns that of the calling thread.
func Current() (Namespace, error) {
	file, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return Namespace{}, fmt.Errorf("find the network namespace: %w", err)
	}
	return Namespace{file}, nil
}

// Close lets go of the namespace. It must not be used afterwards.
func (n Namespace) Close() error { return n.file.Close() }

// Do runs fn in the namespace and returns its error.
func (n Namespace) Do(fn func() error) error {
	runtime.LockOSThread()
	here, err := Current()
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	same, err := n.is(here)
	if err == nil && !same {
		err = unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET)
	}
	if err != nil {
		runtime.UnlockOSThread()
		return errors.Join(fmt.Errorf("enter the network namespace: %w", err), here.Close())
	}
	err = fn()
	if !same {
		if back := unix.Setns(int(here.file.Fd()), unix.CLONE_NEWNET); back != nil {
			// The lock stays, so the thread ends with its goroutine.
			return errors.Join(err, fmt.Errorf("leave the network namespace: %w", back), here.Close())
		}
	}
	runtime.UnlockOSThread()
	return errors.Join(err, here.Close())
}

func (n Namespace) is(other Namespace) (bool, error) {
	ours, err := n.file.Stat()
	if err != nil {
		return false, err
	}
	theirs, err := other.file.Stat()
	return os.SameFile(ours, theirs), err
}
