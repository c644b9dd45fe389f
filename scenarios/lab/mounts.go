// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// mount is one line of what a node mounts for itself.
type mount struct {
	source, target, fstype string
	flags                  uintptr
	data                   string
}

// makeMachine gives the namespaces of the calling process what makes them a machine: a host name, and its own /proc,
// /sys, /run and /dev/shm. Everything else stays the host's.
func makeMachine(hostname string) error {
	if err := unix.Sethostname([]byte(hostname)); err != nil {
		return fmt.Errorf("host name: %w", err)
	}
	mounts := []mount{
		{"", "/", "", unix.MS_REC | unix.MS_PRIVATE, ""}, // nothing below reaches the host
		{"proc", "/proc", "proc", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, ""},
		{"tmpfs", "/run", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=755"},
		{"tmpfs", "/dev/shm", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777"},
	}
	for _, m := range mounts {
		if err := m.do(); err != nil {
			return err
		}
	}
	return mountSys()
}

// mountSys shows the node's own network interfaces in /sys/class/net, and keeps the control groups of the host, which
// are mounted below the /sys that is covered.
func mountSys() error {
	const parked = "/run/.cgroup"
	if err := os.Mkdir(parked, 0o700); err != nil {
		return fmt.Errorf("mount /sys: %w", err)
	}
	steps := []mount{
		{"/sys/fs/cgroup", parked, "", unix.MS_BIND | unix.MS_REC, ""},
		{"sysfs", "/sys", "sysfs", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, ""},
		{parked, "/sys/fs/cgroup", "", unix.MS_MOVE, ""},
	}
	if _, err := os.Stat("/sys/fs/cgroup"); errors.Is(err, os.ErrNotExist) {
		steps = steps[1:2]
	}
	for _, m := range steps {
		if err := m.do(); err != nil {
			return err
		}
	}
	if err := os.Remove(parked); err != nil {
		return fmt.Errorf("mount /sys: %w", err)
	}
	return nil
}

func (m mount) do() error {
	if err := unix.Mount(m.source, m.target, m.fstype, m.flags, m.data); err != nil {
		return fmt.Errorf("mount %s: %w", m.target, err)
	}
	return nil
}
