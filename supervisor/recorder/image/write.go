// SPDX-License-Identifier: Apache-2.0

package image

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
)

// depthMax bounds how deep a graph may be.
const depthMax = 200

// ErrForeign tells that a value holds something that no image can hold.
var ErrForeign = errors.New("no image can hold this")

// Writer makes images. It belongs to one goroutine.
type Writer struct {
	rules  *Rules
	fields map[reflect.Type][]int
	out    []byte
	seen   map[place]uint64
	depth  int
}

// place is where something lies in memory, as what, and for a slice how much of it.
type place struct {
	at   uintptr
	as   reflect.Type
	size int
}

// NewWriter returns a writer of images by the rules.
func NewWriter(r *Rules) *Writer {
	return &Writer{rules: r, fields: map[reflect.Type][]int{}, seen: map[place]uint64{}}
}

// Append adds the image of a value to b. Pointers to what was met before in this image are written as such.
func (w *Writer) Append(b []byte, v reflect.Value) ([]byte, error) {
	w.out, w.depth = b, 0
	clear(w.seen)
	err := w.write(v)
	b, w.out = w.out, nil
	return b, err
}

func (w *Writer) uint(n uint64) { w.out = binary.AppendUvarint(w.out, n) }
func (w *Writer) int(n int64)   { w.out = binary.AppendVarint(w.out, n) }

func (w *Writer) text(s string) {
	w.uint(uint64(len(s)))
	w.out = append(w.out, s...)
}

func (w *Writer) write(v reflect.Value) error {
	if w.depth++; w.depth > depthMax {
		return fmt.Errorf("%w: it is deeper than %d", ErrForeign, depthMax)
	}
	defer func() { w.depth-- }()
	switch v.Kind() {
	case reflect.Bool:
		w.uint(map[bool]uint64{true: 1}[v.Bool()])
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		w.int(v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		w.uint(v.Uint())
	case reflect.Float32, reflect.Float64:
		w.out = binary.BigEndian.AppendUint64(w.out, math.Float64bits(v.Float()))
	case reflect.String:
		w.text(v.String())
	case reflect.Struct:
		return w.structure(v)
	case reflect.Pointer:
		return w.pointer(v)
	case reflect.Slice:
		return w.slice(v)
	case reflect.Array:
		return w.elements(v)
	case reflect.Map:
		return w.table(v)
	case reflect.Interface:
		return w.held(v)
	default:
		return fmt.Errorf("%w: %s", ErrForeign, v.Type())
	}
	return nil
}

func (w *Writer) structure(v reflect.Value) error {
	t := v.Type()
	if formOf(t) == instant {
		return w.instant(v)
	}
	fields, ok := w.fields[t]
	if !ok {
		fields = w.rules.fields(t)
		w.fields[t] = fields
	}
	for _, i := range fields {
		if err := w.write(v.Field(i)); err != nil {
			return fmt.Errorf("%s.%s: %w", t, t.Field(i).Name, err)
		}
	}
	return nil
}

// Where a time says that it is.
const (
	universal = 0
	local     = 1
)

// instant writes a time as package time keeps it, with its reading of the monotonic clock: what is computed with it
// later must come out the same to the nanosecond.
func (w *Writer) instant(v reflect.Value) error {
	w.uint(v.FieldByName("wall").Uint())
	w.int(v.FieldByName("ext").Int())
	switch v.FieldByName("loc").Pointer() {
	case 0:
		w.uint(universal)
	case reflect.ValueOf(time.Local).Pointer():
		w.uint(local)
	default:
		return fmt.Errorf("%w: a time in another zone", ErrForeign)
	}
	return nil
}

// The first number of a pointer, a map or a slice; more than fresh is the number of something met before.
const (
	none  = 0
	fresh = 1
)

// met tells whether something was written already; if so, it is written as that.
func (w *Writer) met(v reflect.Value) bool {
	at := place{at: v.Pointer(), as: v.Type()}
	if v.Kind() == reflect.Slice {
		at.size = v.Len()
	}
	if n, ok := w.seen[at]; ok {
		w.uint(fresh + 1 + n)
		return true
	}
	w.seen[at] = uint64(len(w.seen))
	w.uint(fresh)
	return false
}

func (w *Writer) pointer(v reflect.Value) error {
	switch {
	case v.IsNil():
		w.uint(none)
		return nil
	case w.met(v):
		return nil
	case formOf(v.Type()) == message:
		m, ok := reflect.TypeAssert[proto.Message](reflect.NewAt(v.Type().Elem(), v.UnsafePointer()))
		if !ok {
			return fmt.Errorf("%w: %s", ErrForeign, v.Type())
		}
		data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			return fmt.Errorf("%s: %w", v.Type(), err)
		}
		w.text(string(data))
		return nil
	}
	return w.write(v.Elem())
}

func (w *Writer) slice(v reflect.Value) error {
	switch {
	case v.IsNil():
		w.uint(none)
		return nil
	case v.Len() == 0:
		w.uint(fresh)
		w.uint(0)
		return nil
	case w.met(v):
		return nil
	}
	w.uint(uint64(v.Len()))
	if v.Type().Elem().Kind() == reflect.Uint8 {
		w.out = append(w.out, v.Bytes()...)
		return nil
	}
	return w.elements(v)
}

func (w *Writer) elements(v reflect.Value) error {
	for i := range v.Len() {
		if err := w.write(v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

// table writes a map in the order of its keys.
func (w *Writer) table(v reflect.Value) error {
	if v.IsNil() {
		w.uint(none)
		return nil
	}
	if w.met(v) {
		return nil
	}
	w.uint(uint64(v.Len()))
	keys := v.MapKeys()
	if v.Type().Key().Kind() == reflect.String {
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			w.text(k.String())
			if err := w.write(v.MapIndex(k)); err != nil {
				return err
			}
		}
		return nil
	}
	return w.tableByImage(v, keys)
}

// tableByImage writes a map whose keys have no order of their own.
func (w *Writer) tableByImage(v reflect.Value, keys []reflect.Value) error {
	type entry struct {
		image []byte
		key   reflect.Value
	}
	entries, out, known := make([]entry, 0, len(keys)), w.out, len(w.seen)
	for _, k := range keys {
		w.out = nil
		if err := w.write(k); err != nil {
			return err
		}
		entries = append(entries, entry{w.out, k})
	}
	if w.out = out; len(w.seen) != known {
		return fmt.Errorf("%w: the keys of %s hold pointers", ErrForeign, v.Type())
	}
	slices.SortFunc(entries, func(a, b entry) int { return bytes.Compare(a.image, b.image) })
	for _, e := range entries {
		w.out = append(w.out, e.image...)
		if err := w.write(v.MapIndex(e.key)); err != nil {
			return err
		}
	}
	return nil
}

// held writes what an interface holds.
func (w *Writer) held(v reflect.Value) error {
	if v.IsNil() {
		w.uint(none)
		return nil
	}
	if formOf(v.Type()) == failure && v.CanInterface() {
		if err, ok := reflect.TypeAssert[error](v); ok {
			w.uint(fresh)
			w.text(err.Error())
			return nil
		}
	}
	i := slices.Index(w.rules.Types, v.Elem().Type())
	if i < 0 {
		return fmt.Errorf("%w: %s in %s", ErrForeign, v.Elem().Type(), v.Type())
	}
	w.uint(uint64(i) + 1)
	return w.write(v.Elem())
}
