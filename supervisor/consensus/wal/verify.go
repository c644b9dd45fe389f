// SPDX-License-Identifier: Apache-2.0

package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// The layout of bbolt 1.x files (internal/common/{page,meta,bucket}.go), in the byte order of the machine.
const (
	pageHeadLen = 16 // id 8, flags 2, count 2, overflow 4
	elementLen  = 16 // branch: pos 4, key size 4, page 8; leaf: flags 4, pos 4, key size 4, value size 4
	bucketLen   = 16 // root page 8, sequence 8
	metaLen     = 64 // magic 4, version 4, page size 4, flags 4, root 16, freelist 8, pages 8, transaction 8, checksum 8
	metaSumAt   = 56

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagMeta     = 0x04
	flagFreelist = 0x10
	flagBucket   = 0x01

	boltMagic   = 0xED0CDAED
	boltVersion = 2

	pageBytesMin = 1 << 10
	pageBytesMax = 64 << 10
)

// verifyFile walks every page of the file before bbolt maps it. bbolt trusts page contents: a page that names itself as its child
// makes it recurse until the process dies, and a short file kills the process when the missing part is touched. Neither can be
// recovered from, so nothing of the kind may reach it. A file with a bad meta page is refused although bbolt would go on with the
// other one, because that one is a transaction older and a vote may be forgotten.
func verifyFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	err = verify(f)
	return errors.Join(err, f.Close())
}

// verifier is one walk over a file.
type verifier struct {
	f        io.ReaderAt
	pageLen  uint64
	pages    uint64 // number of pages in use, the high water mark
	seen     []bool
	freelist uint64
	root     uint64
}

func verify(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	v := &verifier{f: f}
	if err := v.metas(uint64(info.Size())); err != nil {
		return err
	}
	if err := v.tree(v.root, nil, nil); err != nil {
		return err
	}
	if err := v.free(); err != nil {
		return err
	}
	for id, seen := range v.seen {
		if !seen {
			return fmt.Errorf("page %d is neither used nor free", id)
		}
	}
	return nil
}

// metas reads both meta pages and takes the younger one.
func (v *verifier) metas(size uint64) error {
	first := make([]byte, pageHeadLen+metaLen)
	if _, err := v.f.ReadAt(first, 0); err != nil {
		return fmt.Errorf("meta page 0: %w", err)
	}
	v.pageLen = uint64(binary.NativeEndian.Uint32(first[pageHeadLen+8:]))
	if v.pageLen < pageBytesMin || v.pageLen > pageBytesMax || v.pageLen&(v.pageLen-1) != 0 {
		return fmt.Errorf("page size %d", v.pageLen)
	}
	var youngest uint64
	for id := range uint64(2) {
		b := make([]byte, pageHeadLen+metaLen)
		if _, err := v.f.ReadAt(b, int64(id*v.pageLen)); err != nil {
			return fmt.Errorf("meta page %d: %w", id, err)
		}
		m := b[pageHeadLen:]
		sum := fnv.New64a()
		if _, err := sum.Write(m[:metaSumAt]); err != nil {
			return err
		}
		if binary.NativeEndian.Uint64(b) != id || binary.NativeEndian.Uint16(b[8:]) != flagMeta ||
			binary.NativeEndian.Uint32(m) != boltMagic || binary.NativeEndian.Uint32(m[4:]) != boltVersion ||
			uint64(binary.NativeEndian.Uint32(m[8:])) != v.pageLen || binary.NativeEndian.Uint64(m[metaSumAt:]) != sum.Sum64() {
			return fmt.Errorf("meta page %d is damaged", id)
		}
		if tx := binary.NativeEndian.Uint64(m[48:]); id == 0 || tx > youngest {
			youngest = tx
			v.root, v.freelist = binary.NativeEndian.Uint64(m[16:]), binary.NativeEndian.Uint64(m[32:])
			v.pages = binary.NativeEndian.Uint64(m[40:])
		}
	}
	if v.pages < 4 || v.pages > size/v.pageLen {
		return fmt.Errorf("%d pages of %d bytes in a file of %d bytes", v.pages, v.pageLen, size)
	}
	v.seen = make([]bool, v.pages)
	v.seen[0], v.seen[1] = true, true
	return nil
}

// page reads a page with its overflow and marks it as used; no page is used twice, so that every walk ends.
func (v *verifier) page(id uint64) ([]byte, error) {
	if id < 2 || id >= v.pages {
		return nil, fmt.Errorf("page %d of %d", id, v.pages)
	}
	head := make([]byte, pageHeadLen)
	if _, err := v.f.ReadAt(head, int64(id*v.pageLen)); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	overflow := uint64(binary.NativeEndian.Uint32(head[12:]))
	if binary.NativeEndian.Uint64(head) != id || overflow >= v.pages-id {
		return nil, fmt.Errorf("page %d is damaged", id)
	}
	for i := id; i <= id+overflow; i++ {
		if err := v.mark(i); err != nil {
			return nil, err
		}
	}
	b := make([]byte, (overflow+1)*v.pageLen)
	if _, err := v.f.ReadAt(b, int64(id*v.pageLen)); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	return b, nil
}

func (v *verifier) mark(id uint64) error {
	if v.seen[id] {
		return fmt.Errorf("page %d is used twice", id)
	}
	v.seen[id] = true
	return nil
}

// tree walks a page and everything below it; all keys must be at least lo and, when hi is not nil, less than hi.
func (v *verifier) tree(id uint64, lo, hi []byte) error {
	b, err := v.page(id)
	if err != nil {
		return err
	}
	switch binary.NativeEndian.Uint16(b[8:]) {
	case flagBranch:
		return v.branch(id, b, lo, hi)
	case flagLeaf:
		return v.leaf(id, b, lo, hi)
	default:
		return fmt.Errorf("page %d is neither branch nor leaf", id)
	}
}

func (v *verifier) branch(id uint64, b, lo, hi []byte) error {
	count := int(binary.NativeEndian.Uint16(b[10:]))
	if count == 0 {
		return fmt.Errorf("branch page %d is empty", id)
	}
	keys, children := make([][]byte, count), make([]uint64, count)
	for i := range count {
		at := pageHeadLen + i*elementLen
		if at+elementLen > len(b) {
			return fmt.Errorf("branch page %d is cut short", id)
		}
		key, err := piece(b, at, binary.NativeEndian.Uint32(b[at:]), binary.NativeEndian.Uint32(b[at+4:]))
		if err != nil {
			return fmt.Errorf("branch page %d: %w", id, err)
		}
		keys[i], children[i] = key, binary.NativeEndian.Uint64(b[at+8:])
	}
	if err := ordered(keys, lo, hi); err != nil {
		return fmt.Errorf("branch page %d: %w", id, err)
	}
	for i, child := range children {
		below := hi
		if i+1 < count {
			below = keys[i+1]
		}
		if err := v.tree(child, keys[i], below); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) leaf(id uint64, b, lo, hi []byte) error {
	count := int(binary.NativeEndian.Uint16(b[10:]))
	keys := make([][]byte, count)
	for i := range count {
		at := pageHeadLen + i*elementLen
		if at+elementLen > len(b) {
			return fmt.Errorf("leaf page %d is cut short", id)
		}
		flags, pos := binary.NativeEndian.Uint32(b[at:]), binary.NativeEndian.Uint32(b[at+4:])
		keyLen, valueLen := binary.NativeEndian.Uint32(b[at+8:]), binary.NativeEndian.Uint32(b[at+12:])
		record, err := piece(b, at, pos, keyLen+valueLen)
		if err != nil || keyLen > keyLen+valueLen {
			return fmt.Errorf("leaf page %d, record %d is out of bounds", id, i)
		}
		keys[i] = record[:keyLen]
		switch flags {
		case 0:
		case flagBucket:
			if err := v.bucket(id, record[keyLen:]); err != nil {
				return err
			}
		default:
			return fmt.Errorf("leaf page %d, record %d has flags %x", id, i, flags)
		}
	}
	if err := ordered(keys, lo, hi); err != nil {
		return fmt.Errorf("leaf page %d: %w", id, err)
	}
	return nil
}

// bucket walks a bucket, which is either a tree of its own or, when small, a leaf page inside its record.
func (v *verifier) bucket(id uint64, value []byte) error {
	if len(value) < bucketLen {
		return fmt.Errorf("leaf page %d has a short bucket", id)
	}
	if root := binary.NativeEndian.Uint64(value); root != 0 {
		return v.tree(root, nil, nil)
	}
	inline := value[bucketLen:]
	if len(inline) < pageHeadLen || binary.NativeEndian.Uint16(inline[8:]) != flagLeaf {
		return fmt.Errorf("leaf page %d has a damaged bucket", id)
	}
	return v.leaf(id, inline, nil, nil)
}

// free walks the list of free pages.
func (v *verifier) free() error {
	b, err := v.page(v.freelist)
	if err != nil {
		return fmt.Errorf("freelist: %w", err)
	}
	const countIsInside = 0xFFFF
	count, list := uint64(binary.NativeEndian.Uint16(b[10:])), b[pageHeadLen:]
	if binary.NativeEndian.Uint16(b[8:]) != flagFreelist {
		return errors.New("freelist is of another kind")
	}
	if count == countIsInside {
		count, list = binary.NativeEndian.Uint64(list), list[8:]
	}
	if count > uint64(len(list)/8) {
		return fmt.Errorf("freelist of %d pages is cut short", count)
	}
	for i := range count {
		id := binary.NativeEndian.Uint64(list[8*i:])
		if id < 2 || id >= v.pages {
			return fmt.Errorf("freelist has page %d of %d", id, v.pages)
		}
		if err := v.mark(id); err != nil {
			return fmt.Errorf("freelist: %w", err)
		}
	}
	return nil
}

// piece returns n bytes at an offset that is relative to an element.
func piece(b []byte, element int, pos, n uint32) ([]byte, error) {
	from := uint64(element) + uint64(pos)
	if from+uint64(n) > uint64(len(b)) {
		return nil, errors.New("key is out of bounds")
	}
	return b[from : from+uint64(n)], nil
}

func ordered(keys [][]byte, lo, hi []byte) error {
	for i, k := range keys {
		if len(k) == 0 || bytes.Compare(k, lo) < 0 || (hi != nil && bytes.Compare(k, hi) >= 0) ||
			(i > 0 && bytes.Compare(keys[i-1], k) >= 0) {
			return fmt.Errorf("key %x is out of order", k)
		}
	}
	return nil
}
