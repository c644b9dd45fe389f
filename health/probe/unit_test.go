// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/health"
)

// fakePath is where the one unit of the fake systemd is found.
const fakePath dbus.ObjectPath = systemdPath + "/unit/app_2eservice"

// fakeSystemd owns systemd's name on a bus, knows one unit, and answers as systemd does.
type fakeSystemd struct {
	t   *testing.T
	bus *dbus.Conn

	mu         sync.Mutex // guards the rest
	state      string
	subscribed bool
	asked      int
}

// startSystemd has the unit active.
func startSystemd(t *testing.T, socket string) *fakeSystemd {
	t.Helper()
	bus, err := dbus.Connect("unix:path=" + socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bus.Close() })
	s := &fakeSystemd{t: t, bus: bus, state: "active"}
	manager := map[string]any{"Subscribe": s.subscribe, "LoadUnit": s.loadUnit}
	if err := bus.ExportMethodTable(manager, systemdPath, managerName); err != nil {
		t.Fatal(err)
	}
	if err := bus.ExportMethodTable(map[string]any{"Get": s.get}, fakePath, propertiesName); err != nil {
		t.Fatal(err)
	}
	if reply, err := bus.RequestName(systemdName, dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("RequestName: %d, %v", reply, err)
	}

	return s
}

func (s *fakeSystemd) subscribe() *dbus.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscribed = true

	return nil
}

func (s *fakeSystemd) loadUnit(name string) (dbus.ObjectPath, *dbus.Error) {
	if name != "app.service" {
		return "", dbus.NewError("org.freedesktop.DBus.Error.InvalidArgs", []any{"no unit " + name})
	}

	return fakePath, nil
}

func (s *fakeSystemd) get(iface, property string) (dbus.Variant, *dbus.Error) {
	if iface != unitName || property != "ActiveState" {
		return dbus.Variant{}, dbus.NewError("org.freedesktop.DBus.Error.UnknownProperty", nil)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++

	return dbus.MakeVariant(s.state), nil
}

// become changes the state of the unit and tells so.
func (s *fakeSystemd) become(state string) {
	s.t.Helper()
	s.mu.Lock()
	s.state = state
	s.mu.Unlock()
	s.tell(fakePath, unitName)
}

// tell sends a signal about something.
func (s *fakeSystemd) tell(path dbus.ObjectPath, iface string) {
	s.t.Helper()
	err := s.bus.Emit(path, propertiesName+"."+changedMember, iface, map[string]dbus.Variant{}, []string{})
	if err != nil {
		s.t.Fatal(err)
	}
}

// questions counts how often the state was asked for.
func (s *fakeSystemd) questions() int {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.asked
}

// watched tells whether somebody subscribed and knows the present state.
func (s *fakeSystemd) watched() bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.subscribed && s.asked > 0
}

// startWatcher watches app.service until the test ends.
func startWatcher(t *testing.T, socket string) <-chan hint {
	t.Helper()
	hints := make(chan hint, maxHints)
	w := &unitWatcher{unit: "app.service", socket: socket, hints: hints, log: quiet()}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })

	return hints
}

// expectHint waits for the next hint and compares it.
func expectHint(t *testing.T, hints <-chan hint, want hint) {
	t.Helper()
	select {
	case got := <-hints:
		if got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("no hint %q", want.reason)
	}
}

// TestUnit watches a unit over a real bus: what stops or fails is noticed, what is reloaded is not.
func TestUnit(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "bus")
	startBus(t, socket)
	systemd := startSystemd(t, socket)
	hints := startWatcher(t, socket)
	eventually(t, "the unit is watched", systemd.watched)
	// Each state is seen before the next one comes.
	for _, state := range []string{"reloading", "active", "deactivating", "inactive", "activating", "active", "failed"} {
		asked := systemd.questions()
		systemd.become(state)
		eventually(t, "the state is asked for", func() bool { return systemd.questions() > asked })
	}
	expectHint(t, hints, hint{reason: "unit app.service became deactivating"})
	expectHint(t, hints, hint{reason: "unit app.service became inactive", gone: true})
	expectHint(t, hints, hint{reason: "unit app.service became failed", gone: true})
	if len(hints) > 0 {
		t.Errorf("one more: %+v", <-hints)
	}
}

// TestOtherUnits says that the signals of other units, and those about other parts of this one, do not even reach us.
func TestOtherUnits(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "bus")
	startBus(t, socket)
	systemd := startSystemd(t, socket)
	hints := startWatcher(t, socket)
	eventually(t, "the unit is watched", systemd.watched)
	asked := systemd.questions()
	for range 100 {
		systemd.tell(systemdPath+"/unit/other_2eservice", unitName)
		systemd.tell(fakePath, systemdName+".Service")
	}
	systemd.become("failed") // signals keep their order
	expectHint(t, hints, hint{reason: "unit app.service became failed", gone: true})
	if n := systemd.questions() - asked; n != 1 {
		t.Errorf("the state was asked for %d times, want once", n)
	}
}

// TestBusRestart takes the bus away and brings it back: the unit is watched again.
func TestBusRestart(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "bus")
	stop := startBus(t, socket)
	before := startSystemd(t, socket)
	hints := startWatcher(t, socket)
	eventually(t, "the unit is watched", before.watched)
	stop()
	startBus(t, socket)
	after := startSystemd(t, socket)
	eventually(t, "the unit is watched again", after.watched)
	after.become("failed")
	expectHint(t, hints, hint{reason: "unit app.service became failed", gone: true})
}

// TestUnitFailureIsProof goes the whole way: the unit fails, the port refuses, the check is down.
func TestUnitFailureIsProof(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "bus")
	startBus(t, socket)
	systemd := startSystemd(t, socket)
	c := startChild(t, 0)
	spec := watchedSpec(c, Watch{Unit: "app.service"})
	changes := launch(t, spec, func(r *runner) { r.bus = socket })
	expect(t, changes, health.Up)
	eventually(t, "the unit is watched", systemd.watched)
	c.kill()
	systemd.become("failed")
	down := expect(t, changes, health.Down)
	if !strings.HasSuffix(down.Reason, "after unit app.service became failed") {
		t.Errorf("reason %q", down.Reason)
	}
}

// TestNoSystemd says that a machine without a bus, without systemd on it, or without the unit is told of once, and that
// the check goes on.
func TestNoSystemd(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(t *testing.T, socket string)
		want    string
	}{
		"no bus":     {func(*testing.T, string) {}, "no such file or directory"},
		"no systemd": {func(t *testing.T, socket string) { startBus(t, socket) }, "subscribing to systemd: "},
		"no unit": {func(t *testing.T, socket string) {
			startBus(t, socket)
			startSystemd(t, socket)
		}, "asking systemd for the unit: no unit missing.service"},
	} {
		t.Run(name, func(t *testing.T) {
			socket := filepath.Join(t.TempDir(), "bus")
			c.prepare(t, socket)
			app := startChild(t, 0)
			spec := watchedSpec(app, Watch{Unit: "missing.service"})
			spec.Interval = 20 * time.Millisecond
			var log lockedBuffer
			changes := launch(t, spec, WithLog(zerolog.New(&log)), func(r *runner) { r.bus = socket })
			expect(t, changes, health.Up)
			const words = "cannot watch the systemd unit, the check goes on by polling"
			eventually(t, "it is logged", func() bool { return strings.Contains(log.String(), words) })
			app.kill()
			expect(t, changes, health.Down)
			if text := log.String(); strings.Count(text, words) != 1 || !strings.Contains(text, c.want) {
				t.Errorf("want once, with %q:\n%s", c.want, text)
			}
		})
	}
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()

	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()

	return b.buf.String()
}
