// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// payload is a body that encodes to JSON.
type payload any

// answer writes what the route returned.
func (s *Server) answer(w http.ResponseWriter, req *http.Request, route func(*http.Request) (payload, *Error)) {
	req.Body = http.MaxBytesReader(w, req.Body, bodyMax)
	body, failure := route(req)
	if failure != nil {
		s.fail(w, req, failure)
		return
	}
	s.write(w, req, http.StatusOK, body)
}

func (s *Server) fail(w http.ResponseWriter, req *http.Request, failure *Error) {
	s.write(w, req, failure.Status, failure)
}

func (s *Server) write(w http.ResponseWriter, req *http.Request, status int, body payload) {
	raw, err := json.Marshal(body)
	if err != nil {
		s.opts.Log.Error().Err(err).Str("path", req.URL.Path).Msg("the answer does not encode")
		http.Error(w, `{"error":"the answer does not encode; see the log of evenkeel"}`, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if _, err := w.Write(append(raw, '\n')); err != nil {
		s.opts.Log.Debug().Err(err).Str("path", req.URL.Path).Msg("the client went away")
	}
}

// decode reads one JSON value that has exactly the fields of T.
func decode[T any](req *http.Request) (T, *Error) {
	var v T
	dec := json.NewDecoder(req.Body)
	dec.DisallowUnknownFields()
	err := dec.Decode(&v)
	if err == nil {
		if _, extra := dec.Token(); !errors.Is(extra, io.EOF) {
			err = errors.New("there is something after the JSON value")
		}
	}
	if err == nil {
		return v, nil
	}
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return v, &Error{
			Status: http.StatusRequestEntityTooLarge, Cause: err,
			Message: fmt.Sprintf("the request has more than %d bytes", large.Limit),
		}
	}
	return v, badRequest("the request does not read: "+strings.TrimPrefix(err.Error(), "json: "), "see docs/api.md for its form")
}

func badRequest(message, hint string) *Error {
	return &Error{Status: http.StatusBadRequest, Message: message, Hint: hint}
}

// flag reads a query parameter that is on or off. Present without a value is on.
func flag(req *http.Request, name string) (on bool, failure *Error) {
	if !req.URL.Query().Has(name) {
		return false, nil
	}
	switch v := req.URL.Query().Get(name); v {
	case "", "1", "true":
		return true, nil
	case "0", "false":
		return false, nil
	default:
		return false, badRequest(fmt.Sprintf("%s=%.40q is neither 1 nor 0", name, v), "")
	}
}
