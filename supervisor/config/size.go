// SPDX-License-Identifier: Apache-2.0

package config

import (
	"regexp"
	"strconv"
)

// sizePattern is the form of a size, for files and for the JSON Schema.
const sizePattern = `^(0|[1-9][0-9]{0,5}(KiB|MiB|GiB))$`

const sizeWant = "write a whole number with a unit (KiB, MiB, GiB), such as 32MiB, or 0"

// flightLeast is the least room of a flight recorder that records, in bytes.
const flightLeast = 1 << 20

var sizeForm = regexp.MustCompile(sizePattern)

// Size is a number of bytes as people write it, such as 32MiB.
type Size string

// Bytes returns the number of bytes; of what is no size, 0.
func (s Size) Bytes() int64 {
	if !sizeForm.MatchString(string(s)) || s == "0" {
		return 0
	}
	number, unit := s[:len(s)-3], s[len(s)-3:]
	n, err := strconv.ParseInt(string(number), 10, 64)
	if err != nil {
		return 0
	}
	return n << map[Size]int{"KiB": 10, "MiB": 20, "GiB": 30}[unit]
}

func (c nodeCheck) flight(s Size) {
	switch n := s.Bytes(); {
	case !sizeForm.MatchString(string(s)):
		c.fault("flight.size", string(s), sizeWant)
	case n > 0 && n < flightLeast:
		c.fault("flight.size", string(s), "is too little to be of use; write 1MiB or more, or 0 to record nothing")
	}
}
