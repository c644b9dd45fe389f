// SPDX-License-Identifier: Apache-2.0

package haproxy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/lbsync"
)

const (
	// lineMax bounds one line to HAProxy in bytes, the prefix that ExecuteRaw puts before it included.
	lineMax = 8000
	// prefix is what ExecuteRaw puts before each line.
	prefix = "set severity-output number;"
	// stamp ends each line: it proves that the reply is whole and says who gave it.
	stamp = "show info"
	// nameMax bounds a name in bytes.
	nameMax = 200
)

// ErrName says that a name cannot be one of HAProxy's and would be read as something else on its socket.
var ErrName = errors.New("not a name that HAProxy allows (letters, digits, and - _ . : only)")

// checkName refuses all that HAProxy does not allow in the names of backends, servers and rings, such as the
// characters that begin another command on its socket.
func checkName(what, name string) error {
	foreign := strings.ContainsFunc(name, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !letter && !strings.ContainsRune("-_.:", r)
	})
	if name == "" || len(name) > nameMax || foreign {
		return fmt.Errorf("%s %.*q: %w", what, nameMax, name, ErrName)
	}
	return nil
}

func checkKey(k lbsync.Key) error {
	return errors.Join(checkName("backend", k.Backend), checkName("server", k.Server))
}

// command returns the line of HAProxy's runtime API for an operation.
func command(o lbsync.Op) (string, error) {
	if err := checkKey(o.Key); err != nil {
		return "", err
	}
	set := "set server " + o.Key.String()
	switch o.Kind {
	case lbsync.OpWeight:
		return set + " weight " + strconv.Itoa(o.Weight), nil
	case lbsync.OpReady:
		return set + " state ready", nil
	case lbsync.OpDrain:
		return set + " state drain", nil
	case lbsync.OpHealthDown:
		return set + " health down", nil
	case lbsync.OpMaint:
		return set + " state maint", nil
	case lbsync.OpKill:
		return "shutdown sessions server " + o.Key.String(), nil
	default:
		return "", fmt.Errorf("%s: HAProxy has no such operation", o)
	}
}

// dump returns the commands that read the named backends. Statistics are asked for by number, since a
// frontend may bear the same name and would answer instead; those of a backend whose number is not known are left out.
func dump(backends []string, ids map[string]int) ([]string, error) {
	var commands []string
	for _, b := range backends {
		if err := checkName("backend", b); err != nil {
			return nil, err
		}
		commands = append(commands, "show servers state "+b)
		if id, known := ids[b]; known {
			// 6 asks for the backend's own line (2) and its servers' (4), -1 for all of them.
			commands = append(commands, "show stat "+strconv.Itoa(id)+" 6 -1")
		}
	}
	return commands, nil
}

// lines joins commands into lines within lineMax, each with the stamp at its end.
func lines(commands []string) []string {
	room := lineMax - len(prefix) - len(stamp) - len("\n")
	var out []string
	var line strings.Builder
	flush := func() {
		out = append(out, line.String()+stamp)
		line.Reset()
	}
	for _, c := range commands {
		if line.Len() > 0 && line.Len()+len(c)+1 > room {
			flush()
		}
		line.WriteString(c)
		line.WriteByte(';')
	}
	flush()
	return out
}
