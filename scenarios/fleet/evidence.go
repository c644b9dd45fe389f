// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// tailBytes bounds what is read of the end of a log.
const tailBytes = 32 << 10

// Excerpt is the end of one log.
type Excerpt struct {
	Machine string
	Log     string // the name of its file
	Lines   []string
}

// Evidence returns the last lines of every log that is not empty: what is known when something took too long or failed. A
// log that cannot be read is told in its place.
func (f *Fleet) Evidence(lines int) []Excerpt {
	var out []Excerpt
	for _, m := range f.machines {
		for _, p := range m.Programs() {
			text, err := tail(p.Log(), lines)
			if err != nil && !errors.Is(err, os.ErrNotExist) { // it was never started
				text = []string{err.Error()}
			}
			if len(text) > 0 {
				out = append(out, Excerpt{Machine: m.Name, Log: p.cmd.LogName, Lines: text})
			}
		}
	}
	return out
}

func tail(path string, lines int) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("fleet: log: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("fleet: log: %w", err)
	}
	text, err := io.ReadAll(io.NewSectionReader(file, max(0, info.Size()-tailBytes), tailBytes))
	if err != nil {
		return nil, fmt.Errorf("fleet: log: %w", err)
	}
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return nil, nil
	}
	all := strings.Split(string(text), "\n")
	return all[max(0, len(all)-lines):], nil
}
