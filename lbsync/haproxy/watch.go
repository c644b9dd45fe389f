// SPDX-License-Identifier: Apache-2.0

package haproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

const (
	// redialMin and redialMax bound the wait before the event stream is opened again. HAProxy closes an idle one after
	// its "stats timeout" (10 s by default), which is no fault.
	redialMin = 100 * time.Millisecond
	redialMax = 5 * time.Second
	// redialSoon is the wait instead for redialSoonFor after the end of a stream that worked: an HAProxy that is restarted
	// without a state file begins with every server ready, so that each millisecond counts, and a dial costs some 50 µs.
	redialSoon    = 5 * time.Millisecond
	redialSoonFor = 2 * time.Second
	// streamHeadMax bounds in bytes how far into the stream the process's own description is looked for.
	streamHeadMax = 16 << 10
)

// errNoRing says that HAProxy has no ring of the configured name.
var errNoRing = errors.New("HAProxy has no such ring: add a ring section and \"log ring@NAME format raw local0 notice\" to global")

// stream is the open event stream. It is guarded by the driver's mutex.
type stream struct {
	pid   int
	close func()
}

// leave ends a stream on any other process than the given one: it would keep a replaced process alive, and hear nothing.
func (s *stream) leave(pid int) {
	if s.close != nil && s.pid != 0 && s.pid != pid {
		s.close()
	}
}

// Watch hints at each line that HAProxy logs to the ring (a server that changes its state, a process that starts or
// stops), and whenever the stream ended, which is how the death of the process shows at once. Without a ring, the stream is
// a connection on which nothing is said.
func (d *Driver) Watch(ctx context.Context) <-chan struct{} {
	hints := make(chan struct{}, 1) // one hint says it all; further ones are dropped until it is read
	go func() {
		defer close(hints)
		d.watch(ctx, hints)
	}()
	return hints
}

func (d *Driver) watch(ctx context.Context, hints chan<- struct{}) {
	wait, said := redialMin, ""
	var lost time.Time // when a stream that worked ended
	for ctx.Err() == nil {
		begun := time.Now()
		err := d.follow(ctx, hints)
		if ctx.Err() != nil {
			return
		}
		if err != nil && err.Error() != said {
			said = err.Error()
			d.log.Warn().Err(err).Str("ring", d.opt.Ring).Msg("event stream ended; changes are found by polling until it is back")
		}
		if err == nil || time.Since(begun) > redialMax {
			wait, said, lost = redialMin, "", time.Now()
		}
		pause := wait
		if time.Since(lost) < redialSoonFor {
			pause = redialSoon
		} else {
			wait = min(2*wait, redialMax)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// follow opens one stream and reads it to its end. A nil error means that HAProxy ended a stream that worked.
func (d *Driver) follow(ctx context.Context, hints chan<- struct{}) error {
	dialer := net.Dialer{Timeout: d.opt.Timeout}
	conn, err := dialer.DialContext(ctx, "unix", d.opt.Socket)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { d.hangUp(conn) })
	defer func() {
		stop()
		d.mu.Lock()
		d.stream = stream{}
		d.mu.Unlock()
		d.hangUp(conn)
	}()
	ask := "prompt\nset timeout cli 3600\n" + stamp + "\n"
	if d.opt.Ring != "" {
		ask = fmt.Sprintf("%s;show events %s -w -n\n", stamp, d.opt.Ring)
	}
	if _, err := io.WriteString(conn, ask); err != nil {
		return fmt.Errorf("event stream: %w", err)
	}
	var head []byte
	known := false
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			if known {
				hint(hints)
				return nil
			}
			return fmt.Errorf("event stream: %w", err)
		}
		if d.opt.Ring != "" {
			hint(hints)
		}
		if len(head) > streamHeadMax {
			continue
		}
		head = append(head, buf[:n]...)
		if bytes.Contains(head, []byte("No such event sink")) {
			return errNoRing
		}
		known = known || d.adopt(head, conn)
		if !known && len(head) > streamHeadMax {
			return fmt.Errorf("%w: the event stream does not begin with HAProxy's own description", ErrNoAnswer)
		}
	}
}

// adopt makes the connection the driver's event stream once the process behind it is known.
func (d *Driver) adopt(head []byte, conn net.Conn) bool {
	_, rest, found := bytes.Cut(head, []byte("\nPid: "))
	digits, _, whole := bytes.Cut(rest, []byte("\n"))
	if !found || !whole {
		return false
	}
	pid, err := strconv.Atoi(string(digits))
	if err != nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stream = stream{pid: pid, close: func() { d.hangUp(conn) }}
	return true
}

// hangUp closes a connection that may be closed already; what an event stream says at its end does not matter.
func (d *Driver) hangUp(conn net.Conn) {
	if err := conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		d.log.Debug().Err(err).Msg("closing the event stream")
	}
}

func hint(hints chan<- struct{}) {
	select {
	case hints <- struct{}{}:
	default:
	}
}
