// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// EventsQuery says which events are wanted.
type EventsQuery struct {
	Since  uint64 // events after this raft index; 0 = all that are kept
	Follow bool   // go on with new ones
}

// Events calls each for every event, in order, until there are no more, each
// fails, or ctx ends. The end of ctx is no failure. A stream that is followed
// never ends by itself: then it fails, and may be asked for again from the last
// index that was seen.
func (c *Client) Events(ctx context.Context, query EventsQuery, each func(cluster.Notice) error) error {
	params := url.Values{"since": {strconv.FormatUint(query.Since, 10)}}
	if query.Follow {
		params.Set("follow", "1")
	}
	req, err := request(ctx, http.MethodGet, "/v1/events?"+params.Encode(), nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", linesType)
	resp, err := c.send(req)
	if err != nil {
		return unlessEnded(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }() // whatever is left of it is not wanted
	if err := c.lines(resp.Body, each); err != nil {
		return unlessEnded(ctx, err)
	}
	if query.Follow && ctx.Err() == nil {
		return &Error{Message: "the event stream ended: evenkeel stopped", Hint: "see its log", Cause: io.ErrUnexpectedEOF}
	}
	return nil
}

// unlessEnded drops an error that only says that ctx has ended.
func unlessEnded(ctx context.Context, err error) error {
	select {
	case <-ctx.Done():
		return nil
	default:
		return err
	}
}

// stoppedError wraps the error of the caller's own function, which is passed on as it is.
type stoppedError struct{ error }

func (c *Client) lines(body io.Reader, each func(cluster.Notice) error) error {
	err := scan(body, each)
	var own stoppedError
	var cut *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &own):
		return own.error
	case errors.As(err, &cut):
		return cut
	}
	return &Error{Message: fmt.Sprintf("the event stream of %s broke: %v", c.socket, err), Hint: "ask again with the index of the last event", Cause: err}
}

// scan reads one event a line. A line with an error says why the stream ends.
func scan(body io.Reader, each func(cluster.Notice) error) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(make([]byte, 0, 4096), lineMax)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue
		}
		var line struct {
			cluster.Notice
			Error
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return err
		}
		if line.Message != "" {
			return &line.Error
		}
		if err := each(line.Notice); err != nil {
			return stoppedError{err}
		}
	}
	return lines.Err()
}
