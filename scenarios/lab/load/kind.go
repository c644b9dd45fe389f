// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"syscall"
)

// Kind is how a request ended.
type Kind uint8

// The ends of a request.
const (
	// KindOK is a good answer: status 200 and a whole body of the server that the header names.
	KindOK Kind = iota
	// KindRefused is a refused connection.
	KindRefused
	// KindReset is a connection that ended before the answer was whole.
	KindReset
	// KindTimeout is no answer in time.
	KindTimeout
	// KindStatus is an answer with a status other than 200, such as a 503 of the balancer.
	KindStatus
	// KindBadBody is status 200 with a body that is not the named server's.
	KindBadBody
	// KindUnreachable is a network or host that the kernel has no way to.
	KindUnreachable
	// KindOverload is a request that was never sent, because too many were in flight.
	KindOverload
	// KindOther is any other error.
	KindOther

	kinds
)

// String returns the kind in the words of a report.
func (k Kind) String() string {
	names := [kinds]string{"ok", "refused", "reset", "timeout", "status", "bad body", "unreachable", "overload", "other"}
	if k < kinds {
		return names[k]
	}
	return "Kind(" + strconv.Itoa(int(k)) + ")"
}

// Errors of an answer that arrived.
var (
	errStatus  = errors.New("load: status is not 200")
	errBadBody = errors.New("load: body is not the server's")
)

func kindOf(err error) Kind {
	var timeout net.Error
	switch {
	case err == nil:
		return KindOK
	case errors.Is(err, errStatus):
		return KindStatus
	case errors.Is(err, errBadBody):
		return KindBadBody
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return KindTimeout
	case errors.Is(err, syscall.ECONNREFUSED):
		return KindRefused
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.ENETDOWN):
		return KindUnreachable
	case isCut(err):
		return KindReset
	default:
		return KindOther
	}
}

// isCut says whether the other side, or the kernel for it, ended the connection.
func isCut(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE)
}
