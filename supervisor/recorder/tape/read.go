// SPDX-License-Identifier: Apache-2.0

package tape

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// Reader reads a tape. It belongs to one goroutine.
type Reader struct {
	head  Head
	in    *bufio.Reader
	file  io.Closer
	piece bytes.Reader // the present block, packed
	open  io.Reader    // what unpacks piece
	left  []byte       // records of the present block that were not read yet
	at    int64
}

// Open opens the tape in a file.
func Open(path string) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, errors.Join(err, f.Close()))
	}
	r.file = f
	return r, nil
}

// NewReader reads the head of a tape.
func NewReader(in io.Reader) (*Reader, error) {
	r := &Reader{in: bufio.NewReader(in)}
	fixed := make([]byte, len(magic)+8)
	if _, err := io.ReadFull(r.in, fixed); err != nil || string(fixed[:len(magic)]) != magic {
		return nil, ErrForeign
	}
	size, sum := binary.LittleEndian.Uint32(fixed[len(magic):]), binary.LittleEndian.Uint32(fixed[len(magic)+4:])
	if size > headMax {
		return nil, fmt.Errorf("%w: its head is too long", ErrForeign)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(r.in, data); err != nil {
		return nil, fmt.Errorf("%w in its head", ErrTorn)
	}
	if checksum(data) != sum {
		return nil, fmt.Errorf("%w in its head", ErrDamaged)
	}
	if err := json.Unmarshal(data, &r.head); err != nil {
		return nil, fmt.Errorf("%w: its head: %w", ErrForeign, err)
	}
	r.at = int64(len(fixed) + len(data))
	r.open = flate.NewReader(&r.piece)
	return r, nil
}

// Head says what is on the tape.
func (r *Reader) Head() Head { return r.head }

// Close closes the file.
func (r *Reader) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}

// Next returns the next record, whose body is good until the next call, or io.EOF at the end.
func (r *Reader) Next() (kind byte, body []byte, err error) {
	if len(r.left) == 0 {
		if err := r.block(); err != nil {
			return 0, nil, err
		}
	}
	n, used := binary.Uvarint(r.left)
	if used <= 0 || n >= uint64(len(r.left)-used) {
		return 0, nil, fmt.Errorf("%w at byte %d: a record is cut off", ErrDamaged, r.at)
	}
	kind = r.left[used]
	body = r.left[used+1 : used+1+int(n)]
	r.left = r.left[used+1+int(n):]
	return kind, body, nil
}

// block reads and unpacks the next block.
func (r *Reader) block() error {
	head := make([]byte, blockHead)
	if _, err := io.ReadFull(r.in, head); errors.Is(err, io.EOF) {
		return io.EOF
	} else if err != nil {
		return fmt.Errorf("%w at byte %d", ErrTorn, r.at)
	}
	size, unpacked, sum := binary.LittleEndian.Uint32(head), binary.LittleEndian.Uint32(head[4:]), binary.LittleEndian.Uint32(head[8:])
	if size == 0 || size > 2*RecordMax || unpacked == 0 || unpacked > 2*RecordMax {
		return r.bad("a block that none is")
	}
	var packed bytes.Buffer // which grows with what is really there
	if _, err := r.piece.WriteTo(&packed); err != nil {
		return err
	}
	begun := packed.Len() // what marks the end of the former block may not have been looked at
	if _, err := io.CopyN(&packed, r.in, int64(size)); err != nil {
		return fmt.Errorf("%w at byte %d", ErrTorn, r.at)
	}
	if checksum(packed.Bytes()[begun:]) != sum {
		return r.bad("its checksum does not fit")
	}
	r.piece.Reset(packed.Bytes())
	var raw bytes.Buffer
	if _, err := io.CopyN(&raw, r.open, int64(unpacked)); err != nil {
		return fmt.Errorf("%w at byte %d: it cannot be unpacked", ErrDamaged, r.at)
	}
	r.at += int64(blockHead) + int64(size)
	r.left = raw.Bytes()
	return nil
}

// bad tells a block that was not written completely, which is the last one, from one that was changed.
func (r *Reader) bad(what string) error {
	rest, err := io.Copy(io.Discard, nonzero{r.in})
	if rest == 0 && err == nil {
		return fmt.Errorf("%w at byte %d", ErrTorn, r.at)
	}
	return errors.Join(fmt.Errorf("%w at byte %d: %s", ErrDamaged, r.at, what), err)
}

// nonzero leaves the zero bytes out: where a machine lost power, a file may end in them.
type nonzero struct{ io.Reader }

// Read implements io.Reader.
func (n nonzero) Read(p []byte) (int, error) {
	for {
		got, err := n.Reader.Read(p)
		kept := 0
		for _, b := range p[:got] {
			if b != 0 {
				p[kept] = b
				kept++
			}
		}
		if kept > 0 || err != nil {
			return kept, err
		}
	}
}
