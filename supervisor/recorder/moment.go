// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/instant"
)

// errBody tells that the body of a record is none.
var errBody = errors.New("a record cannot be read")

// stamp is a reading of both clocks of a process, in nanoseconds. The core computes with the monotonic one and writes the
// other into what people read; a replay needs both, as they were.
type stamp struct {
	wall, mono int64
	has        bool // it has a reading of the monotonic clock
}

// clock reads the monotonic part of times. It is anchored in a time of which it is known, since package time does not tell it.
type clock struct {
	at   time.Time
	mono int64
}

func clockFrom(at time.Time) clock {
	mono, _ := instant.Mono(at)
	return clock{at, mono}
}

func (c clock) read(t time.Time) stamp {
	s := stamp{wall: t.UnixNano()}
	if t != t.Round(0) {
		s.mono, s.has = c.mono+int64(t.Sub(c.at)), true
	}
	return s
}

// time returns the time with these readings.
func (s stamp) time() time.Time {
	if !s.has {
		return time.Unix(0, s.wall)
	}
	return instant.Time(s.wall, s.mono)
}

// checkTimes makes sure that package time is as package instant believes.
func checkTimes() error {
	if !instant.Check(time.Now()) {
		return errors.New("this program was built with a Go that keeps times in another way; replay with the version that recorded")
	}
	return nil
}

// The modes of a time in a record, in the lowest two bits of its first number.
const (
	zeroTime = iota
	wallTime
	bothTimes
)

// farthest is how far a time may be from the one before, in nanoseconds (36 years).
const farthest = 1 << 60

// appendTime adds a time as what it is later than another one.
func appendTime(b []byte, c clock, t time.Time, ref stamp) ([]byte, stamp, error) {
	if t.IsZero() {
		return binary.AppendUvarint(b, zeroTime), ref, nil
	}
	if year := t.Year(); year < 1970 || year > 2200 {
		return nil, ref, fmt.Errorf("a time in the year %d", year)
	}
	s := c.read(t)
	delta, mode := s.wall-ref.wall, uint64(wallTime)
	if delta >= farthest || delta <= -farthest {
		return nil, ref, fmt.Errorf("a time %s from the one before", time.Duration(delta))
	}
	if s.has {
		mode = bothTimes
	}
	b = binary.AppendUvarint(b, zigzag(delta)<<2|mode)
	if s.has {
		b = binary.AppendVarint(b, (s.wall-s.mono)-(ref.wall-ref.mono))
	}
	return b, s, nil
}

func zigzag(n int64) uint64   { return uint64(n<<1) ^ uint64(n>>63) }
func unzigzag(n uint64) int64 { return int64(n>>1) ^ -int64(n&1) }

// body is what is left of the body of a record.
type body struct{ left []byte }

func (b *body) uint() (uint64, error) {
	n, used := binary.Uvarint(b.left)
	if used <= 0 {
		return 0, fmt.Errorf("%w: a number is cut off", errBody)
	}
	b.left = b.left[used:]
	return n, nil
}

func (b *body) int() (int64, error) {
	n, err := b.uint()
	return unzigzag(n), err
}

func (b *body) bytes() ([]byte, error) {
	n, err := b.uint()
	if err != nil {
		return nil, err
	}
	return b.take(n)
}

func (b *body) take(n uint64) ([]byte, error) {
	if n > uint64(len(b.left)) {
		return nil, fmt.Errorf("%w: %d bytes of %d", errBody, len(b.left), min(n, math.MaxInt64))
	}
	out := b.left[:n:n]
	b.left = b.left[n:]
	return out, nil
}

// time reads a time; the stamp is the one to which the next is relative.
func (b *body) time(ref stamp) (time.Time, stamp, error) {
	first, err := b.uint()
	if err != nil {
		return time.Time{}, ref, err
	}
	s := stamp{wall: ref.wall + unzigzag(first>>2)}
	switch first & 3 {
	case zeroTime:
		return time.Time{}, ref, nil
	case wallTime:
		return s.time(), s, nil
	case bothTimes:
		off, err := b.int()
		if err != nil {
			return time.Time{}, ref, err
		}
		s.mono, s.has = s.wall-(ref.wall-ref.mono)-off, true
		if year := time.Unix(0, s.wall).Year(); year < 1970 || year > 2200 {
			return time.Time{}, ref, fmt.Errorf("%w: a time in the year %d", errBody, year)
		}
		return s.time(), s, nil
	}
	return time.Time{}, ref, fmt.Errorf("%w: no time", errBody)
}
