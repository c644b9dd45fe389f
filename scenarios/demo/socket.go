// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// statsMost bounds an answer of HAProxy's socket, in bytes.
const statsMost = 64 << 10

// notUp tells which server an HAProxy does not send requests to. A server without checks counts, if it is in service.
func notUp(ctx context.Context, socket string) string {
	rows, err := showStat(ctx, socket)
	if err != nil {
		return err.Error()
	}
	for _, row := range rows {
		if status := row["status"]; status != "UP" && status != "no check" {
			return fmt.Sprintf("%s is %s", row["svname"], status)
		}
	}
	if len(rows) == 0 {
		return "it has no servers"
	}
	return ""
}

// showStat asks for the servers of the pool (type 4 in the Management Guide), one map from column to value for each.
func showStat(ctx context.Context, socket string) ([]map[string]string, error) {
	dialer := net.Dialer{Timeout: askWithin}
	conn, err := dialer.DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, fmt.Errorf("ask haproxy: %w", err)
	}
	defer func() { _ = conn.Close() }() // it was read to its end, or is given up
	if err := conn.SetDeadline(time.Now().Add(askWithin)); err != nil {
		return nil, fmt.Errorf("ask haproxy: %w", err)
	}
	if _, err := fmt.Fprintf(conn, "show stat %s 4 -1\n", poolName); err != nil {
		return nil, fmt.Errorf("ask haproxy: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(conn, statsMost))
	if err != nil {
		return nil, fmt.Errorf("ask haproxy: %w", err)
	}
	header, found := strings.CutPrefix(string(text), "# ")
	if !found {
		return nil, fmt.Errorf("ask haproxy: unexpected answer %.100q", text)
	}
	lines, err := csv.NewReader(strings.NewReader(header)).ReadAll()
	if err != nil || len(lines) == 0 {
		return nil, fmt.Errorf("ask haproxy: %w", errors.Join(err, errors.New("the answer is no table")))
	}
	var rows []map[string]string
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, value := range line {
			row[lines[0][i]] = value
		}
		rows = append(rows, row)
	}
	return rows, nil
}
