// SPDX-License-Identifier: Apache-2.0

package haproxy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/lbsync"
)

// stateHeader begins the answer to "show servers state", after a line with its version.
const stateHeader = "# be_id be_name "

// The bits of srv_admin_state (HAProxy include/haproxy/server-t.h, SRV_ADMF_*), which is printed in decimal.
const (
	adminForcedMaint    = 1
	adminInheritedMaint = 2
	adminForcedDrain    = 8
	adminInheritedDrain = 16
	adminResolverMaint  = 32
	adminHostnameMaint  = 64
)

// The bits of srv_check_state and srv_agent_state (CHK_ST_*).
const (
	checkConfigured = 2
	checkEnabled    = 4
)

// The values of srv_op_state in which a server takes traffic: starting and running.
const (
	opStarting = 1
	opRunning  = 2
)

// stateRow is one server in "show servers state".
type stateRow struct {
	key                          lbsync.Key
	backendID                    int
	admin, op                    int
	weight, initWeight           int
	checkState, agentState, port int
}

func (r *reply) takeStates(text string) (string, error) {
	head, rest := block(text)
	header, rows, _ := strings.Cut(head, "\n")
	names := strings.Fields(strings.TrimPrefix(header, "#"))
	r.tables++
	columns, err := locate(names)
	if err != nil {
		return "", fmt.Errorf("show servers state: %w", err)
	}
	for row := range strings.Lines(rows) {
		fields := strings.Fields(row)
		if len(fields) != len(names) {
			return "", fmt.Errorf("show servers state: %w: a line of %d fields, %d expected", ErrNoAnswer, len(fields), len(names))
		}
		parsed, err := columns.parse(fields)
		if err != nil {
			return "", fmt.Errorf("show servers state: %w", err)
		}
		r.states = append(r.states, parsed)
	}
	return rest, nil
}

// stateColumns says where the columns are.
type stateColumns struct {
	backend, backendID, server, admin, op, weight, initWeight, check, agent, port int
}

func locate(names []string) (stateColumns, error) {
	var missing string
	at := func(name string) int {
		i := slices.Index(names, name)
		if i < 0 {
			missing = name
		}
		return i
	}
	c := stateColumns{
		backend: at("be_name"), backendID: at("be_id"), server: at("srv_name"), admin: at("srv_admin_state"), op: at("srv_op_state"),
		weight: at("srv_uweight"), initWeight: at("srv_iweight"), check: at("srv_check_state"),
		agent: at("srv_agent_state"), port: at("srv_port"),
	}
	if missing != "" {
		return c, fmt.Errorf("%w: no column %s", ErrNoAnswer, missing)
	}
	return c, nil
}

func (c stateColumns) parse(fields []string) (stateRow, error) {
	var wrong string
	number := func(i int) int {
		n, err := strconv.ParseUint(fields[i], 10, 16)
		if err != nil {
			wrong = fields[i]
		}
		return int(n)
	}
	row := stateRow{
		key:       lbsync.Key{Backend: fields[c.backend], Server: fields[c.server]},
		backendID: number(c.backendID),
		admin:     number(c.admin), op: number(c.op), weight: number(c.weight), initWeight: number(c.initWeight),
		checkState: number(c.check), agentState: number(c.agent), port: number(c.port),
	}
	if wrong != "" {
		return stateRow{}, fmt.Errorf("%w: %.40q is no number", ErrNoAnswer, wrong)
	}
	return row, nil
}

// have translates a row; sessions and the algorithm are not in it.
func (s stateRow) have() lbsync.Have {
	h := lbsync.Have{
		ByAgent: s.agentState&checkConfigured != 0 && s.agentState&checkEnabled != 0,
		Checked: s.checkState&checkConfigured != 0 && s.checkState&checkEnabled != 0,
		Up:      s.op == opRunning || s.op == opStarting,
		Weight:  s.weight, InitWeight: s.initWeight, Port: uint16(s.port),
	}
	switch {
	case s.admin&adminForcedMaint != 0:
		h.Admin = lbsync.Maint
	case s.admin&adminForcedDrain != 0:
		h.Admin = lbsync.Drain
	}
	switch {
	case s.admin&(adminInheritedMaint|adminResolverMaint|adminHostnameMaint) != 0:
		h.Inherited = lbsync.Maint
	case s.admin&adminInheritedDrain != 0:
		h.Inherited = lbsync.Drain
	}
	return h
}
