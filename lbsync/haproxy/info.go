// SPDX-License-Identifier: Apache-2.0

package haproxy

import (
	"fmt"
	"strconv"
	"strings"
)

// infoHeader begins the answer to "show info".
const infoHeader = "Name: "

// product is what HAProxy says its name is, whatever its node or description are called.
const product = "HAProxy"

// info is what we need of "show info".
type info struct {
	name, version string
	pid           int
	// uptime is in seconds. started is seconds since 1970, 0 where HAProxy does not say.
	uptime, started int64
	stopping        bool
}

// whole tells whether the stamp was there to its end, and is one.
func (i info) whole() bool { return i.name == product && i.pid > 0 }

func (r *reply) takeInfo(text string) (string, error) {
	head, rest := block(text)
	fields := map[string]string{}
	for line := range strings.Lines(head) {
		if !strings.HasSuffix(line, "\n") {
			break // maybe cut short; none of what we need comes last
		}
		if name, value, ok := strings.Cut(line, ": "); ok {
			fields[name] = strings.TrimSpace(value)
		}
	}
	i := info{name: fields["Name"], version: fields["Version"]}
	if len(i.version) > nameMax {
		i.version = i.version[:nameMax]
	}
	number := func(name string) (int64, error) {
		n, err := strconv.ParseUint(fields[name], 10, 40)
		if err != nil {
			return 0, fmt.Errorf("show info: %w: %s %.40q is no number", ErrNoAnswer, name, fields[name])
		}
		return int64(n), nil
	}
	pid, err := number("Pid")
	if err != nil {
		return "", err
	}
	if i.uptime, err = number("Uptime_sec"); err != nil {
		return "", err
	}
	stopping, err := number("Stopping")
	if err != nil {
		return "", err
	}
	if _, ok := fields["Start_time_sec"]; ok {
		if i.started, err = number("Start_time_sec"); err != nil {
			return "", err
		}
	}
	i.pid, i.stopping = int(pid), stopping != 0
	r.info = i
	return rest, nil
}
