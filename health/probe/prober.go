// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/evenkeel-ha/evenkeel/health"
)

// prober carries out one probe. It returns when ctx ends at the latest.
type prober interface {
	once(ctx context.Context) outcome
}

// outcome is what one probe saw.
type outcome struct {
	ok      bool
	refused bool // nobody listens there
	reason  string
}

// newProber makes the prober of a spec that passed Validate. If the spec asks for a watched connection, the prober may
// leave those of its probes in served.
func newProber(s Spec, served chan *held) (prober, error) {
	switch {
	case s.HTTP != nil && (s.Watch == nil || !s.Watch.Connection):
		return newHTTPProber(s, nil)
	case s.HTTP != nil:
		return newHTTPProber(s, served)
	case s.Exec != nil:
		return execProber{spec: *s.Exec}, nil
	default:
		return tcpProber{target: s.target()}, nil
	}
}

// target is the address and port to connect to.
func (s Spec) target() string {
	return net.JoinHostPort(s.Address, strconv.Itoa(s.Port))
}

// tcpProber connects and hangs up.
type tcpProber struct {
	target string
}

func (p tcpProber) once(ctx context.Context) outcome {
	conn, err := dial(ctx, p.target)
	if err != nil {
		return failed(err)
	}
	conn.hangUp()

	return outcome{ok: true, reason: "connected to " + p.target}
}

// line is a TCP connection that is ended by a reset.
type line struct {
	*net.TCPConn
}

// dial opens a connection. It sends no keepalives: connections to our own node need none, and those of probes are short.
func dial(ctx context.Context, target string) (line, error) {
	dialer := net.Dialer{KeepAlive: -1}
	conn, err := dialer.DialContext(ctx, "tcp", target)
	if err != nil {
		return line{}, err
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return line{}, errors.Join(fmt.Errorf("connection to %s is no TCP connection but %T", target, conn), conn.Close())
	}

	return line{TCPConn: tcp}, nil
}

// hangUp resets the connection. What the other side thinks of that is of no interest, so errors are not either.
func (l line) hangUp() {
	_ = l.SetLinger(0)
	_ = l.Close()
}

// failed words an error of the network.
func failed(err error) outcome {
	if page, ok := errors.AsType[*url.Error](err); ok {
		err = page.Err // the rest only repeats the address
	}
	o := outcome{refused: errors.Is(err, syscall.ECONNREFUSED), reason: err.Error()}
	var op *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		o.reason = ""
	case o.refused && errors.As(err, &op) && op.Addr != nil:
		o.reason = "connection refused by " + op.Addr.String()
	case errors.Is(err, syscall.ECONNRESET):
		o.reason = "connection reset"
	}

	return o
}

// result turns an outcome into what the judge is told.
func (o outcome) result(ctx context.Context, timeout time.Duration, h hint) health.Result {
	r := health.Result{OK: o.ok, Reason: o.reason}
	if !o.ok && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		r.Reason = fmt.Sprintf("no answer within %s", timeout)
		if o.reason != "" {
			r.Reason += ": " + o.reason
		}
	}
	if !o.ok && h.proves(o) {
		r.Hard = true
		r.Reason += ", after " + h.reason
	}

	return r
}
