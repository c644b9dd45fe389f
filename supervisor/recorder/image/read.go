// SPDX-License-Identifier: Apache-2.0

package image

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
)

// ErrBroken tells that bytes are no image of the type.
var ErrBroken = errors.New("not an image of this")

// growth is how many elements are made room for before any was read: their number is not believed.
const growth = 16

// reader reads one image.
type reader struct {
	rules *Rules
	in    []byte
	known []reflect.Value
	depth int
}

// Read sets the value that into points to from its image, and returns the bytes behind the image. What is not part of an
// image stays as it is.
func (r *Rules) Read(b []byte, into reflect.Value) ([]byte, error) {
	in := &reader{rules: r, in: b}
	if err := in.read(into.Elem()); err != nil {
		return nil, err
	}
	return in.in, nil
}

// Reach returns a field of a struct as if it were exported.
func Reach(v reflect.Value, field string) (reflect.Value, error) {
	f := v.FieldByName(field)
	if !f.IsValid() || !f.CanAddr() {
		return reflect.Value{}, fmt.Errorf("%w: %s has no field %s", ErrBroken, v.Type(), field)
	}
	return open(f), nil
}

// open lifts the lock from an unexported field.
func open(f reflect.Value) reflect.Value {
	return reflect.NewAt(f.Type(), f.Addr().UnsafePointer()).Elem()
}

func (r *reader) uint() (uint64, error) {
	n, used := binary.Uvarint(r.in)
	if used <= 0 {
		return 0, fmt.Errorf("%w: a number is cut off", ErrBroken)
	}
	r.in = r.in[used:]
	return n, nil
}

func (r *reader) bytes() ([]byte, error) {
	n, err := r.uint()
	if err != nil {
		return nil, err
	}
	return r.take(n)
}

func (r *reader) take(n uint64) ([]byte, error) {
	if n > uint64(len(r.in)) {
		return nil, fmt.Errorf("%w: %d bytes of %d", ErrBroken, len(r.in), n)
	}
	b := r.in[:n:n]
	r.in = r.in[n:]
	return b, nil
}

func (r *reader) read(v reflect.Value) error {
	if r.depth++; r.depth > depthMax {
		return fmt.Errorf("%w: too deep", ErrBroken)
	}
	defer func() { r.depth-- }()
	switch v.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, used := binary.Varint(r.in)
		if used <= 0 || v.OverflowInt(n) {
			return fmt.Errorf("%w: no %s", ErrBroken, v.Type())
		}
		r.in = r.in[used:]
		v.SetInt(n)
	case reflect.Float32, reflect.Float64:
		b, err := r.take(8)
		if err != nil {
			return err
		}
		v.SetFloat(math.Float64frombits(binary.BigEndian.Uint64(b)))
	case reflect.String:
		b, err := r.bytes()
		if err != nil {
			return err
		}
		v.SetString(string(b))
	case reflect.Struct:
		return r.structure(v)
	case reflect.Array:
		for i := range v.Len() {
			if err := r.read(v.Index(i)); err != nil {
				return err
			}
		}
	default:
		return r.counted(v)
	}
	return nil
}

// counted reads what begins with an unsigned number.
func (r *reader) counted(v reflect.Value) error {
	n, err := r.uint()
	if err != nil {
		return err
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(n == 1)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if v.OverflowUint(n) {
			return fmt.Errorf("%w: no %s", ErrBroken, v.Type())
		}
		v.SetUint(n)
	case reflect.Slice, reflect.Pointer, reflect.Map:
		return r.reference(v, n)
	case reflect.Interface:
		return r.held(v, n)
	default:
		return fmt.Errorf("%w: %s", ErrForeign, v.Type())
	}
	return nil
}

func (r *reader) structure(v reflect.Value) error {
	t := v.Type()
	if formOf(t) == instant {
		return r.instant(v)
	}
	for _, i := range r.rules.fields(t) {
		if err := r.read(open(v.Field(i))); err != nil {
			return fmt.Errorf("%s.%s: %w", t, t.Field(i).Name, err)
		}
	}
	return nil
}

func (r *reader) instant(v reflect.Value) error {
	wall, err := r.uint()
	if err != nil {
		return err
	}
	ext, used := binary.Varint(r.in)
	if used <= 0 {
		return fmt.Errorf("%w: a time is cut off", ErrBroken)
	}
	r.in = r.in[used:]
	where, err := r.uint()
	if err != nil {
		return err
	}
	open(v.FieldByName("wall")).SetUint(wall)
	open(v.FieldByName("ext")).SetInt(ext)
	loc := open(v.FieldByName("loc"))
	loc.SetZero()
	if where == local {
		loc.Set(reflect.ValueOf(time.Local))
	}
	return nil
}

// reference reads what may be nil, or be what was met before.
func (r *reader) reference(v reflect.Value, n uint64) error {
	switch {
	case n == none:
		v.SetZero()
		return nil
	case n > fresh:
		return r.again(v, n)
	case v.Kind() == reflect.Slice:
		return r.slice(v)
	case v.Kind() == reflect.Pointer:
		return r.pointer(v)
	}
	return r.table(v)
}

// again sets a value to what was met before, if it has the type.
func (r *reader) again(v reflect.Value, n uint64) error {
	n -= fresh + 1
	if n >= uint64(len(r.known)) || !r.known[n].IsValid() || r.known[n].Type() != v.Type() {
		return fmt.Errorf("%w: %s points to nothing", ErrBroken, v.Type())
	}
	v.Set(r.known[n])
	return nil
}

func (r *reader) slice(v reflect.Value) error {
	t := v.Type()
	size, err := r.uint()
	if err != nil {
		return err
	}
	if size > uint64(len(r.in)) { // every element takes a byte
		return fmt.Errorf("%w: %d elements of %s in %d bytes", ErrBroken, size, t, len(r.in))
	}
	place := len(r.known)
	if size > 0 {
		r.known = append(r.known, reflect.Value{})
	}
	out, err := r.elements(t, size)
	if err != nil {
		return err
	}
	v.Set(reflect.MakeSlice(t, out.Len(), out.Len()))
	reflect.Copy(v, out)
	if size > 0 {
		r.known[place] = reflect.ValueOf(v.Interface())
	}
	return nil
}

func (r *reader) elements(t reflect.Type, size uint64) (reflect.Value, error) {
	if t.Elem().Kind() == reflect.Uint8 {
		b, err := r.take(size)
		return reflect.ValueOf(b).Convert(reflect.SliceOf(t.Elem())), err
	}
	out := reflect.MakeSlice(t, 0, int(min(size, growth)))
	for range size {
		elem := reflect.New(t.Elem()).Elem()
		if err := r.read(elem); err != nil {
			return out, err
		}
		out = reflect.Append(out, elem)
	}
	return out, nil
}

func (r *reader) pointer(v reflect.Value) error {
	t := v.Type()
	if v.IsNil() || !slices.Contains(r.rules.InPlace, t.Elem()) {
		v.Set(reflect.New(t.Elem()))
	}
	to := reflect.NewAt(t.Elem(), v.UnsafePointer())
	r.known = append(r.known, to)
	if formOf(t) != message {
		return r.read(to.Elem())
	}
	data, err := r.bytes()
	if err != nil {
		return err
	}
	m, ok := reflect.TypeAssert[proto.Message](to)
	if !ok {
		return fmt.Errorf("%w: %s", ErrForeign, t)
	}
	if err := proto.Unmarshal(data, m); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrBroken, t, err)
	}
	return nil
}

func (r *reader) table(v reflect.Value) error {
	t := v.Type()
	v.Set(reflect.MakeMap(t))
	r.known = append(r.known, reflect.ValueOf(v.Interface())) // the map, not the variable
	size, err := r.uint()
	if err != nil {
		return err
	}
	for range size { // every key takes a byte, so this ends with the bytes
		key, value := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
		if err := r.read(key); err != nil {
			return err
		}
		if err := r.read(value); err != nil {
			return err
		}
		v.SetMapIndex(key, value)
	}
	return nil
}

func (r *reader) held(v reflect.Value, n uint64) error {
	if n == none {
		v.SetZero()
		return nil
	}
	if formOf(v.Type()) == failure {
		return fmt.Errorf("%w: an error is only a text", ErrForeign)
	}
	if n > uint64(len(r.rules.Types)) {
		return fmt.Errorf("%w: it holds an unknown type", ErrBroken)
	}
	t := r.rules.Types[n-1]
	if !t.Implements(v.Type()) {
		return fmt.Errorf("%w: %s in %s", ErrBroken, t, v.Type())
	}
	value := reflect.New(t).Elem()
	if err := r.read(value); err != nil {
		return err
	}
	v.Set(value)
	return nil
}
