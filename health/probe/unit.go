// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/rs/zerolog"
)

// systemBus is where the message bus of the system listens.
const systemBus = "/run/dbus/system_bus_socket"

// Bounds of the time between two attempts to reach systemd.
const (
	minRedial = time.Second
	maxRedial = time.Minute
)

// Names of systemd on the bus, org.freedesktop.systemd1(5).
const (
	systemdName    = "org.freedesktop.systemd1"
	systemdPath    = "/org/freedesktop/systemd1"
	managerName    = systemdName + ".Manager"
	unitName       = systemdName + ".Unit"
	propertiesName = "org.freedesktop.DBus.Properties"
	changedMember  = "PropertiesChanged"
)

// unitWatcher waits for a systemd unit to leave the state "active", told by the signal PropertiesChanged of this unit.
type unitWatcher struct {
	unit   string
	socket string
	hints  chan<- hint
	log    zerolog.Logger
}

func (w *unitWatcher) run(ctx context.Context) {
	wait, said := minRedial, false
	for {
		began := time.Now()
		err := w.watch(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) >= maxRedial {
			wait, said = minRedial, false
		}
		if !said {
			said = true
			w.log.Warn().Err(err).Str("unit", w.unit).
				Msg("cannot watch the systemd unit, the check goes on by polling")
		}
		if !pause(ctx, wait) {
			return
		}
		wait = min(maxRedial, 2*wait)
	}
}

// changes is told of signals. One that waits is enough, and more are dropped: each of them only says "look".
type changes chan struct{}

// DeliverSignal implements dbus.SignalHandler.
func (c changes) DeliverSignal(iface, member string, _ *dbus.Signal) {
	if iface != propertiesName || member != changedMember {
		return // such as the greeting of the bus
	}
	select {
	case c <- struct{}{}:
	default:
	}
}

// watch follows the unit over one connection to the bus, until that ends.
func (w *unitWatcher) watch(ctx context.Context) error {
	changed := make(changes, 1)
	bus, err := dialBus(ctx, w.socket, changed)
	if err != nil {
		return err
	}
	defer func() { _ = bus.Close() }() // nothing depends on it
	unit, err := w.subscribe(ctx, bus)
	if err != nil {
		return err
	}
	for was := ""; ; {
		state, err := activeState(ctx, unit)
		if err != nil {
			return err
		}
		// A unit that stops slowly hints twice: when it begins to stop, and when it is gone.
		gone := state == "failed" || state == "inactive"
		if runs(was) && !runs(state) || was == "deactivating" && gone {
			offer(w.hints, hint{reason: fmt.Sprintf("unit %s became %s", w.unit, state), gone: gone})
		}
		was = state
		select {
		case <-changed:
		case <-bus.Context().Done():
			return errors.New("the connection to the bus ended")
		}
	}
}

// subscribe makes systemd tell of changes of this one unit. The path is asked for, since a unit may have more names,
// and only the path of the first one sends signals.
func (w *unitWatcher) subscribe(ctx context.Context, bus *dbus.Conn) (dbus.BusObject, error) {
	ctx, cancel := context.WithTimeout(ctx, busTimeout)
	defer cancel()
	manager := bus.Object(systemdName, systemdPath)
	if err := manager.CallWithContext(ctx, managerName+".Subscribe", dbus.FlagNoAutoStart).Err; err != nil {
		return nil, fmt.Errorf("subscribing to systemd: %w", err)
	}
	var path dbus.ObjectPath
	call := manager.CallWithContext(ctx, managerName+".LoadUnit", dbus.FlagNoAutoStart, w.unit)
	if err := call.Store(&path); err != nil {
		return nil, fmt.Errorf("asking systemd for the unit: %w", err)
	}
	err := bus.AddMatchSignalContext(ctx, dbus.WithMatchSender(systemdName), dbus.WithMatchObjectPath(path),
		dbus.WithMatchInterface(propertiesName), dbus.WithMatchMember(changedMember), dbus.WithMatchArg(0, unitName))
	if err != nil {
		return nil, fmt.Errorf("matching signals of the unit: %w", err)
	}

	return bus.Object(systemdName, path), nil
}

// activeState asks for the state of a unit.
func activeState(ctx context.Context, unit dbus.BusObject) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, busTimeout)
	defer cancel()
	var value dbus.Variant
	call := unit.CallWithContext(ctx, propertiesName+".Get", dbus.FlagNoAutoStart, unitName, "ActiveState")
	if err := call.Store(&value); err != nil {
		return "", fmt.Errorf("asking systemd for the state: %w", err)
	}
	state, ok := value.Value().(string)
	if !ok || state == "" {
		return "", fmt.Errorf("systemd gave no ActiveState but %s", value)
	}

	return state, nil
}

// runs tells whether a unit in this state does its work.
func runs(state string) bool {
	return state == "active" || state == "reloading" || state == "refreshing"
}
