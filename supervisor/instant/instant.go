// SPDX-License-Identifier: Apache-2.0

package instant

import (
	"reflect"
	"time"
)

const (
	// monotonic marks a time that has a monotonic reading, and yearZero is where such a time counts its seconds from; see the
	// comment on time.Time in the source of package time.
	monotonic = 1 << 63
	yearZero  = 1885
	// nanoBits is how many bits the nanoseconds take.
	nanoBits = 30
)

// Time returns the time with these readings: nanoseconds since 1970 by the wall clock, which must lie between 1970 and 2157,
// and nanoseconds by the monotonic clock, whose zero means nothing. Check tells whether it can be relied upon.
func Time(wall, mono int64) time.Time {
	t := time.Unix(0, wall)
	seconds := t.Unix() - time.Date(yearZero, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	field(&t, "wall").SetUint(monotonic | uint64(seconds)<<nanoBits | uint64(t.Nanosecond()))
	field(&t, "ext").SetInt(mono)
	return t
}

// Mono returns the monotonic reading of a time; the answer is false if it has none.
func Mono(t time.Time) (int64, bool) {
	if t.Round(0) == t { //nolint:staticcheck // Equal does not see the reading
		return 0, false
	}
	return field(&t, "ext").Int(), true
}

// Check tells whether the package makes the times that the runtime of this program makes, given one of them, which must have a
// monotonic reading.
func Check(now time.Time) bool {
	mono, ok := Mono(now)
	return ok && Time(now.UnixNano(), mono) == now //nolint:staticcheck // Equal does not see the reading
}

// field opens an unexported field.
func field(t *time.Time, name string) reflect.Value {
	f := reflect.ValueOf(t).Elem().FieldByName(name)
	return reflect.NewAt(f.Type(), f.Addr().UnsafePointer()).Elem()
}
