// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// layout is the version of the map and the names of the pins. Another one would get another folder.
const layout = "v1"

// Names of pins. BPF file systems refuse dots.
const (
	pinDeadlines = "deadlines"
	suffixIn     = "-in"
	suffixOut    = "-out"
)

// tcx is class gate.
type tcx struct {
	home      *home
	dir       string
	program   *ebpf.Program
	deadlines *ebpf.Map
	on        map[int]attachment // by number of interface
}

// attachment is the program on one interface, in both directions.
type attachment struct {
	in, out link.Link
	seen    int64 // when it was last seen there, in nanoseconds of the boot clock
}

func openTCX(h *home, opts Options) (_ *tcx, err error) {
	t := &tcx{home: h, dir: filepath.Join(opts.Pin, opts.Name+"-"+layout), on: map[int]attachment{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.release())
		}
	}()
	if err := haveBPFFS(opts.Pin); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(t.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for pins: %w", err)
	}
	if t.deadlines, err = openDeadlines(filepath.Join(t.dir, pinDeadlines)); err != nil {
		return nil, err
	}
	t.program, err = ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "evenkeel_gate", Type: ebpf.SchedCLS, License: "Apache-2.0", Instructions: program(t.deadlines),
	})
	if err != nil {
		return nil, fmt.Errorf("load the program: %w", err)
	}
	if err := t.tryTCX(); err != nil {
		return nil, err
	}
	if err := t.adopt(); err != nil {
		return nil, err
	}
	return t, t.reinstate()
}

// tryTCX attaches to loopback and detaches at once: a kernel before 6.6 refuses.
func (t *tcx) tryTCX() error {
	index, err := t.home.index("lo")
	if err != nil {
		return err
	}
	attached, err := t.attach(index, ebpf.AttachTCXIngress)
	if err != nil {
		return fmt.Errorf("attach the program: %w", err)
	}
	return attached.Close()
}

func (t *tcx) attach(index int, where ebpf.AttachType) (attached link.Link, err error) {
	err = t.home.ns.Do(func() error {
		attached, err = link.AttachTCX(link.TCXOptions{Interface: index, Program: t.program, Attach: where, Anchor: link.Head()})
		return err
	})
	return attached, err
}

// isOn reports whether both are on the interface: links stay after their interface, and after somebody detached them by force.
func (a attachment) isOn(index int) bool {
	for _, l := range []link.Link{a.in, a.out} {
		if l == nil {
			return false
		}
		info, err := l.Info()
		if err != nil || info.TCX() == nil || info.TCX().Ifindex != uint32(index) {
			return false
		}
	}
	return true
}

// detach lets go of both; where they are pinned, the pins have to go as well.
func (a attachment) detach() error {
	var errs []error
	for _, l := range []link.Link{a.in, a.out} {
		if l != nil {
			errs = append(errs, l.Close())
		}
	}
	return errors.Join(errs...)
}

func (t *tcx) prepare(on device) error { return t.ensure(on) }

// verifyEvery is how often a gate looks whether the program is still on the interface, in nanoseconds. The look waits for the kernel's lock on network
// configuration, which others may keep; the deadline is moved before it, and needs no lock.
const verifyEvery = int64(time.Second)

func (t *tcx) set(addr netip.Addr, on device, until int64) error {
	a, known := t.on[on.index]
	if !known {
		if err := t.ensure(on); err != nil {
			return err
		}
	}
	err := t.deadlines.Update(mapKey{addr.As16(), uint32(on.index)}, uint64(until), ebpf.UpdateAny)
	if errors.Is(err, unix.E2BIG) {
		return fmt.Errorf("%w: it has %d addresses", ErrFull, AddressesMax)
	}
	if err != nil || !known {
		return err
	}
	if now, err := Now(); err != nil || now-a.seen < verifyEvery {
		return err
	}
	return t.ensure(on)
}

// ensure has the program on the interface when it returns.
func (t *tcx) ensure(on device) error {
	a, known := t.on[on.index]
	now, err := Now()
	if err != nil {
		return err
	}
	if known && a.isOn(on.index) {
		a.seen = now
		t.on[on.index] = a
		return nil
	}
	if ethernet, err := t.home.isEthernet(on.name); err != nil || !ethernet {
		return errors.Join(err, fmt.Errorf("%w: the gate needs Ethernet", ErrInterface))
	}
	if known {
		delete(t.on, on.index)
		if err := errors.Join(a.detach(), t.unpin(on.index)); err != nil {
			return err
		}
	}
	var errIn, errOut error
	a.in, errIn = t.attach(on.index, ebpf.AttachTCXIngress)
	if errIn == nil {
		errIn = a.in.Pin(t.pin(on.index, suffixIn))
	}
	a.out, errOut = t.attach(on.index, ebpf.AttachTCXEgress)
	if errOut == nil {
		errOut = a.out.Pin(t.pin(on.index, suffixOut))
	}
	if err := errors.Join(errIn, errOut); err != nil {
		return errors.Join(fmt.Errorf("attach the program: %w", err), a.detach(), t.unpin(on.index))
	}
	a.seen = now
	t.on[on.index] = a
	return nil
}

func (t *tcx) clear(addr netip.Addr, index int) error {
	if err := t.deadlines.Delete(mapKey{addr.As16(), uint32(index)}); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return err
	}
	if _, err := t.home.name(index); !errors.Is(err, ErrInterface) {
		return err
	}
	gone := t.on[index]
	delete(t.on, index)
	return errors.Join(gone.detach(), t.unpin(index))
}

func (t *tcx) entries() ([]entry, error) {
	var all []entry
	var key mapKey
	var until uint64
	deadlines := t.deadlines.Iterate()
	for deadlines.Next(&key, &until) {
		all = append(all, entry{netip.AddrFrom16(key.Addr).Unmap(), int(key.Index), int64(until)})
	}
	if err := deadlines.Err(); err != nil {
		return nil, fmt.Errorf("read the map: %w", err)
	}
	return all, nil
}

// close removes the pins only if nothing is set.
func (t *tcx) close() error {
	left, err := t.entries()
	if err != nil {
		return errors.Join(err, t.release())
	}
	if len(left) == 0 {
		var errs []error
		for index := range t.on {
			errs = append(errs, t.unpin(index))
		}
		err = errors.Join(append(errs, t.deadlines.Unpin(), os.Remove(t.dir))...)
	}
	return errors.Join(err, t.release())
}

// release closes what this process holds. What is pinned stays.
func (t *tcx) release() error {
	var errs []error
	for _, a := range t.on {
		errs = append(errs, a.detach())
	}
	return errors.Join(append(errs, t.program.Close(), t.deadlines.Close())...)
}
