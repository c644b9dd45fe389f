// SPDX-License-Identifier: Apache-2.0

package wal

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"syscall"

	"go.etcd.io/bbolt"
)

// lockName is the file in the data directory that holds the lock. It is a file of its own, so that the directory itself stays free
// for whoever else keeps something there.
const lockName = "raft.lock"

// lockDir locks the data directory for as long as the returned file is open. The lock covers the making of the store's file, which
// a lock on that file cannot.
func lockDir(dir string) (*os.File, error) {
	d, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(d.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrLocked
		}
		return nil, fmt.Errorf("lock %s: %w", dir, errors.Join(err, d.Close()))
	}
	return d, nil
}

// create makes a blank store beside its place, syncs it, and moves it there. The caller holds the lock of the directory, so that a
// half-made file can only be a crashed one's.
func create(dir string) error {
	temp := filepath.Join(dir, tempName)
	if err := os.Remove(temp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	id, err := newInstall()
	if err != nil {
		return err
	}
	db, err := bbolt.Open(temp, 0o600, &bbolt.Options{Timeout: lockTimeout, NoStatistics: true})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error { return writeBlank(tx, id) })
	if err := errors.Join(err, db.Sync(), db.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp, filepath.Join(dir, fileName)); err != nil {
		return err
	}
	return syncDir(dir)
}

func writeBlank(tx *bbolt.Tx, install uint64) error {
	for _, name := range []string{bucketMeta, bucketState, bucketLog, bucketSnapshot} {
		if _, err := tx.CreateBucket([]byte(name)); err != nil {
			return err
		}
	}
	return errors.Join(
		putNumbers(tx, bucketMeta, keyFormat, format),
		putNumbers(tx, bucketMeta, keyInstall, install),
		putNumbers(tx, bucketMeta, keyBoot, 0),
		put(tx, bucketMeta, keyCluster, nil),
		putHard(tx, hardState{}),
		putBounds(tx, bounds{first: 1}),
	)
}

// newInstall draws an id that is neither 0 nor one of the two highest, which raft uses for itself.
func newInstall() (uint64, error) {
	const drawsMax = 8
	for range drawsMax {
		var b [8]byte
		if _, err := rand.Read(b[:]); err != nil {
			return 0, fmt.Errorf("draw installation id: %w", err)
		}
		if id := binary.BigEndian.Uint64(b[:]); id != 0 && id < math.MaxUint64-1 {
			return id, nil
		}
	}
	return 0, errors.New("the random source repeats itself")
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
