// SPDX-License-Identifier: Apache-2.0

package haproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

const (
	// DefaultPolls is how many polls go over one connection: after a reload, a connection stays with the old worker, and
	// keeps it alive.
	DefaultPolls = 50
	// pollTimeout bounds one poll.
	pollTimeout = 500 * time.Millisecond
	// maxAnswer bounds one answer, in bytes; 1000 servers take some 150 kB.
	maxAnswer = 4 << 20
)

// session is a connection to the stats socket in prompt mode, where an answer ends with the next prompt.
type session struct {
	path, backend string
	most          int // polls over one connection
	conn          net.Conn
	polls         int // over this one
	buffer        []byte
}

// poll asks for the state of all servers. After an error the next poll uses a new connection.
func (s *session) poll(ctx context.Context) (map[Server]State, error) {
	states, err := s.ask(ctx)
	if s.polls++; err != nil || s.polls >= s.most {
		s.close()
	}
	return states, err
}

func (s *session) ask(ctx context.Context) (map[Server]State, error) {
	if s.conn == nil {
		if err := s.open(ctx); err != nil {
			return nil, err
		}
	}
	command := "show servers state"
	if s.backend != "" {
		command += " " + s.backend
	}
	text, err := s.exchange(command)
	if err != nil {
		return nil, err
	}
	return parseStates(text)
}

func (s *session) open(ctx context.Context) error {
	conn, err := (&net.Dialer{Timeout: pollTimeout}).DialContext(ctx, "unix", s.path)
	if err != nil {
		return fmt.Errorf("haproxy watch: %w", err)
	}
	s.conn, s.polls = conn, 0
	_, err = s.exchange("prompt")
	return err
}

// exchange sends one command and returns the answer up to the prompt, which is valid until the next call.
func (s *session) exchange(command string) ([]byte, error) {
	if err := s.conn.SetDeadline(time.Now().Add(pollTimeout)); err != nil {
		return nil, fmt.Errorf("haproxy watch: %w", err)
	}
	if _, err := s.conn.Write([]byte(command + "\n")); err != nil {
		return nil, fmt.Errorf("haproxy watch: %w", err)
	}
	if s.buffer == nil {
		s.buffer = make([]byte, 0, 16<<10)
	}
	s.buffer = s.buffer[:0]
	for !bytes.HasSuffix(s.buffer, []byte("\n> ")) {
		if len(s.buffer) == cap(s.buffer) {
			s.buffer = append(s.buffer, 0)[:len(s.buffer)]
		}
		n, err := s.conn.Read(s.buffer[len(s.buffer):cap(s.buffer)])
		if err != nil {
			return nil, fmt.Errorf("haproxy watch: %w", err)
		}
		if s.buffer = s.buffer[:len(s.buffer)+n]; len(s.buffer) > maxAnswer {
			return nil, fmt.Errorf("haproxy watch: the answer exceeds %d bytes", maxAnswer)
		}
	}
	return bytes.TrimSuffix(s.buffer, []byte("> ")), nil
}

func (s *session) close() {
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
}

// parseStates reads the answer to "show servers state": a line with the format's version, which is 1, a line "# " with
// the names of the columns, and one line for each server. An answer without the first two is an error, never "none".
func parseStates(text []byte) (map[Server]State, error) {
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	if len(lines) < 2 || string(lines[0]) != "1" || !bytes.HasPrefix(lines[1], []byte("# ")) {
		return nil, fmt.Errorf("haproxy watch: unexpected answer %q", firstLine(text))
	}
	column := map[string]int{}
	for i, name := range bytes.Fields(lines[1][2:]) {
		column[string(name)] = i
	}
	names := []string{"be_name", "srv_name", "srv_op_state", "srv_admin_state", "srv_uweight"}
	var at [5]int
	for i, name := range names {
		c, ok := column[name]
		if !ok {
			return nil, fmt.Errorf("haproxy watch: no column %s", name)
		}
		at[i] = c
	}
	states := make(map[Server]State, len(lines)-2)
	for _, line := range lines[2:] {
		fields := bytes.Fields(line)
		if len(fields) != len(column) {
			return nil, fmt.Errorf("haproxy watch: %d columns in %q, want %d", len(fields), line, len(column))
		}
		op, err1 := strconv.Atoi(string(fields[at[2]]))
		admin, err2 := strconv.Atoi(string(fields[at[3]]))
		weight, err3 := strconv.Atoi(string(fields[at[4]]))
		if err := errors.Join(err1, err2, err3); err != nil {
			return nil, fmt.Errorf("haproxy watch: %w", err)
		}
		states[Server{Backend: string(fields[at[0]]), Name: string(fields[at[1]])}] = State{Op: op, Admin: admin, Weight: weight}
	}
	return states, nil
}

func firstLine(text []byte) []byte {
	line, _, _ := bytes.Cut(bytes.TrimSpace(text), []byte("\n"))
	return line[:min(len(line), 100)]
}
