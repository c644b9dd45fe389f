// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/godbus/dbus/v5"
)

// busTimeout bounds how long it takes to be welcomed by the bus, to subscribe, and each later call.
const busTimeout = 5 * time.Second

// maxBusMessage is how many bytes a message may have. The protocol, and so the library, allows 128 MiB, and any user of
// this node may send us that; what systemd sends takes some kilobytes.
const maxBusMessage = 64 << 10

// errBusMessage says that a message, or the talk before the first one, is longer than maxBusMessage.
var errBusMessage = fmt.Errorf("message of more than %d bytes", maxBusMessage)

// boundedConn ends a connection on which more bytes come than a message may have. Only the goroutine that reads from it
// touches the count.
type boundedConn struct {
	net.Conn
	left int // bytes that may come until a message is whole
}

func (c *boundedConn) Read(p []byte) (int, error) {
	if c.left == 0 && len(p) > 0 {
		return 0, errBusMessage
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n

	return n, err
}

// whole is called by the reading goroutine after each message.
func (c *boundedConn) whole(*dbus.Message) { c.left = maxBusMessage }

// dialBus connects to the bus behind a unix socket and says hello. The connection ends with ctx, or when it is closed.
// The library's own way to dial knows no deadline, and its own handler of signals starts a goroutine for each that
// nobody has time for.
func dialBus(ctx context.Context, socket string, signals dbus.SignalHandler) (*dbus.Conn, error) {
	dialer := net.Dialer{Timeout: busTimeout}
	raw, err := dialer.DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	bounded := &boundedConn{Conn: raw, left: maxBusMessage}
	bus, err := dbus.NewConn(bounded, dbus.WithContext(ctx), dbus.WithSignalHandler(signals),
		dbus.WithIncomingInterceptor(bounded.whole))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("bus %s: %w", socket, err), raw.Close())
	}
	if err := greet(bus, raw); err != nil {
		_ = bus.Close() // it failed already, mostly by being closed
		return nil, fmt.Errorf("bus %s: %w", socket, err)
	}

	return bus, nil
}

// greet authenticates by the user that the kernel vouches for.
func greet(bus *dbus.Conn, raw net.Conn) error {
	if err := raw.SetDeadline(time.Now().Add(busTimeout)); err != nil {
		return err
	}
	if err := bus.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(os.Getuid()))}); err != nil {
		return fmt.Errorf("authentication: %w", err)
	}
	if err := bus.Hello(); err != nil {
		return fmt.Errorf("hello: %w", err)
	}

	return raw.SetDeadline(time.Time{})
}
