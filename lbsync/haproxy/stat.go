// SPDX-License-Identifier: Apache-2.0

package haproxy

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/lbsync"
)

// statHeader begins the answer to "show stat".
const statHeader = "# pxname,svname,"

// backendRow is the server name under which "show stat" lists the backend itself.
const backendRow = "BACKEND"

// statRow is one line of "show stat".
type statRow struct {
	key              lbsync.Key
	sessions, queued int64
	// tracks is the "backend/server" whose state the server follows, empty for none.
	tracks string
	// algorithm is set in the backend's own line only.
	algorithm string
}

// takeStats reads CSV as such: fields may hold commas and quotes, since agents' replies are among them.
func (r *reply) takeStats(text string) (string, error) {
	head, rest := block(text)
	in := csv.NewReader(strings.NewReader(strings.TrimPrefix(head, "# ")))
	in.ReuseRecord, in.LazyQuotes = true, true
	first, err := in.Read()
	if err != nil {
		return "", fmt.Errorf("show stat: %w: %w", ErrNoAnswer, err)
	}
	columns := slices.Clone(first)
	at := func(name string) int { return slices.Index(columns, name) }
	want := statColumns{at("pxname"), at("svname"), at("qcur"), at("scur"), at("tracked"), at("algo")}
	if min(want.backend, want.server, want.sessions, want.queued) < 0 {
		return "", fmt.Errorf("show stat: %w: a column is missing of pxname, svname, scur, qcur", ErrNoAnswer)
	}
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			return rest, nil
		}
		if err != nil {
			return "", fmt.Errorf("show stat: %w: %w", ErrNoAnswer, err)
		}
		row, err := want.parse(record)
		if err != nil {
			return "", fmt.Errorf("show stat: %w", err)
		}
		r.stats = append(r.stats, row)
	}
}

// statColumns says where the columns are; tracked and algorithm may be absent (-1).
type statColumns struct {
	backend, server, queued, sessions, tracked, algorithm int
}

// parse reads one record, which has as many fields as the header.
func (c statColumns) parse(record []string) (statRow, error) {
	row := statRow{key: lbsync.Key{Backend: strings.Clone(record[c.backend]), Server: strings.Clone(record[c.server])}}
	var err error
	if row.sessions, err = parseCount(record[c.sessions]); err != nil {
		return row, err
	}
	if row.queued, err = parseCount(record[c.queued]); err != nil {
		return row, err
	}
	if c.tracked >= 0 {
		row.tracks = strings.Clone(record[c.tracked])
	}
	if c.algorithm >= 0 {
		row.algorithm = strings.Clone(record[c.algorithm])
	}
	return row, nil
}

func parseCount(s string) (int64, error) {
	n, err := strconv.ParseUint(s, 10, 40)
	if err != nil {
		return 0, fmt.Errorf("%w: %.40q is no count", ErrNoAnswer, s)
	}
	return int64(n), nil
}
