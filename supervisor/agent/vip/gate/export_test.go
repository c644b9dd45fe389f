// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"errors"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// What the program of class gate says about a frame.
const (
	Next = 0xffffffff // -1
	Drop = tcxDrop
)

// Judge runs the program of class gate on a frame.
func Judge(g *Gate, frame []byte) (uint32, error) {
	return g.doors.(*tcx).program.Run(&ebpf.RunOptions{Data: frame})
}

// Time runs it many times and returns the mean.
func Time(g *Gate, frame []byte) (time.Duration, error) {
	const runs = 10_000
	_, mean, err := g.doors.(*tcx).program.Benchmark(frame, runs, nil)
	return mean, err
}

// DetachByForce takes the program off its interfaces, as an administrator may.
func DetachByForce(g *Gate) error {
	var errs []error
	for _, a := range g.doors.(*tcx).on {
		for _, l := range []link.Link{a.in, a.out} {
			errs = append(errs, l.Detach())
		}
	}
	return errors.Join(errs...)
}

// OnInterfaces counts the interfaces that a gate of class gate is on.
func OnInterfaces(g *Gate) int { return len(g.doors.(*tcx).on) }
