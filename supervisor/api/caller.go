// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net"
	"os/user"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// unknownUser stands for a caller that the kernel does not name.
const unknownUser = "an unknown user"

type callerKey struct{}

// withCaller keeps the connection's user in the context of its requests.
func withCaller(ctx context.Context, c net.Conn) context.Context {
	if own, ok := c.(*conn); ok {
		return context.WithValue(ctx, callerKey{}, own.user)
	}
	return ctx
}

// callerOf returns the user who sent the request.
func callerOf(ctx context.Context) string {
	if name, ok := ctx.Value(callerKey{}).(string); ok {
		return name
	}
	return unknownUser
}

// userOf asks the kernel who opened the connection: SO_PEERCRED of unix(7).
func userOf(c net.Conn) string {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return unknownUser
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return unknownUser
	}
	var cred *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err != nil || failed != nil {
		return unknownUser
	}
	uid := strconv.FormatUint(uint64(cred.Uid), 10)
	if u, err := user.LookupId(uid); err == nil && u.Username != "" {
		return u.Username
	}
	return "uid " + uid
}
