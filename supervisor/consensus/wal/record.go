// SPDX-License-Identifier: Apache-2.0

package wal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"runtime/debug"

	"go.etcd.io/bbolt"

	"github.com/evenkeel-ha/evenkeel/supervisor/consensus"
)

// The buckets and their keys. Entries are keyed by their index, big endian. Every value is sealed.
const (
	bucketMeta     = "meta"
	bucketState    = "state"
	bucketLog      = "log"
	bucketSnapshot = "snapshot"

	keyFormat   = "format"
	keyInstall  = "install"
	keyBoot     = "boot"
	keyCluster  = "cluster"
	keyHard     = "hard"
	keyBounds   = "bounds"
	keyCurrent  = "current"
	keyPrevious = "previous"
)

// sealLen is the length of the checksum before each value.
const sealLen = 4

type hardState = consensus.HardState

// bounds says what else the file must hold, so that a loss is noticed: the indexes of the two snapshots (0 for none) and of the
// first and last entry (last is first-1 for an empty log).
type bounds struct {
	current, previous, first, last uint64
}

// seal sums the place together with the content, so that a record in a wrong place is as wrong as a changed one.
func seal(bucket string, key, content []byte) []byte {
	out := make([]byte, sealLen, sealLen+len(content))
	binary.BigEndian.PutUint32(out, sealSum(bucket, key, content))
	return append(out, content...)
}

func sealSum(bucket string, key, content []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(0, table, []byte(bucket))
	sum = crc32.Update(sum, table, key)
	return crc32.Update(sum, table, content)
}

// unseal returns the content, which is valid only within its transaction.
func unseal(bucket string, key, value []byte) ([]byte, error) {
	if len(value) < sealLen || binary.BigEndian.Uint32(value) != sealSum(bucket, key, value[sealLen:]) {
		return nil, fmt.Errorf("%w: record %s/%q fails its checksum", consensus.ErrDamaged, bucket, key)
	}
	return value[sealLen:], nil
}

func inBucket(tx *bbolt.Tx, name string) (*bbolt.Bucket, error) {
	b := tx.Bucket([]byte(name))
	if b == nil {
		return nil, fmt.Errorf("%w: no bucket %s", consensus.ErrDamaged, name)
	}
	return b, nil
}

func get(tx *bbolt.Tx, bucket, key string) ([]byte, error) {
	b, err := inBucket(tx, bucket)
	if err != nil {
		return nil, err
	}
	value := b.Get([]byte(key))
	if value == nil {
		return nil, fmt.Errorf("%w: no record %s/%s", consensus.ErrDamaged, bucket, key)
	}
	return unseal(bucket, []byte(key), value)
}

func put(tx *bbolt.Tx, bucket, key string, content []byte) error {
	b, err := inBucket(tx, bucket)
	if err != nil {
		return err
	}
	return b.Put([]byte(key), seal(bucket, []byte(key), content))
}

// getNumbers reads a record of exactly n numbers.
func getNumbers(tx *bbolt.Tx, bucket, key string, n int) ([]uint64, error) {
	content, err := get(tx, bucket, key)
	if err != nil {
		return nil, err
	}
	if len(content) != 8*n {
		return nil, fmt.Errorf("%w: record %s/%s of %d bytes", consensus.ErrDamaged, bucket, key, len(content))
	}
	out := make([]uint64, n)
	for i := range out {
		out[i] = binary.BigEndian.Uint64(content[8*i:])
	}
	return out, nil
}

func putNumbers(tx *bbolt.Tx, bucket, key string, values ...uint64) error {
	var content []byte
	for _, v := range values {
		content = binary.BigEndian.AppendUint64(content, v)
	}
	return put(tx, bucket, key, content)
}

func getNumber(tx *bbolt.Tx, bucket, key string) (uint64, error) {
	v, err := getNumbers(tx, bucket, key, 1)
	if err != nil {
		return 0, err
	}
	return v[0], nil
}

func getHard(tx *bbolt.Tx) (hardState, error) {
	v, err := getNumbers(tx, bucketState, keyHard, 3)
	if err != nil {
		return hardState{}, err
	}
	return hardState{Term: v[0], Vote: v[1], Commit: v[2]}, nil
}

func putHard(tx *bbolt.Tx, h hardState) error {
	return putNumbers(tx, bucketState, keyHard, h.Term, h.Vote, h.Commit)
}

func getBounds(tx *bbolt.Tx) (bounds, error) {
	v, err := getNumbers(tx, bucketState, keyBounds, 4)
	if err != nil {
		return bounds{}, err
	}
	return bounds{current: v[0], previous: v[1], first: v[2], last: v[3]}, nil
}

func putBounds(tx *bbolt.Tx, b bounds) error {
	return putNumbers(tx, bucketState, keyBounds, b.current, b.previous, b.first, b.last)
}

// contain turns a panic of bbolt, and a fault in its memory map when the file shrinks under it, into an error.
func contain(call func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", consensus.ErrDamaged, p)
		}
	}()
	return call()
}
