// SPDX-License-Identifier: Apache-2.0

package tape

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// Writer writes a tape. It belongs to one goroutine. After an error it is good for Close alone.
type Writer struct {
	file   *os.File
	pack   *flate.Writer
	raw    []byte
	packed bytes.Buffer
	size   int64
}

// Create makes a new file for a tape, which only its owner can read.
func Create(path string, h Head) (*Writer, error) {
	data, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encode the head: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	w := &Writer{file: f}
	if w.pack, err = flate.NewWriter(&w.packed, flate.DefaultCompression); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	head := []byte(magic)
	head = binary.LittleEndian.AppendUint32(head, uint32(len(data)))
	head = binary.LittleEndian.AppendUint32(head, checksum(data))
	if err := w.put(append(head, data...)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return w, nil
}

// Size is how many bytes the file has.
func (w *Writer) Size() int64 { return w.size }

// Add adds a record. It is in the file after Flush at the latest.
func (w *Writer) Add(kind byte, body []byte) error {
	if len(body) > RecordMax {
		return fmt.Errorf("a record of %d bytes, at most %d", len(body), RecordMax)
	}
	if len(w.raw) > 0 && len(w.raw)+len(body) > blockBytes {
		if err := w.Flush(); err != nil {
			return err
		}
	}
	w.raw = binary.AppendUvarint(w.raw, uint64(len(body)))
	w.raw = append(w.raw, kind)
	w.raw = append(w.raw, body...)
	return nil
}

// Flush writes what was added to the file.
func (w *Writer) Flush() error {
	if len(w.raw) == 0 {
		return nil
	}
	w.packed.Reset()
	w.packed.Write(make([]byte, blockHead))
	if _, err := w.pack.Write(w.raw); err != nil {
		return err
	}
	if err := w.pack.Flush(); err != nil {
		return err
	}
	block := w.packed.Bytes()
	binary.LittleEndian.PutUint32(block, uint32(len(block)-blockHead))
	binary.LittleEndian.PutUint32(block[4:], uint32(len(w.raw)))
	binary.LittleEndian.PutUint32(block[8:], checksum(block[blockHead:]))
	if w.raw = w.raw[:0]; cap(w.raw) > 4*blockBytes {
		w.raw = nil // a large record is rare
	}
	err := w.put(block)
	if w.packed.Cap() > 4*blockBytes {
		w.packed = bytes.Buffer{}
	}
	return err
}

func (w *Writer) put(b []byte) error {
	n, err := w.file.Write(b)
	w.size += int64(n)
	return err
}

// Close writes what was added, and closes the file.
func (w *Writer) Close() error { return errors.Join(w.Flush(), w.file.Close()) }
