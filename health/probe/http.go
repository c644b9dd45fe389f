// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
)

// maxBody is how many bytes of an HTTP body, and of its headers, are looked at.
const maxBody = 64 << 10

// httpProber asks for a page.
type httpProber struct {
	spec     HTTP
	target   string
	tls      *tls.Config // nil for plain HTTP
	served   chan *held  // where the connection of a good answer is left; nil if it is not wanted
	method   string
	url      string
	statuses Statuses
	matches  *regexp.Regexp
}

// newHTTPProber makes the prober of a check. It leaves connections in served, unless that is nil.
func newHTTPProber(s Spec, served chan *held) (*httpProber, error) {
	statuses, err := ParseStatuses(s.HTTP.status())
	if err != nil {
		return nil, fmt.Errorf("http status: %w", err)
	}
	p := &httpProber{spec: *s.HTTP, target: s.target(), served: served, method: s.HTTP.Method, statuses: statuses}
	if p.method == "" {
		p.method = http.MethodGet
	}
	if s.HTTP.Matches != "" {
		if p.matches, err = regexp.Compile(s.HTTP.Matches); err != nil {
			return nil, fmt.Errorf("http matches: %w", err)
		}
	}
	scheme := "http"
	if s.HTTP.TLS != nil {
		scheme = "https"
		if p.tls, err = s.HTTP.TLS.config(); err != nil {
			return nil, err
		}
	}
	p.url = (&url.URL{Scheme: scheme, Host: p.target}).String() + s.HTTP.path()

	return p, nil
}

// config makes the TLS configuration of a check.
func (t *TLS) config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	c.InsecureSkipVerify = t.SkipVerify // asked for by the operator, and a check sends no secrets
	if t.CAFile == "" {
		return c, nil
	}
	pem, err := os.ReadFile(t.CAFile)
	if err != nil {
		return nil, fmt.Errorf("http tls ca file: %w", err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("http tls ca file %s: no certificate in it", t.CAFile)
	}

	return c, nil
}

func (p *httpProber) once(ctx context.Context) outcome {
	req, err := http.NewRequestWithContext(ctx, p.method, p.url, http.NoBody)
	if err != nil {
		return outcome{reason: err.Error()}
	}
	for name, value := range p.spec.Headers {
		req.Header.Set(name, value)
	}
	if req.UserAgent() == "" {
		req.Header.Set("User-Agent", "evenkeel-probe")
	}
	if p.spec.Host != "" {
		req.Host = p.spec.Host
	}
	v := p.visit()
	defer v.leave()
	resp, err := v.client.Do(v.trace(req))
	if err != nil {
		return failed(err)
	}
	o := p.judge(resp)
	if p.served != nil && o.ok {
		v.finish(resp.Body)
	}
	if err := resp.Body.Close(); err != nil && o.ok {
		return failed(err)
	}

	return o
}

// judge compares an answer with what the spec wants.
func (p *httpProber) judge(resp *http.Response) outcome {
	if !p.statuses.Has(resp.StatusCode) {
		return outcome{reason: fmt.Sprintf("HTTP %d, want %s", resp.StatusCode, p.statuses)}
	}
	if p.spec.Contains == "" && p.matches == nil {
		return outcome{ok: true, reason: fmt.Sprintf("HTTP %d", resp.StatusCode)}
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	// A body that was cut short may still hold what was asked for; if not, the cut is the reason.
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return failed(err)
	}
	if !strings.Contains(string(body), p.spec.Contains) {
		return outcome{reason: fmt.Sprintf("HTTP %d, but %q is not in the first %d bytes of the body",
			resp.StatusCode, p.spec.Contains, len(body))}
	}
	if p.matches != nil && !p.matches.Match(body) {
		return outcome{reason: fmt.Sprintf("HTTP %d, but /%s/ does not match in the first %d bytes of the body",
			resp.StatusCode, p.matches, len(body))}
	}

	return outcome{ok: true, reason: fmt.Sprintf("HTTP %d", resp.StatusCode)}
}
