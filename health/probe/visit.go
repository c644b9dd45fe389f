// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"
)

// finishTime is how long the rest of an answer is awaited that is of no interest but for the connection: it can be kept
// only when all was read. An endless answer costs each probe this time.
const finishTime = 50 * time.Millisecond

// visit is one probe of a page. It begins without a connection, since a probe asks whether a new client would be
// served, and may leave one behind.
type visit struct {
	client    *http.Client
	transport *http.Transport
	served    chan *held // where to leave it, nil for nowhere

	good   bool                    // the answer was what was asked for
	cancel context.CancelFunc      // ends the request
	conn   atomic.Pointer[endConn] // the latest connection
	moved  atomic.Bool             // a redirect was followed, so that conn may lead anywhere
	idle   atomic.Bool             // the connection may take another request
}

// visit prepares a probe.
func (p *httpProber) visit() *visit {
	v := &visit{served: p.served}
	v.transport = &http.Transport{
		DialContext: v.dial, TLSClientConfig: p.tls, MaxResponseHeaderBytes: maxBody, DisableCompression: true,
		DisableKeepAlives: p.served == nil,
	}
	v.client = &http.Client{Transport: v.transport, CheckRedirect: func(_ *http.Request, via []*http.Request) error {
		if len(via) > p.spec.Redirects {
			return http.ErrUseLastResponse
		}
		v.moved.Store(true)

		return nil
	}}

	return v
}

func (v *visit) dial(ctx context.Context, _, target string) (net.Conn, error) {
	conn, err := dial(ctx, target)
	if err != nil {
		return nil, err
	}
	c := &endConn{line: conn, ended: make(chan struct{})}
	v.conn.Store(c)

	return c, nil
}

// trace makes a request end with the visit, and learns from it whether the connection may be kept.
func (v *visit) trace(req *http.Request) *http.Request {
	ctx, cancel := context.WithCancel(req.Context())
	v.cancel = cancel

	return req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		PutIdleConn: func(err error) { v.idle.Store(err == nil) },
	}))
}

// finish reads the rest of a good answer, within bounds. What it says, and how it ends, is of no interest.
func (v *visit) finish(body io.Reader) {
	limit := time.AfterFunc(finishTime, v.cancel)
	defer limit.Stop()
	_, _ = io.Copy(io.Discard, io.LimitReader(body, maxBody))
	v.good = true
}

// leave ends the visit. An idle connection to the application is left for the watcher, in place of an older one that
// it did not take yet.
func (v *visit) leave() {
	v.cancel()
	conn := v.conn.Load()
	if !v.good || v.moved.Load() || !v.idle.Load() {
		v.transport.CloseIdleConnections()

		return
	}
	older := tell(v.served, &held{ended: conn.ended, served: true, drop: func() {
		v.transport.CloseIdleConnections()
		_ = conn.Close() // most often closed by now
	}})
	if older != nil {
		older.drop()
	}
}

// endConn tells of its end. The transport reads from an idle connection, and closes it when the other side did.
type endConn struct {
	line

	once  sync.Once
	ended chan struct{}
}

// Close implements net.Conn. It may be called more than once.
func (c *endConn) Close() error {
	err := c.line.Close()
	c.once.Do(func() { close(c.ended) })

	return err
}
