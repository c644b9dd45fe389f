// SPDX-License-Identifier: Apache-2.0

package link

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard/bootclock"
)

// kernel is hands and gate over a machine that is made up of files: what a guard did is there when it was killed, and runs out
// by itself. A file is an address or a gate, and holds the moment when it ends.
type kernel struct{ folder string }

func (k kernel) address(a guard.Address) string {
	return filepath.Join(k.folder, "address "+strings.ReplaceAll(a.Prefix.String(), "/", "_")+" "+a.Interface)
}

func (k kernel) gate(addr netip.Addr, link string) string {
	return filepath.Join(k.folder, "gate "+addr.String()+" "+link)
}

// write lays down a moment at once, as the kernel does.
func (k kernel) write(path string, at guard.Instant) error {
	fresh := path + ".fresh" + strconv.Itoa(os.Getpid())
	if err := os.WriteFile(fresh, []byte(strconv.FormatInt(int64(at), 10)), 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}

// ends reads when something ends. It is zero for what is not there.
func (k kernel) ends(path string) guard.Instant {
	content, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(string(content), 10, 64)
	if err != nil {
		return 0
	}
	return guard.Instant(n)
}

// note writes a line of the journal: when, who, what, where, and a moment.
func (k kernel) note(what, where string, moment guard.Instant) {
	f, err := os.OpenFile(filepath.Join(k.folder, "journal"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	fmt.Fprintf(f, "%d %d %s %s %d\n", bootclock.Now(), os.Getpid(), what, strings.ReplaceAll(where, " ", "_"), moment)
}

// there tells whether an address is on its link.
func (k kernel) there(a guard.Address) bool { return k.ends(k.address(a)) > bootclock.Now() }

// serves tells whether its gate is open as well.
func (k kernel) serves(a guard.Address) bool {
	return k.there(a) && k.ends(k.gate(a.Prefix.Addr(), a.Interface)) > bootclock.Now()
}

func (k kernel) list(kind string) []string {
	entries, err := os.ReadDir(k.folder)
	if err != nil {
		return nil
	}
	var found []string
	for _, e := range entries {
		if rest, ok := strings.CutPrefix(e.Name(), kind+" "); ok && !strings.Contains(rest, "fresh") {
			found = append(found, rest)
		}
	}
	return found
}

func (k kernel) Ours(context.Context) ([]guard.Address, error) {
	var ours []guard.Address
	for _, name := range k.list("address") {
		prefix, link, _ := strings.Cut(name, " ")
		p, err := netip.ParsePrefix(strings.ReplaceAll(prefix, "_", "/"))
		if err != nil {
			return nil, err
		}
		if a := (guard.Address{Prefix: p, Interface: link}); k.there(a) {
			ours = append(ours, a)
		}
	}
	return ours, nil
}

func (k kernel) Probe(ctx context.Context, at guard.Address, within time.Duration) (string, error) {
	k.note("probe", at.String(), 0)
	select {
	case <-time.After(within):
	case <-ctx.Done():
		return "", ctx.Err()
	}
	return "", nil
}

func (k kernel) Add(_ context.Context, at guard.Address, valid time.Duration) error {
	k.note("add", at.String(), 0)
	return k.write(k.address(at), bootclock.Now().Add(valid))
}

func (k kernel) Refresh(_ context.Context, at guard.Address, valid time.Duration) (bool, error) {
	k.note("refresh", at.String(), 0)
	if !k.there(at) {
		return false, nil
	}
	return true, k.write(k.address(at), bootclock.Now().Add(valid))
}

func (k kernel) Remove(_ context.Context, at guard.Address) error {
	k.note("remove", at.String(), 0)
	if err := os.Remove(k.address(at)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (k kernel) Announce(_ context.Context, at guard.Address) error {
	k.note("announce", at.String(), 0)
	return nil
}

func (k kernel) Watch(ctx context.Context, _ func(guard.Event)) error {
	<-ctx.Done()
	return nil
}

func (k kernel) Class() (string, string) { return "files", "it is a test" }

func (k kernel) Entries(context.Context) ([]guard.Gated, error) {
	var all []guard.Gated
	for _, name := range k.list("gate") {
		addr, link, _ := strings.Cut(name, " ")
		ip, err := netip.ParseAddr(addr)
		if err != nil {
			return nil, err
		}
		all = append(all, guard.Gated{Addr: ip, Interface: link})
	}
	return all, nil
}

func (k kernel) Prepare(_ context.Context, link string) error {
	k.note("prepare", link, 0)
	return nil
}

func (k kernel) Set(_ context.Context, addr netip.Addr, link string, until guard.Instant) error {
	k.note("gate", addr.String(), until)
	return k.write(k.gate(addr, link), until)
}

func (k kernel) Clear(_ context.Context, addr netip.Addr, link string) error {
	if err := os.Remove(k.gate(addr, link)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
