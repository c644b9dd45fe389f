// SPDX-License-Identifier: Apache-2.0

package tape

import (
	"errors"
	"hash/crc32"
	"time"
)

const (
	magic = "EVKTAPE\x01"

	headMax = 1 << 16
	// RecordMax is the largest record, in bytes.
	RecordMax = 96 << 20
	// blockBytes is how much is gathered for a block at most, in bytes before they are packed; a larger record has a block
	// to itself.
	blockBytes = 256 << 10
	blockHead  = 12
)

// Errors of reading.
var (
	// ErrForeign tells that a file is no tape.
	ErrForeign = errors.New("not a recording")
	// ErrTorn tells that a tape breaks off: what came last was not written completely.
	ErrTorn = errors.New("the recording breaks off")
	// ErrDamaged tells that bytes of a tape are not those that were written.
	ErrDamaged = errors.New("the recording is damaged")
)

// Head says what is on a tape.
type Head struct {
	Node    string    `json:"node"`
	Cluster string    `json:"cluster"` // its name
	Install uint64    `json:"install"`
	Boot    uint64    `json:"boot"` // life in which the process started
	Version string    `json:"version"`
	Run     int64     `json:"run"`  // names the process: when it started, in Unix nanoseconds
	Part    int       `json:"part"` // of what the process recorded, from 0
	At      time.Time `json:"at"`   // when the part begins
	// Gap is what is missing between the former part and this one; nil means nothing.
	Gap *Gap `json:"gap,omitempty"`
	// Layouts name the layouts of what is not written in a form of its own.
	Layouts map[string]string `json:"layouts"`
}

// Gap is what was not recorded.
type Gap struct {
	Steps uint64    `json:"steps"`
	Since time.Time `json:"since"`
	Why   string    `json:"why"`
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }
