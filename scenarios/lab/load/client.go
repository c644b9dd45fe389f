// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"sync"
	"time"
)

const (
	// DefaultTimeout is the time that a request gets if the options give none.
	DefaultTimeout = 5 * time.Second
	// SlowAfter is the latency from which a good answer counts as slow.
	SlowAfter = 500 * time.Millisecond
	// maxRate bounds the rate, in requests per second.
	maxRate = 20_000
	// maxPending bounds the requests in flight; what would be more fails as [KindOverload].
	maxPending = 8192
)

// Options say what is asked, how often and through whom.
type Options struct {
	// Targets are http URLs with a numeric address; requests go to them in turn.
	Targets []string
	// Rate is the number of requests per second over all targets.
	Rate int
	// Timeout is what one request gets, connection included; 0 means [DefaultTimeout].
	Timeout time.Duration
	// Dial makes connections, such as the Dialer of a node; nil means the host's own network.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// NewConnections opens a connection for each request; otherwise they are kept alive and used again.
	NewConnections bool
}

// Client sends the requests of one run.
type Client struct {
	opts    Options
	targets []*target
	records records
}

// New checks the options. Nothing is sent before [Client.Run].
func New(opts Options) (*Client, error) {
	if opts.Timeout == 0 {
		opts.Timeout = DefaultTimeout
	}
	if opts.Rate < 1 || opts.Rate > maxRate {
		return nil, fmt.Errorf("load: rate %d: want 1 to %d requests per second", opts.Rate, maxRate)
	}
	if opts.Dial == nil {
		opts.Dial = (&net.Dialer{}).DialContext
	}
	c := &Client{opts: opts}
	for _, text := range opts.Targets {
		t, err := newTarget(text, opts)
		if err != nil {
			return nil, err
		}
		c.targets = append(c.targets, t)
	}
	if len(c.targets) == 0 {
		return nil, errors.New("load: no target")
	}
	c.records.targets = opts.Targets
	return c, nil
}

func newTarget(text string, opts Options) (*target, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("load: target: %w", err)
	}
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), "80")
	}
	if _, err := netip.ParseAddrPort(host); err != nil || u.Scheme != "http" {
		return nil, fmt.Errorf("load: target %s: want http://ADDRESS[:PORT]/, with a numeric address", text)
	}
	connection := "keep-alive"
	if opts.NewConnections {
		connection = "close"
	}
	request := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: evenkeel-load\r\nConnection: %s\r\n\r\n",
		u.RequestURI(), u.Host, connection)
	return &target{addr: host, request: []byte(request), dial: opts.Dial, fresh: opts.NewConnections}, nil
}

// Run sends requests until ctx ends, awaits those in flight, and returns the report on all of them.
func (c *Client) Run(ctx context.Context) (Report, error) {
	if !c.records.begin(time.Now()) {
		return Report{}, errors.New("load: a client runs once")
	}
	interval := time.Second / time.Duration(c.opts.Rate)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var requests sync.WaitGroup
	for due := c.records.start; ; due = due.Add(interval) {
		// A deadline that is past fires at once: after a stall, all that is due goes out in one burst.
		timer.Reset(time.Until(due))
		select {
		case <-ctx.Done():
			stopped := time.Now() // the wait for what is in flight is no gap in service
			requests.Wait()
			for _, t := range c.targets {
				t.close()
			}
			return c.Window(c.records.start, stopped), nil
		case <-timer.C:
		}
		seq, send := c.records.sent(due)
		if send {
			requests.Go(func() { c.ask(seq) })
		}
	}
}

// ask sends one request. It does not end with the run's context: what is in flight at the end gets its full time.
func (c *Client) ask(seq int64) {
	ctx, cancel := context.WithTimeout(context.Background(), c.opts.Timeout)
	defer cancel()
	a, err := c.targets[seq%int64(len(c.targets))].get(ctx)
	c.records.ended(seq, a, kindOf(err))
}

// Counters returns the totals of this moment.
func (c *Client) Counters() Counters { return c.records.totals() }

// Window returns the report on the requests that were due from one time until before another. Ask for it when they have
// ended, or see what is pending in it.
func (c *Client) Window(from, to time.Time) Report { return c.records.report(from, to) }

// Timeline returns who answered when, in buckets of [BucketWidth] by the time of the answer. Empty buckets are left out.
func (c *Client) Timeline(from, to time.Time) []Bucket { return c.records.timeline(from, to) }
