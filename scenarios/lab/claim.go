// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Kinds of things in the record of a lab.
const (
	madeNetns = "netns"
	madeDir   = "dir"
)

// claim is the exclusive right to a lab's name: a lock that ends with its holder, and the record of all that was made
// under it. The record is written before the thing is made, so that a crash leaves nothing unknown.
type claim struct {
	name string
	root string
	lock *os.File
}

// Sweep removes everything that a lab of this name left behind when its process was killed. It does nothing if there
// is nothing, and fails with [ErrAlive] if such a lab is running.
func Sweep(name string) error {
	opts, err := Options{Name: name}.checked()
	if err != nil {
		return err
	}
	c, err := takeClaim(opts.Name)
	if err != nil {
		return err
	}
	return errors.Join(c.undo(), c.release())
}

// stateRoot returns the folder of locks and records: of the machine for root, of the user for others.
func stateRoot() (string, error) {
	root := "/run/evenkeel-lab"
	if os.Geteuid() != 0 {
		root = filepath.Join(os.TempDir(), fmt.Sprintf("evenkeel-lab-state-%d", os.Geteuid()))
	}
	if err := os.MkdirAll(root, 0o700); err != nil {
		return "", fmt.Errorf("lab: state folder: %w", err)
	}
	var st unix.Stat_t
	if err := unix.Lstat(root, &st); err != nil {
		return "", fmt.Errorf("lab: state folder %s: %w", root, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || int(st.Uid) != os.Geteuid() || st.Mode&0o022 != 0 {
		return "", fmt.Errorf("lab: state folder %s: want a folder that only its owner, uid %d, can write", root, os.Geteuid())
	}
	return root, nil
}

func takeClaim(name string) (*claim, error) {
	root, err := stateRoot()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(root, name+".lock")
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("lab: lock: %w", err)
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			return nil, errors.Join(fmt.Errorf("lab %s: %w: stop it first, or choose another name", name, ErrAlive), f.Close())
		}
		// The former holder removes the file before it lets go, so the lock may be on a file that has no name any more.
		if same, err := isFileAt(f, path); err != nil || same {
			return &claim{name: name, root: root, lock: f}, err
		}
		if err := f.Close(); err != nil {
			return nil, fmt.Errorf("lab: lock: %w", err)
		}
	}
}

func isFileAt(f *os.File, path string) (bool, error) {
	mine, err := f.Stat()
	if err != nil {
		return false, fmt.Errorf("lab: lock: %w", err)
	}
	now, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("lab: lock: %w", err)
	}
	return os.SameFile(mine, now), nil
}

// mark is the environment entry of every process of one node; with an empty node, the prefix common to all nodes. It is
// inherited, so it finds the grandchildren as well.
func (c *claim) mark(node string) string {
	return fmt.Sprintf("LAB_OF_EVENKEEL=%s/%s/%s", c.root, c.name, node)
}

func (c *claim) recordPath() string { return filepath.Join(c.root, c.name+".made") }

// note writes into the record that a thing is about to be made.
func (c *claim) note(kind, what string) error {
	f, err := os.OpenFile(c.recordPath(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("lab: record: %w", err)
	}
	_, err = fmt.Fprintf(f, "%s %s\n", kind, what)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("lab: record: %w", err)
	}
	return nil
}

// makeDir makes a folder and notes it, unless it exists: then it is not ours to remove.
func (c *claim) makeDir(path string, keep keeping) error {
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		return nil
	}
	if keep == removeLater {
		if err := c.note(madeDir, path); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(path, 0o750); err != nil {
		return fmt.Errorf("lab: folder: %w", err)
	}
	return nil
}

// keeping says what becomes of a folder when the lab ends.
type keeping int

const (
	removeLater keeping = iota
	keepForever
)

// undo kills all processes of the lab and removes what the record names, newest first.
func (c *claim) undo() error {
	errs := []error{killMarked(c.mark(""))}
	record, err := os.ReadFile(c.recordPath())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return errors.Join(append(errs, fmt.Errorf("lab: record: %w", err))...)
	}
	lines := strings.Split(string(record), "\n")
	slices.Reverse(lines)
	for _, line := range lines {
		switch kind, what, _ := strings.Cut(line, " "); kind {
		case madeNetns:
			errs = append(errs, deleteNetns(what))
		case madeDir:
			errs = append(errs, os.RemoveAll(what))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("lab %s: sweep: %w", c.name, err)
	}
	if err := os.Remove(c.recordPath()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("lab: record: %w", err)
	}
	return nil
}

// release removes the lock's file and lets go of the lock.
func (c *claim) release() error {
	if err := errors.Join(os.Remove(c.lock.Name()), c.lock.Close()); err != nil {
		return fmt.Errorf("lab: lock: %w", err)
	}
	return nil
}

// createNetns makes a network namespace under a name and moves the calling thread into it.
func createNetns(name string) (netns.NsHandle, error) {
	ns, err := netns.NewNamed(name)
	if err != nil {
		return netns.None(), fmt.Errorf("lab: network namespace %s: %w", name, err)
	}
	return ns, nil
}

// deleteNetns takes the name away; the namespace itself goes when its last process and socket do.
func deleteNetns(name string) error {
	path := filepath.Join("/run/netns", name)
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("unmount %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("network namespace: %w", err)
	}
	return nil
}
