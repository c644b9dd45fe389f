// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// Bounds of what a spec may ask for.
const (
	minInterval  = 10 * time.Millisecond
	maxInterval  = 24 * time.Hour
	maxJitter    = 0.5
	maxRedirects = 10
)

// Validate names everything that is wrong with a spec: the field, its value, and what would be right.
func (s Spec) Validate() error {
	return errors.Join(s.validateKind(), s.validateTarget(), s.validateTimes(), prefix("judge", s.Judge.Validate()),
		s.HTTP.validate(), s.Exec.validate(), s.validateWatch())
}

// prefix puts the name of a part before its errors.
func prefix(part string, err error) error {
	if err == nil {
		return nil
	}

	return fmt.Errorf("%s: %w", part, err)
}

func (s Spec) validateKind() error {
	kinds := []string{}
	if s.TCP != nil {
		kinds = append(kinds, "tcp")
	}
	if s.HTTP != nil {
		kinds = append(kinds, "http")
	}
	if s.Exec != nil {
		kinds = append(kinds, "exec")
	}
	switch len(kinds) {
	case 1:
		return nil
	case 0:
		return errors.New("no kind of check is set: want exactly one of tcp, http, exec")
	default:
		return fmt.Errorf("%s are set: want exactly one of tcp, http, exec", strings.Join(kinds, " and "))
	}
}

func (s Spec) validateTarget() error {
	if s.TCP == nil && s.HTTP == nil && (s.Watch == nil || !s.Watch.Connection) {
		return nil
	}
	var errs []error
	if s.Address == "" || strings.ContainsAny(s.Address, " \t\r\n/[]") {
		errs = append(errs, fmt.Errorf("address is %q: want an IP address without brackets, or a host name", s.Address))
	}
	if s.Port < 1 || s.Port > 65535 {
		errs = append(errs, fmt.Errorf("port is %d: must be from 1 to 65535", s.Port))
	}

	return errors.Join(errs...)
}

func (s Spec) validateTimes() error {
	var errs []error
	if s.Interval < minInterval || s.Interval > maxInterval {
		errs = append(errs, fmt.Errorf("interval is %s: must be from %s to %s", s.Interval, minInterval, maxInterval))
	}
	if s.FastInterval != 0 && (s.FastInterval < minInterval || s.FastInterval > s.Interval) {
		errs = append(errs, fmt.Errorf("fast interval is %s: must be 0s (the interval) or from %s to the interval of %s",
			s.FastInterval, minInterval, s.Interval))
	}
	if s.Timeout <= 0 || s.Timeout > maxInterval {
		errs = append(errs, fmt.Errorf("timeout is %s: must be more than 0s and at most %s", s.Timeout, maxInterval))
	}
	// Written so that a NaN fails too.
	if !(s.Jitter >= 0 && s.Jitter <= maxJitter) {
		errs = append(errs, fmt.Errorf("jitter is %g: must be from 0 (means %g) to %g", s.Jitter, DefaultJitter, maxJitter))
	}

	return errors.Join(errs...)
}

func (h *HTTP) validate() error {
	if h == nil {
		return nil
	}
	var errs []error
	if h.Method != "" && !httpguts.ValidHeaderFieldName(h.Method) {
		errs = append(errs, fmt.Errorf("http method is %q: want a word such as GET or HEAD", h.Method))
	}
	if _, err := url.ParseRequestURI(h.path()); err != nil || !strings.HasPrefix(h.path(), "/") {
		errs = append(errs, fmt.Errorf("http path is %q: want a path that begins with /", h.Path))
	}
	if !httpguts.ValidHostHeader(h.Host) {
		errs = append(errs, fmt.Errorf("http host is %q: want a host name, with a port if needed", h.Host))
	}
	for _, name := range slices.Sorted(maps.Keys(h.Headers)) {
		value := h.Headers[name]
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			errs = append(errs, fmt.Errorf("http header is %q: %q: want a name of letters, digits and dashes, and a value "+
				"without line breaks", name, value))
		}
	}
	if _, err := ParseStatuses(h.status()); err != nil {
		errs = append(errs, fmt.Errorf("http status is %q: %w, as in \"200-299,304\"", h.Status, err))
	}
	if h.Redirects < 0 || h.Redirects > maxRedirects {
		errs = append(errs, fmt.Errorf("http redirects is %d: must be from 0 to %d", h.Redirects, maxRedirects))
	}
	if _, err := regexp.Compile(h.Matches); err != nil {
		errs = append(errs, fmt.Errorf("http matches is %q: want a regular expression (RE2): %w", h.Matches, err))
	}
	if h.TLS != nil && h.TLS.CAFile != "" && !filepath.IsAbs(h.TLS.CAFile) {
		errs = append(errs, fmt.Errorf("http tls ca file is %q: want an absolute path", h.TLS.CAFile))
	}

	return errors.Join(errs...)
}

// path is the path with its default.
func (h *HTTP) path() string {
	if h.Path == "" {
		return "/"
	}

	return h.Path
}

// status is the list of status codes with its default.
func (h *HTTP) status() string {
	if h.Status == "" {
		return DefaultStatus
	}

	return h.Status
}

func (e *Exec) validate() error {
	if e == nil {
		return nil
	}
	var errs []error
	if len(e.Command) == 0 || !filepath.IsAbs(e.Command[0]) {
		errs = append(errs, fmt.Errorf("exec command is %q: want the absolute path of a program, then its arguments", e.Command))
	}
	if slices.ContainsFunc(e.Command, hasNUL) {
		errs = append(errs, fmt.Errorf("exec command is %q: must not contain a NUL byte", e.Command))
	}
	for _, v := range e.Env {
		if name, _, ok := strings.Cut(v, "="); !ok || name == "" || hasNUL(v) {
			errs = append(errs, fmt.Errorf("exec env is %q: want NAME=value", v))
		}
	}

	return errors.Join(errs...)
}

// hasNUL tells whether the kernel would cut a string short.
func hasNUL(s string) bool { return strings.ContainsRune(s, 0) }

// validUnit tells whether a name is what systemd.unit(5) allows for the name of a unit.
func validUnit(name string) bool {
	const punctuation = ":-_.\\@"
	stem, suffix, ok := strings.Cut(name, ".")
	return ok && stem != "" && suffix != "" && len(name) <= 255 && !strings.ContainsFunc(name, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		return !letter && (r < '0' || r > '9') && !strings.ContainsRune(punctuation, r)
	})
}

func (s Spec) validateWatch() error {
	if s.Watch == nil {
		return nil
	}
	var errs []error
	if f := s.Watch.PIDFile; f != "" && !filepath.IsAbs(f) {
		errs = append(errs, fmt.Errorf("watch pid file is %q: want an absolute path", f))
	}
	if u := s.Watch.Unit; u != "" && !validUnit(u) {
		errs = append(errs, fmt.Errorf("watch unit is %q: want the full name of a unit, as in \"nginx.service\"", u))
	}

	return errors.Join(errs...)
}
