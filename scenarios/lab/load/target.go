// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"sync"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab/app"
)

// maxBody bounds what is read of an answer's body, in bytes; a longer one is a bad one.
const maxBody = 64 << 10

// target is one address that is asked, with its idle connections.
type target struct {
	addr    string
	request []byte
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	fresh   bool // no connection is used twice

	mu   sync.Mutex
	idle []*connection // the last one in is the first one out; as many as were ever in flight at once
}

type connection struct {
	net.Conn
	reader *bufio.Reader
	used   bool // an answer came on it before
}

// answer is what one request brought.
type answer struct {
	server      string // as the answer's header names it
	reconnected bool   // the first, idle connection turned out to be closed
}

// get asks once.
func (t *target) get(ctx context.Context) (answer, error) {
	conn, err := t.take(ctx)
	if err != nil {
		return answer{}, err
	}
	used := conn.used // after the exchange the connection may be another request's
	begun, server, err := t.exchange(ctx, conn)
	if !used || begun || err == nil || !isCut(err) {
		return answer{server: server}, err
	}
	conn, err = t.connect(ctx)
	if err != nil {
		return answer{reconnected: true}, err
	}
	_, server, err = t.exchange(ctx, conn)
	return answer{server: server, reconnected: true}, err
}

func (t *target) take(ctx context.Context) (*connection, error) {
	t.mu.Lock()
	if n := len(t.idle); n > 0 {
		conn := t.idle[n-1]
		t.idle = t.idle[:n-1]
		t.mu.Unlock()
		return conn, nil
	}
	t.mu.Unlock()
	return t.connect(ctx)
}

func (t *target) connect(ctx context.Context) (*connection, error) {
	conn, err := t.dial(ctx, "tcp", t.addr)
	if err != nil {
		return nil, err
	}
	if tcp, ok := conn.(*net.TCPConn); ok && t.fresh {
		// Closing leaves no TIME_WAIT behind, so that ports do not run out.
		if err := tcp.SetLinger(0); err != nil {
			_ = conn.Close()
			return nil, err
		}
	}
	return &connection{Conn: conn, reader: bufio.NewReader(conn)}, nil
}

// exchange sends the request and reads the answer; begun says whether any byte of it came. Afterwards the connection is
// idle, or closed.
func (t *target) exchange(ctx context.Context, conn *connection) (begun bool, server string, err error) {
	reusable := false
	defer func() {
		if reusable {
			t.giveBack(conn)
		} else {
			_ = conn.Close()
		}
	}()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return false, "", err
		}
	}
	if _, err := conn.Write(t.request); err != nil {
		return false, "", err
	}
	if _, err := conn.reader.Peek(1); err != nil {
		return false, "", err
	}
	resp, err := http.ReadResponse(conn.reader, nil)
	if err != nil {
		return true, "", err
	}
	defer func() { _ = resp.Body.Close() }() // it has been read, or the connection goes with it
	server = resp.Header.Get(app.NodeHeader)
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return true, server, err
	}
	reusable = !t.fresh && !resp.Close && len(body) <= maxBody
	switch {
	case resp.StatusCode != http.StatusOK:
		return true, server, errStatus
	case len(body) > maxBody, server != "" && !bytes.HasPrefix(body, []byte(server+" ")):
		return true, server, errBadBody
	}
	return true, server, nil
}

func (t *target) giveBack(conn *connection) {
	conn.used = true
	t.mu.Lock()
	defer t.mu.Unlock()
	t.idle = append(t.idle, conn)
}

func (t *target) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, conn := range t.idle {
		_ = conn.Close()
	}
	t.idle = nil
}
