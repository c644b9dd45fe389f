// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"fmt"
	"strconv"
	"strings"
)

// Statuses are ranges of HTTP status codes.
type Statuses []StatusRange

// StatusRange is a range of HTTP status codes, both ends included.
type StatusRange struct {
	From, To int
}

// The HTTP status codes that exist, RFC 9110 section 15.
const (
	minStatus = 100
	maxStatus = 599
)

// maxStatusRanges bounds how many ranges a list may have.
const maxStatusRanges = 100

// ParseStatuses reads a list of status codes and ranges, as in "200-299,304". White space around the parts is ignored.
func ParseStatuses(s string) (Statuses, error) {
	parts := strings.SplitN(s, ",", maxStatusRanges+1)
	if len(parts) > maxStatusRanges {
		return nil, fmt.Errorf("more than %d ranges of status codes", maxStatusRanges)
	}
	list := make(Statuses, 0, len(parts))
	for _, part := range parts {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		from, err := parseStatus(low)
		if err != nil {
			return nil, err
		}
		to, err := parseStatus(high)
		if err != nil {
			return nil, err
		}
		if from > to {
			return nil, fmt.Errorf("range %q runs backwards: want %d-%d", strings.TrimSpace(part), to, from)
		}
		list = append(list, StatusRange{From: from, To: to})
	}

	return list, nil
}

// parseStatus reads one code.
func parseStatus(s string) (int, error) {
	s = strings.TrimSpace(s)
	code, err := strconv.ParseUint(s, 10, 16)
	if err != nil || code < minStatus || code > maxStatus {
		return 0, fmt.Errorf("%q is no HTTP status: want %d to %d", s, minStatus, maxStatus)
	}

	return int(code), nil
}

// Has tells whether a code is in one of the ranges.
func (s Statuses) Has(code int) bool {
	for _, r := range s {
		if r.From <= code && code <= r.To {
			return true
		}
	}

	return false
}

// String gives the list in the form that ParseStatuses reads.
func (s Statuses) String() string {
	parts := make([]string, 0, len(s))
	for _, r := range s {
		if r.From == r.To {
			parts = append(parts, strconv.Itoa(r.From))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", r.From, r.To))
		}
	}

	return strings.Join(parts, ",")
}
