// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// checker makes the one check of a pool from those of its real servers.
type checker struct {
	im    *importer
	pool  *cluster.PoolSpec
	host  string // virtualhost
	base  cluster.CheckSpec
	first *statement // the check that was taken
	bare  bool       // some real server has no check
	taken map[string]bool
}

// settings reads the lines that are defaults for every check: of the virtual server, or of a real server.
func (k *checker) settings(lines []*statement) {
	for _, c := range lines {
		k.setting(&k.base, c)
	}
}

// setting reads a line that every kind of check has. It is false if the line is none of these.
func (k *checker) setting(check *cluster.CheckSpec, c *statement) bool {
	im := k.im
	switch c.keyword() {
	case "delay_loop":
		check.Interval = k.span(c, "check.interval")
	case "connect_timeout", "misc_timeout":
		check.Timeout = k.span(c, "check.timeout")
	case "retry", "nb_get_retry":
		n, err := strconv.Atoi(c.arg(1))
		if err != nil || n < 0 || n >= fallMost {
			im.note(c, Left, "%q is no number of retries; check.fall has its default", shortened(c.arg(1)))
			return true
		}
		check.Fall = n + 1
		im.note(c, Carried, "check.fall: %d", check.Fall)
	case "delay_before_retry":
		im.note(c, Needless, "a probe that failed is repeated after check.interval, and sooner when the member's node noticed something")
	case "alpha", "warmup", "log_all_failures", "fast_recovery", "inhibit_on_failure":
		im.whole(c, serverVerdict(c))
	case "connect_port", "connect_ip", "bindto", "bind_to", "bind_if", "bind_port", "fwmark":
		im.note(c, Check, "the member is probed where it serves, from the balancers' own addresses; a check with exec can do otherwise")
	default:
		return false
	}
	return true
}

// fallMost is the most that cluster files take for check.fall.
const fallMost = 1000

// span reads seconds into a time of the check.
func (k *checker) span(c *statement, key string) cluster.Duration {
	d, ok := seconds(c, 1)
	if !ok {
		k.im.note(c, Left, "%q is no number of seconds; %s has its default", shortened(c.arg(1)), key)
		return 0
	}
	k.im.note(c, Carried, "%s: %s", key, cluster.Duration(d))
	return cluster.Duration(d)
}

// member reads the checks of one real server.
func (k *checker) member(checks []*statement) {
	if len(checks) == 0 {
		k.bare = true
	}
	for i, c := range checks {
		if i > 0 {
			k.im.whole(c, verdict{Left, "a pool has one check, and the first one was taken"})
			continue
		}
		k.one(c)
	}
}

func (k *checker) one(c *statement) {
	if k.first != nil && c.equal(k.first) {
		k.im.whole(c, verdict{Carried, "the same as at " + k.first.at.String()})
		return
	}
	if k.first != nil {
		k.im.whole(c, verdict{Check, "a pool has one check for all members, and the one at " + k.first.at.String() + " was taken; if this one matters, make a second pool"})
		return
	}
	k.first = c
	check := k.base
	switch c.keyword() {
	case "TCP_CHECK":
		check.TCP = &cluster.TCPCheck{}
		k.im.note(c, Carried, "check.tcp")
		k.lines(&check, c)
	case "HTTP_GET", "SSL_GET":
		k.http(&check, c)
	case "MISC_CHECK":
		k.exec(&check, c)
	case "SMTP_CHECK":
		check.TCP = &cluster.TCPCheck{}
		k.im.note(c, Check, "check.tcp: that the port accepts a connection is looked at, not the greeting; a check with exec can do that")
		k.lines(&check, c)
	default:
		check.TCP = &cluster.TCPCheck{}
		k.im.whole(c, verdict{Check, "no check of this kind; that the port accepts a connection is looked at instead. A check with exec can do more"})
	}
	k.pool.Check = check
}

// lines reads the lines of a check that has none of its own.
func (k *checker) lines(check *cluster.CheckSpec, c *statement) {
	for _, l := range c.block {
		if !k.setting(check, l) {
			k.im.whole(l, verdict{Left, "the check has no such thing"})
		}
	}
}

func (k *checker) exec(check *cluster.CheckSpec, c *statement) {
	check.Exec = &cluster.ExecCheck{}
	k.im.note(c, Carried, "check.exec")
	for _, l := range c.block {
		switch {
		case l.keyword() == "misc_path":
			words, _ := wordsOf(strings.Join(l.words[1:], " "))
			for _, w := range words {
				check.Exec.Command = append(check.Exec.Command, w.text)
			}
			k.im.note(l, Check, "check.exec.command; it is run without a shell, for every member: EVENKEEL_ADDRESS and EVENKEEL_PORT in its environment say which")
		case k.setting(check, l):
		case l.keyword() == "misc_dynamic":
			k.im.note(l, Left, "exit code 0 is good and every other is bad; weights are not changed by checks")
		case l.keyword() == "user":
			k.im.note(l, Left, "checks are run by the user that runs evenkeel")
		default:
			k.im.whole(l, verdict{Left, "the check has no such thing"})
		}
	}
}

func (k *checker) http(check *cluster.CheckSpec, c *statement) {
	h := &cluster.HTTPCheck{Host: k.host}
	if c.keyword() == "SSL_GET" {
		h.TLS, h.SkipVerify = true, true
		k.im.note(c, Carried, "check.http with tls; as with keepalived, any certificate is good")
	} else {
		k.im.note(c, Carried, "check.http")
	}
	check.HTTP = h
	urls := 0
	for _, l := range c.block {
		switch {
		case l.keyword() == "url" && urls == 0:
			urls++
			k.url(h, l)
		case l.keyword() == "url":
			k.im.whole(l, verdict{Left, "a check asks for one path, and the first one was taken"})
		case k.setting(check, l):
		case l.keyword() == "enable_sni":
			k.im.note(l, Needless, "server_name is the host unless you write another")
		case l.keyword() == "virtualhost":
			h.Host = l.arg(1)
			k.im.note(l, Carried, "check.http.host")
		case l.keyword() == "http_protocol":
			k.im.note(l, Needless, "checks speak HTTP/1.1")
		default:
			k.im.whole(l, verdict{Left, "the check has no such thing"})
		}
	}
}

// url reads what is asked for, and what is a good answer: 200 to 299 unless the file says otherwise.
func (k *checker) url(h *cluster.HTTPCheck, s *statement) {
	k.im.note(s, Carried, "check.http")
	h.Status = "200-299"
	for _, l := range s.block {
		switch l.keyword() {
		case "path":
			h.Path = l.arg(1)
			k.im.note(l, Carried, "check.http.path")
		case "status_code":
			h.Status = strings.Join(l.words[1:], ",")
			k.im.note(l, Carried, "check.http.status")
		case "virtualhost":
			h.Host = l.arg(1)
			k.im.note(l, Carried, "check.http.host")
		case "digest":
			k.im.note(l, Left, "a digest of the whole answer is not compared; check.http.body is a regular expression that the answer must match")
		case "regex":
			k.regex(h, s, l)
		case "regex_options":
			if h.Body == "" {
				k.im.note(l, Left, "see regex")
				continue
			}
			k.im.note(l, Carried, "in check.http.body")
		default:
			k.im.note(l, Left, "check.http.body has no such thing")
		}
	}
}

// regex carries over an expression that means the same in Go: without options but caseless, dotall and multiline.
func (k *checker) regex(h *cluster.HTTPCheck, s, l *statement) {
	var flags strings.Builder
	if o := s.child("regex_options"); o != nil {
		for _, w := range o.words[1:] {
			flag := map[string]string{"caseless": "i", "dotall": "s", "multiline": "m"}[w]
			if flag == "" {
				k.im.note(l, Left, "option %s is not known; write an expression of Go (RE2) into check.http.body", shortened(w))
				return
			}
			flags.WriteString(flag)
		}
	}
	if s.child("regex_no_match") != nil {
		k.im.note(l, Left, "check.http.body must match; that it must not match cannot be said")
		return
	}
	body := l.arg(1)
	if flags.Len() > 0 {
		body = "(?" + flags.String() + ")" + body
	}
	if _, err := regexp.Compile(body); err != nil {
		k.im.note(l, Left, "no expression of Go (RE2): %v; write one into check.http.body", err)
		return
	}
	h.Body = body
	k.im.note(l, Carried, "check.http.body")
}

// finish tells what the pool's check leaves open.
func (k *checker) finish() {
	if k.first == nil {
		k.pool.Check = k.base
	}
	if k.bare {
		k.im.general("pools", "pool %s has members without a check, which keepalived took for good always; here the check of the pool is for all, and by itself it is that the port accepts a connection", k.pool.Name)
	}
}
