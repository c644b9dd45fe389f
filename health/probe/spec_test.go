// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// good is a spec without fault.
func good() Spec {
	return Spec{
		Name: "web", Address: "127.0.0.1", Port: 80, HTTP: &HTTP{}, Interval: time.Second, Timeout: time.Second, Judge: easy,
	}
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Spec)
		want   string // "" means valid
	}{
		"as it is":  {func(*Spec) {}, ""},
		"no kind":   {func(s *Spec) { s.HTTP = nil }, "no kind of check is set: want exactly one of tcp, http, exec"},
		"two kinds": {func(s *Spec) { s.TCP = &TCP{} }, "tcp and http are set: want exactly one of tcp, http, exec"},
		"address":   {func(s *Spec) { s.Address = "[::1]" }, `address is "[::1]": want an IP address without brackets, or a host name`},
		"port":      {func(s *Spec) { s.Port = 65536 }, "port is 65536: must be from 1 to 65535"},
		"exec needs none": {func(s *Spec) {
			*s = Spec{Exec: &Exec{Command: []string{"/bin/true"}}, Interval: time.Second, Timeout: 1, Judge: easy}
		}, ""},
		"but to watch": {
			func(s *Spec) {
				s.HTTP, s.Exec, s.Address, s.Watch = nil, &Exec{Command: []string{"/bin/true"}}, "", &Watch{Connection: true}
			}, `address is "": want an IP address without brackets, or a host name`,
		},
		"interval":       {func(s *Spec) { s.Interval = 0 }, "interval is 0s: must be from 10ms to 24h0m0s"},
		"fast interval":  {func(s *Spec) { s.FastInterval = time.Minute }, "fast interval is 1m0s: must be 0s (the interval) or from 10ms to the interval of 1s"},
		"timeout":        {func(s *Spec) { s.Timeout = -1 }, "timeout is -1ns: must be more than 0s and at most 24h0m0s"},
		"jitter":         {func(s *Spec) { s.Jitter = 0.6 }, "jitter is 0.6: must be from 0 (means 0.1) to 0.5"},
		"jitter NaN":     {func(s *Spec) { s.Jitter = math.NaN() }, "jitter is NaN: must be from 0 (means 0.1) to 0.5"},
		"judge":          {func(s *Spec) { s.Judge.Rise = 0 }, "judge: rise is 0: must be from 1 to 1000"},
		"method":         {func(s *Spec) { s.HTTP.Method = "G T" }, `http method is "G T": want a word such as GET or HEAD`},
		"path":           {func(s *Spec) { s.HTTP.Path = "x" }, `http path is "x": want a path that begins with /`},
		"host":           {func(s *Spec) { s.HTTP.Host = "a b" }, `http host is "a b": want a host name, with a port if needed`},
		"header":         {func(s *Spec) { s.HTTP.Headers = map[string]string{"A": "b\r\nC: d"} }, `http header is "A": "b\r\nC: d": want a name of letters, digits and dashes, and a value without line breaks`},
		"status":         {func(s *Spec) { s.HTTP.Status = "20" }, `http status is "20": "20" is no HTTP status: want 100 to 599, as in "200-299,304"`},
		"redirects":      {func(s *Spec) { s.HTTP.Redirects = 11 }, "http redirects is 11: must be from 0 to 10"},
		"matches":        {func(s *Spec) { s.HTTP.Matches = "(" }, "http matches is \"(\": want a regular expression (RE2): error parsing regexp: missing closing ): `(`"},
		"ca file":        {func(s *Spec) { s.HTTP.TLS = &TLS{CAFile: "ca.pem"} }, `http tls ca file is "ca.pem": want an absolute path`},
		"command":        {func(s *Spec) { s.HTTP, s.Exec = nil, &Exec{Command: []string{"true"}} }, `exec command is ["true"]: want the absolute path of a program, then its arguments`},
		"NUL":            {func(s *Spec) { s.HTTP, s.Exec = nil, &Exec{Command: []string{"/bin/true", "\x00"}} }, `exec command is ["/bin/true" "\x00"]: must not contain a NUL byte`},
		"env":            {func(s *Spec) { s.HTTP, s.Exec = nil, &Exec{Command: []string{"/bin/true"}, Env: []string{"A"}} }, `exec env is "A": want NAME=value`},
		"pid file":       {func(s *Spec) { s.Watch = &Watch{PIDFile: "app.pid"} }, `watch pid file is "app.pid": want an absolute path`},
		"unit":           {func(s *Spec) { s.Watch = &Watch{Unit: "nginx"} }, `watch unit is "nginx": want the full name of a unit, as in "nginx.service"`},
		"unit injection": {func(s *Spec) { s.Watch = &Watch{Unit: "a',x='.service"} }, `watch unit is "a',x='.service": want the full name of a unit, as in "nginx.service"`},
	} {
		t.Run(name, func(t *testing.T) {
			s := good()
			c.change(&s)
			got := ""
			if err := s.Validate(); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if (newRunnerError(s) != nil) != (c.want != "") {
				t.Error("Run does not agree")
			}
		})
	}
}

// newRunnerError is what Run says about a spec.
func newRunnerError(s Spec) error {
	_, err := newRunner(s, nil, nil)

	return err
}

func TestParseStatuses(t *testing.T) {
	for text, want := range map[string]Statuses{
		"200":               {{200, 200}},
		"200-299,304":       {{200, 299}, {304, 304}},
		" 200 - 299 , 304 ": {{200, 299}, {304, 304}},
	} {
		got, err := ParseStatuses(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", text, diff)
		}
	}
	for text, want := range map[string]string{
		"":                                  `"" is no HTTP status: want 100 to 599`,
		"299-200":                           `range "299-200" runs backwards: want 200-299`,
		"200,":                              `"" is no HTTP status: want 100 to 599`,
		"2xx":                               `"2xx" is no HTTP status: want 100 to 599`,
		"600":                               `"600" is no HTTP status: want 100 to 599`,
		"200-2-3":                           `"2-3" is no HTTP status: want 100 to 599`,
		strings.Repeat("200,", 100) + "200": "more than 100 ranges of status codes",
	} {
		if _, err := ParseStatuses(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func FuzzParseStatuses(f *testing.F) {
	for _, seed := range []string{"200-299,304", "", "-", ",", "100-599", "+200", "200-\t299"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := ParseStatuses(text)
		if err != nil {
			return
		}
		again, err := ParseStatuses(list.String())
		if err != nil {
			t.Fatalf("%q gave %q, which is refused: %v", text, list, err)
		}
		if diff := cmp.Diff(list, again); diff != "" {
			t.Fatal(diff)
		}
		for _, r := range list {
			if !list.Has(r.From) || !list.Has(r.To) || r.From < minStatus || r.To > maxStatus {
				t.Fatalf("%q: %v", text, list)
			}
		}
		if list.Has(minStatus-1) || list.Has(maxStatus+1) {
			t.Fatalf("%q has what is no status", text)
		}
	})
}
