// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// answerMost bounds an answer of HAProxy's sockets, in bytes.
const answerMost = 1 << 20

// Server is what an HAProxy says of one server.
type Server struct {
	Status   string // its word, such as UP, "no check", DRAIN, MAINT
	Weight   int
	Sessions int // under way
	Refused  int // connections to it that failed since HAProxy was started
}

// Serves tells whether the server gets requests. One without checks counts, if it is in service.
func (s Server) Serves() bool { return s.Status == "UP" || s.Status == "no check" }

// Ask gives a command to the stats socket and returns the answer.
func (p *Proxy) Ask(ctx context.Context, command string) (string, error) {
	text, err := ask(ctx, p.Socket(), command)
	if err != nil {
		return "", fmt.Errorf("%s of %s: %w", p.name, p.machine.Name, err)
	}
	return text, nil
}

// Servers returns the servers of the pool by name.
func (p *Proxy) Servers(ctx context.Context) (map[string]Server, error) {
	// Type 4 of "show stat" is servers; see the Management Guide, section 9.3.
	text, err := p.Ask(ctx, "show stat "+PoolName+" 4 -1")
	if err != nil {
		return nil, err
	}
	servers, err := parseServers(text)
	if err != nil {
		return nil, fmt.Errorf("%s of %s: %w", p.name, p.machine.Name, err)
	}
	return servers, nil
}

// parseServers reads a table of statistics. One without any server is an error, never "none".
func parseServers(text string) (map[string]Server, error) {
	header, found := strings.CutPrefix(text, "# ")
	if !found {
		return nil, fmt.Errorf("unexpected answer %.100q", text)
	}
	lines, err := csv.NewReader(strings.NewReader(header)).ReadAll()
	if err != nil || len(lines) < 2 {
		return nil, errors.Join(err, errors.New("the answer names no server"))
	}
	column := map[string]int{}
	for i, name := range lines[0] {
		column[name] = i
	}
	servers := map[string]Server{}
	for _, line := range lines[1:] {
		text := func(name string) string {
			if i, ok := column[name]; ok {
				return line[i]
			}
			return ""
		}
		weight, errWeight := strconv.Atoi(text("weight"))
		sessions, errSessions := strconv.Atoi(text("scur"))
		refused, errRefused := strconv.Atoi(text("econ"))
		if err := errors.Join(errWeight, errSessions, errRefused); err != nil {
			return nil, fmt.Errorf("statistics of %s: %w", text("svname"), err)
		}
		servers[text("svname")] = Server{Status: text("status"), Weight: weight, Sessions: sessions, Refused: refused}
	}
	return servers, nil
}

// ask gives one command to a socket of HAProxy.
func ask(ctx context.Context, socket, command string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", socket)
	if err != nil {
		return "", fmt.Errorf("ask haproxy: %w", err)
	}
	defer func() { _ = conn.Close() }() // it was read to its end, or is given up
	if err := conn.SetDeadline(time.Now().Add(askWithin)); err != nil {
		return "", fmt.Errorf("ask haproxy: %w", err)
	}
	// The master's socket stays open without "quit".
	if _, err := fmt.Fprintf(conn, "%s;quit\n", command); err != nil {
		return "", fmt.Errorf("ask haproxy: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(conn, answerMost))
	if err != nil {
		return "", fmt.Errorf("ask haproxy: %w", err)
	}
	return string(text), nil
}
