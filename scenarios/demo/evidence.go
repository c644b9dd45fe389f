// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

const (
	// tailBytes bounds what is read of the end of a log.
	tailBytes = 8 << 10
	// tailLines is how many lines of it are shown.
	tailLines = 6
)

// evidence tells why something took too long or failed, as far as the logs know.
func (s *stage) evidence() {
	for _, m := range s.machines {
		logs := []string{"evenkeel.log"}
		if m.role == roleBalancer {
			logs = append(logs, "kept.log", "peer.log")
		} else {
			logs = append(logs, "app.log")
		}
		for _, name := range logs {
			lines, err := tail(m.path(name))
			switch {
			case errors.Is(err, os.ErrNotExist): // it was never started
			case err != nil:
				s.story.line(s.story.paint(dim, fmt.Sprintf("  %s %s: %v", m.name, name, err)))
			case len(lines) > 0:
				s.story.line("  " + s.story.paint(strong, "the end of "+name+" of "+m.name))
				for _, line := range lines {
					s.story.line("    " + line)
				}
			}
		}
	}
}

func tail(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.NewSectionReader(f, max(0, info.Size()-tailBytes), tailBytes))
	if err != nil {
		return nil, err
	}
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return nil, nil
	}
	lines := strings.Split(string(text), "\n")
	return lines[max(0, len(lines)-tailLines):], nil
}
