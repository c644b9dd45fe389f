// SPDX-License-Identifier: Apache-2.0

package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
)

const (
	// fileName is the store's file in the data directory.
	fileName = "raft.db"
	// tempName is the file while it is being made.
	tempName = "raft.db.new"
	// format is the version of the layout; an older or newer one is refused.
	format = 1
	// lockTimeout bounds the wait for another process to let go of the file.
	lockTimeout = time.Second
	// tailEntries is how many entries before the present snapshot stay on disk.
	tailEntries = consensus.TailEntriesDefault
	// clusterBytesMax is the longest cluster id, in bytes.
	clusterBytesMax = 255
)

var (
	// ErrLocked says that another process uses the data directory.
	ErrLocked = errors.New("raft store is in use by another process")
	// ErrBroken says that an earlier write failed, after which nothing is written any more.
	ErrBroken = errors.New("raft store is broken")
	// ErrOtherCluster says that the store already belongs to another cluster.
	ErrOtherCluster = errors.New("raft store belongs to another cluster")
	// ErrFormat says that the file was made by a version of the program that this one does not understand.
	ErrFormat = errors.New("raft store has another format")
)

// Store is an open raft disk. It has one owner at a time.
type Store struct {
	db      *bbolt.DB
	lock    *os.File
	install uint64
	cluster string
	broken  error
}

// Open opens the store in the directory, which must exist, and makes a blank one when there is none. A damaged file is refused
// with consensus.ErrDamaged and is not touched.
func Open(dir string) (*Store, error) { return open(dir, os.OpenFile) }

func open(dir string, openFile func(string, int, os.FileMode) (*os.File, error)) (*Store, error) {
	lock, err := lockDir(dir)
	if err != nil {
		return nil, fmt.Errorf("wal: %w", err)
	}
	s := &Store{lock: lock}
	if err := s.open(dir, openFile); err != nil {
		return nil, fmt.Errorf("wal: %w", errors.Join(err, s.close()))
	}
	return s, nil
}

func (s *Store) open(dir string, openFile func(string, int, os.FileMode) (*os.File, error)) error {
	path := filepath.Join(dir, fileName)
	switch _, err := os.Lstat(path); {
	case errors.Is(err, os.ErrNotExist):
		if err := create(dir); err != nil {
			return fmt.Errorf("create %s: %w", path, err)
		}
	case err != nil:
		return err
	}
	if err := verifyFile(path); err != nil {
		return damaged(path, err)
	}
	err := contain(func() error {
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockTimeout, OpenFile: openFile, NoStatistics: true})
		s.db = db
		return err
	})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return fmt.Errorf("%s: %w", path, ErrLocked)
	}
	if err != nil {
		return damaged(path, err)
	}
	return s.readMeta(path)
}

// readMeta learns the identity of the installation.
func (s *Store) readMeta(path string) error {
	var version uint64
	err := s.view(func(tx *bbolt.Tx) error {
		var err error
		if version, err = getNumber(tx, bucketMeta, keyFormat); err != nil || version != format {
			return err
		}
		if s.install, err = getNumber(tx, bucketMeta, keyInstall); err != nil {
			return err
		}
		cluster, err := get(tx, bucketMeta, keyCluster)
		s.cluster = string(cluster)
		return err
	})
	switch {
	case err != nil:
		return damaged(path, err)
	case version != format:
		return fmt.Errorf("%s: %w: it has %d, this program needs %d", path, ErrFormat, version, format)
	case s.install == 0:
		return damaged(path, errors.New("no installation id"))
	}
	return nil
}

// Install returns the random id of this installation, which is never 0.
func (s *Store) Install() uint64 { return s.install }

// Cluster returns the id of the cluster that the store belongs to, empty before SetCluster.
func (s *Store) Cluster() string { return s.cluster }

// NextBoot counts a start of the node, durably, and returns the new count. The first start is 1.
func (s *Store) NextBoot() (uint64, error) {
	var boot uint64
	err := s.update(func(tx *bbolt.Tx) error {
		last, err := getNumber(tx, bucketMeta, keyBoot)
		if err != nil {
			return err
		}
		boot = last + 1
		return putNumbers(tx, bucketMeta, keyBoot, boot)
	})
	if err != nil {
		return 0, fmt.Errorf("wal: count boot: %w", err)
	}
	return boot, nil
}

// SetCluster ties the store to a cluster for ever. The same id again changes nothing, another one is ErrOtherCluster.
func (s *Store) SetCluster(id string) error {
	switch {
	case id == "" || len(id) > clusterBytesMax:
		return fmt.Errorf("wal: cluster id of %d bytes", len(id))
	case s.cluster == id:
		return nil
	case s.cluster != "":
		return fmt.Errorf("wal: %w: %q, not %q", ErrOtherCluster, s.cluster, id)
	}
	if err := s.update(func(tx *bbolt.Tx) error { return put(tx, bucketMeta, keyCluster, []byte(id)) }); err != nil {
		return fmt.Errorf("wal: set cluster: %w", err)
	}
	s.cluster = id
	return nil
}

// Close lets go of the file and the directory.
func (s *Store) Close() error {
	if s.broken == nil {
		s.broken = fmt.Errorf("%w: closed", ErrBroken)
	}
	if err := s.close(); err != nil {
		return fmt.Errorf("wal: close: %w", err)
	}
	return nil
}

func (s *Store) close() error {
	var err error
	if s.db != nil {
		err = s.db.Close()
		s.db = nil
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
		s.lock = nil
	}
	return err
}

func (s *Store) view(read func(*bbolt.Tx) error) error {
	return contain(func() error { return s.db.View(read) })
}

// update runs one durable transaction. Whatever goes wrong in it breaks the store: after a failed sync nobody knows what is on the
// disk, and after a refused order the caller's picture of the disk is wrong.
func (s *Store) update(write func(*bbolt.Tx) error) error {
	if s.broken != nil {
		return s.broken
	}
	if err := contain(func() error { return s.db.Update(write) }); err != nil {
		s.broken = fmt.Errorf("%w: %w", ErrBroken, err)
		return s.broken
	}
	return nil
}

// damaged says what to do about a file that contradicts itself.
func damaged(path string, err error) error {
	if errors.Is(err, consensus.ErrDamaged) {
		return fmt.Errorf("%s: %w; remove it and let this node join again as a new installation", path, err)
	}
	return fmt.Errorf("%s: %w: %w; remove it and let this node join again as a new installation", path, consensus.ErrDamaged, err)
}

func number(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }
