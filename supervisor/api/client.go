// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// Client speaks to the Evenkeel of one node. Its methods fail with an *Error
// that has a sentence and, where there is one, a hint.
type Client struct {
	socket string
	http   *http.Client
}

// Dial returns a client for the socket. It connects when it is first used.
func Dial(socket string) *Client {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
		DisableCompression: true,
	}
	return &Client{socket: socket, http: &http.Client{Transport: transport}}
}

// Close drops the connections that are kept for the next call.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Status returns what the node sees of the cluster.
func (c *Client) Status(ctx context.Context) (cluster.View, error) {
	return call[cluster.View](ctx, c, http.MethodGet, "/v1/status", nil)
}

// Spec returns the cluster file with its revision.
func (c *Client) Spec(ctx context.Context) (SpecAnswer, error) {
	return call[SpecAnswer](ctx, c, http.MethodGet, "/v1/spec", nil)
}

// Version tells what answers.
func (c *Client) Version(ctx context.Context) (VersionAnswer, error) {
	return call[VersionAnswer](ctx, c, http.MethodGet, "/v1/version", nil)
}

// Apply asks for another cluster file, or what it would change.
func (c *Client) Apply(ctx context.Context, ask ApplyRequest) (ApplyAnswer, error) {
	path := "/v1/apply"
	if ask.DryRun {
		path += "?dry_run=1"
	}
	return call[ApplyAnswer](ctx, c, http.MethodPost, path, ask)
}

// SetMode asks for another mode of a node.
func (c *Client) SetMode(ctx context.Context, ask cluster.SetMode) (Outcome, error) {
	path := "/v1/nodes/" + url.PathEscape(string(ask.Node)) + "/mode"
	return call[Outcome](ctx, c, http.MethodPost, path, ModeRequest{Mode: ask.Mode, Force: ask.Force, Reason: ask.Reason})
}

// SetAdmin asks for another administrative state of a member.
func (c *Client) SetAdmin(ctx context.Context, ask cluster.SetMember) (Outcome, error) {
	path := "/v1/pools/" + url.PathEscape(ask.Member.Pool) + "/members/" + url.PathEscape(ask.Member.Member) + "/admin"
	return call[Outcome](ctx, c, http.MethodPost, path, AdminRequest{
		Admin: ask.Admin, Deadline: ask.Deadline, Force: ask.Force, Reason: ask.Reason,
	})
}

// SetResource asks for something with a resource.
func (c *Client) SetResource(ctx context.Context, name string, ask ResourceRequest) (Outcome, error) {
	return call[Outcome](ctx, c, http.MethodPost, "/v1/resources/"+url.PathEscape(name), ask)
}

// call sends one request and reads its answer, both within callMax.
func call[T any](ctx context.Context, c *Client, method, path string, body payload) (T, error) {
	var out T
	ctx, cancel := context.WithTimeout(ctx, callMax)
	defer cancel()
	req, err := request(ctx, method, path, body)
	if err != nil {
		return out, err
	}
	resp, err := c.send(req)
	if err != nil {
		return out, err
	}
	defer func() { _ = resp.Body.Close() }() // it was read to its end, or is given up
	raw, err := io.ReadAll(io.LimitReader(resp.Body, answerMax+1))
	if err == nil && len(raw) > answerMax {
		err = fmt.Errorf("the answer has more than %d bytes", answerMax)
	}
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		return out, &Error{
			Message: fmt.Sprintf("the answer of %s does not read: %v", c.socket, err), Cause: err,
			Hint: "does evenkeel listen there, and is it of the same version? See evenkeel version",
		}
	}
	return out, nil
}

func request(ctx context.Context, method, path string, body payload) (*http.Request, error) {
	var content io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
		content = bytes.NewReader(raw)
	}
	// The host is there for HTTP's sake; the transport dials the socket.
	req, err := http.NewRequestWithContext(ctx, method, "http://evenkeel"+path, content)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// send returns an answer that is a success, with its body open.
func (c *Client) send(req *http.Request) (*http.Response, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreached(req.Context(), err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }() // the refusal is read below
	failure := &Error{}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, bodyMax))
	if err == nil {
		err = json.Unmarshal(raw, failure)
	}
	failure.Status = resp.StatusCode
	if err != nil || failure.Message == "" {
		failure.Message = fmt.Sprintf("%s answers %s", c.socket, resp.Status)
		failure.Hint = "does evenkeel listen there?"
	}
	return nil, failure
}

// unreached tells why there was no answer, and what to do about it.
func (c *Client) unreached(ctx context.Context, err error) error {
	const where = "start it with evenkeel run, or name its socket with --socket or EVENKEEL_API_SOCKET"
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return context.Canceled
	case errors.Is(err, fs.ErrNotExist):
		return &Error{Message: "evenkeel does not run on this node, or listens elsewhere: there is no socket " + c.socket, Hint: where, Cause: err}
	case errors.Is(err, unix.ECONNREFUSED):
		return &Error{Message: "evenkeel does not run on this node: nobody listens on " + c.socket, Hint: where, Cause: err}
	case errors.Is(err, fs.ErrPermission):
		return &Error{
			Message: "you may not use " + c.socket, Cause: err,
			Hint: "use sudo, or join the group that owns the socket: ls -l " + c.socket,
		}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{
			Message: fmt.Sprintf("evenkeel does not answer on %s within %s", c.socket, callMax), Cause: err,
			Hint: "is the process stopped, or the machine overloaded?",
		}
	}
	// url.Error puts the made-up address before what went wrong.
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return &Error{Message: fmt.Sprintf("%s does not answer: %s", c.socket, strings.TrimSpace(err.Error())), Cause: err}
}
