// SPDX-License-Identifier: Apache-2.0

package namespace_test

import (
	"errors"
	"os"
	"sync"
	"testing"

	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip/namespace"
	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip/segment"
)

func current(t *testing.T) string {
	t.Helper()
	link, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Error(err)
	}
	return link
}

func TestDo(t *testing.T) {
	host := segment.New(t).Host()
	var ns namespace.Namespace
	var err error
	var there string
	host.Do(func() {
		ns, err = namespace.Current()
		there = current(t)
	})
	if err != nil {
		t.Fatal(err)
	}
	here, failed := current(t), errors.New("failed")
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			err := ns.Do(func() error {
				if got := current(t); got != there {
					t.Errorf("in %s, want %s", got, there)
				}
				return failed
			})
			if !errors.Is(err, failed) || current(t) != here {
				t.Errorf("back in %s with %v, want %s", current(t), err, here)
			}
		})
	}
	wg.Wait()
	host.Do(func() { err = ns.Do(func() error { return nil }) }) // it is there already
	if err != nil {
		t.Error(err)
	}
	if err := ns.Close(); err != nil {
		t.Error(err)
	}
	if err := ns.Do(func() error { return nil }); err == nil {
		t.Error("a closed namespace was entered")
	}
}
