// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/supervisor/recorder/tape"
)

// ErrNothing tells that there is no recording.
var ErrNothing = errors.New("there is no recording")

// filesLooked bounds the files that are looked at in a folder.
const filesLooked = 10_000

// Recording is what one process recorded, as far as it is left.
type Recording struct {
	Node, Version string
	Install       uint64
	Start         time.Time // of the process
	parts         []part
}

// part is one file of a recording.
type part struct {
	path string
	head tape.Head
}

// Since is when the recording begins, which is later than the process began when the beginning was overwritten.
func (r Recording) Since() time.Time { return r.parts[0].head.At }

// Begins returns the moments from which the recording can be replayed: those at which its files begin.
func (r Recording) Begins() []time.Time {
	out := make([]time.Time, 0, len(r.parts))
	for _, p := range r.parts {
		out = append(out, p.head.At)
	}
	return out
}

// Find returns what was recorded in a file, or in the files of a folder and of those in it, by node and by time.
func Find(path string) ([]Recording, error) {
	var parts []part
	err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() || (name != path && !strings.HasSuffix(name, extension)) {
			return nil
		}
		if len(parts) >= filesLooked {
			return fmt.Errorf("%s has more than %d recordings", path, filesLooked)
		}
		r, err := tape.Open(name)
		if errors.Is(err, tape.ErrTorn) && name != path {
			return nil // it has not even its head
		}
		if err != nil {
			return err
		}
		parts = append(parts, part{name, r.Head()})
		return r.Close()
	})
	if err != nil {
		return nil, err
	}
	if len(parts) == 0 {
		return nil, fmt.Errorf("%w in %s", ErrNothing, path)
	}
	slices.SortStableFunc(parts, func(a, b part) int {
		return cmp.Or(cmp.Compare(a.head.Node, b.head.Node), cmp.Compare(a.head.Run, b.head.Run), cmp.Compare(a.head.Part, b.head.Part))
	})
	var out []Recording
	for _, p := range parts {
		last := len(out) - 1
		if last < 0 || out[last].Node != p.head.Node || out[last].Install != p.head.Install || out[last].Start.UnixNano() != p.head.Run {
			out = append(out, Recording{
				Node: p.head.Node, Version: p.head.Version, Install: p.head.Install, Start: time.Unix(0, p.head.Run),
			})
			last++
		}
		out[last].parts = append(out[last].parts, p)
	}
	return out, nil
}

// from returns the place of the part with which a replay from a moment begins.
func (r Recording) from(t time.Time) int {
	begin := 0
	for i, p := range r.parts {
		if !t.IsZero() && !p.head.At.After(t) {
			begin = i
		}
	}
	return begin
}

// Between tells whether anything of the recording may lie between two moments, of which either may be zero; next is when
// the following recording of the node begins, or zero.
func (r Recording) Between(from, to, next time.Time) bool {
	return (to.IsZero() || !r.Since().After(to)) && (from.IsZero() || next.IsZero() || next.After(from))
}
