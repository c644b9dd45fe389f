// SPDX-License-Identifier: Apache-2.0

package haproxy

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel-ha/evenkeel/lbsync"
)

const (
	stateLines = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight " +
		"srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state " +
		"bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port\n" +
		"3 web 1 n1 127.0.0.1 2 8 5 100 25 6 3 4 6 0 0 0 - 18081 - 0 0 - - 0\n\n"
	statLines = "# pxname,svname,qcur,qmax,scur,tracked,algo,agent_desc,\n" +
		"web,n1,1,0,2,,,\"down, #fenced\n\nby \"\"peer\"\"\",\nweb,BACKEND,0,0,2,,roundrobin,,\n\n"
	infoLines = "Name: HAProxy\nVersion: 2.6.12-1+deb12u4\nPid: 7079\nUptime: 0d 0h00m25s\nUptime_sec: 25\nnode: a: b\nStopping: 0\n" +
		"Start_time_sec: 1795368501\nTainted: 0\n"
	whole = "\n[3]: No such server.\n\n\n" + stateLines + statLines + infoLines
)

func TestParseReply(t *testing.T) {
	r, err := parseReply(whole)
	if err != nil {
		t.Fatal(err)
	}
	want := reply{
		notes:  []note{{3, "No such server."}},
		tables: 1,
		states: []stateRow{{
			key: web("n1"), backendID: 3, admin: 8, op: 2, weight: 5, initWeight: 100, checkState: 6, port: 18081,
		}},
		stats: []statRow{
			{key: web("n1"), sessions: 2, queued: 1},
			{key: web("BACKEND"), sessions: 2, algorithm: "roundrobin"},
		},
		info: info{name: "HAProxy", version: "2.6.12-1+deb12u4", pid: 7079, uptime: 25, started: 1795368501},
	}
	all := cmp.AllowUnexported(reply{}, note{}, stateRow{}, statRow{}, info{})
	if diff := cmp.Diff(want, r, all); diff != "" {
		t.Fatal(diff)
	}
}

// TestCutReplies cuts a whole reply at every byte: it is complete at its end or it is an error, never less in silence.
func TestCutReplies(t *testing.T) {
	d, err := New(Options{Socket: "/none"})
	if err != nil {
		t.Fatal(err)
	}
	// Once the line "Stopping: 0" is there, all that counts is there.
	enough := strings.Index(whole, "Stopping: 0\n") + len("Stopping: 0\n")
	for cut := range len(whole) {
		r, err := parseReply(whole[:cut])
		if err == nil {
			err = d.accept(r, lbsync.Epoch{})
		}
		if err == nil {
			_, err = d.snapshot(r, []string{"web"})
		}
		if (err == nil) != (cut >= enough) {
			t.Fatalf("cut after %d of %d bytes: %v", cut, len(whole), err)
		}
	}
	r, err := parseReply(whole)
	if err != nil {
		t.Fatal(err)
	}
	for _, backends := range [][]string{{"web", "app"}, {}} {
		if _, err := d.snapshot(r, backends); !errors.Is(err, ErrNoAnswer) {
			t.Errorf("asked for %v, answered about web: %v", backends, err)
		}
	}
}

func TestAdminBits(t *testing.T) {
	for bits, want := range map[int][2]lbsync.Admin{
		0: {lbsync.Ready, lbsync.Ready}, 1: {lbsync.Maint, lbsync.Ready}, 2: {lbsync.Ready, lbsync.Maint},
		4: {lbsync.Ready, lbsync.Ready}, 5: {lbsync.Maint, lbsync.Ready}, 8: {lbsync.Drain, lbsync.Ready},
		9: {lbsync.Maint, lbsync.Ready}, 10: {lbsync.Drain, lbsync.Maint}, 16: {lbsync.Ready, lbsync.Drain},
		32: {lbsync.Ready, lbsync.Maint}, 64: {lbsync.Ready, lbsync.Maint},
	} {
		h := stateRow{admin: bits}.have()
		if got := [2]lbsync.Admin{h.Admin, h.Inherited}; got != want {
			t.Errorf("%d: %v, want %v", bits, got, want)
		}
	}
}

func TestVersions(t *testing.T) {
	for version, good := range map[string]bool{
		"2.6.12-1+deb12u4": true, "2.6": true, "2.10-dev1": true, "3.4.0": true, "2.5.14": false, "1.9": false, "": false, "x.y": false, "3": false,
	} {
		if err := testVersion(version); (err == nil) != good {
			t.Errorf("%q: %v", version, err)
		}
	}
}

func TestLines(t *testing.T) {
	var commands []string
	for i := range 1000 {
		commands = append(commands, fmt.Sprintf("set server web/%s%03d state drain", strings.Repeat("n", i%nameMax), i))
	}
	var again []string
	for _, line := range lines(commands) {
		if n := len(prefix) + len(line) + 1; n > lineMax {
			t.Errorf("a line of %d bytes", n)
		}
		body, ok := strings.CutSuffix(line, ";"+stamp)
		if !ok {
			t.Fatalf("no stamp: %q", line)
		}
		again = append(again, strings.Split(body, ";")...)
	}
	if diff := cmp.Diff(commands, again); diff != "" {
		t.Fatal(diff)
	}
	if got := lines(nil); len(got) != 1 || got[0] != stamp {
		t.Fatalf("%q", got)
	}
}

// stub is a socket that answers every line with the same text and hangs up.
func stub(t *testing.T, text string) *Driver {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, lineMax)
			if _, err := c.Read(buf); err == nil {
				_, _ = c.Write([]byte(text)) // the driver may have gone
			}
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
	d, err := New(Options{Socket: path, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestLyingSocket(t *testing.T) {
	at := lbsync.Epoch{PID: 7079, Started: time.Unix(1795368501, 0)}
	for _, c := range []struct {
		name, text string
		want       error
	}{
		{"whole", whole, nil},
		{"silent", "", ErrNoAnswer},
		{"only a newline", "\n\n", ErrNoAnswer},
		{"noise", "\x00\xff;;[3]:\n\"", ErrNoAnswer},
		{"no stamp", stateLines + statLines, ErrNoAnswer},
		{"no table", infoLines, ErrNoAnswer},
		{"half a table", stateLines + infoLines, ErrNoAnswer},
		{"another's stamp", strings.Replace(whole, "Name: HAProxy", "Name: nginx", 1), ErrNoAnswer},
		{"leaving", strings.Replace(whole, "Stopping: 0", "Stopping: 1", 1), lbsync.ErrEpoch},
		{"another process", strings.Replace(whole, "Pid: 7079", "Pid: 7080", 1), lbsync.ErrEpoch},
		{"another start", strings.Replace(whole, "1795368501", "1795368601", 1), lbsync.ErrEpoch},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := stub(t, c.text)
			s, failed, err := d.Apply(t.Context(), at, []lbsync.Op{op(lbsync.OpDrain, "n1")})
			if !errors.Is(err, c.want) || c.want == nil && (err != nil || len(failed) > 0 || len(s.Servers) != 1) {
				t.Fatalf("%v %v %v", s, failed, err)
			}
			if c.want != nil && s.Servers != nil {
				t.Fatal("an error came with a snapshot")
			}
		})
	}
	if _, err := stub(t, strings.Replace(whole, "Stopping: 0", "Stopping: 1", 1)).Observe(t.Context(), []string{"web"}); !errors.Is(err, ErrLeaving) {
		t.Fatal(err)
	}
}

func TestEpochWithoutStartTime(t *testing.T) {
	d, err := New(Options{Socket: "/none"})
	if err != nil {
		t.Fatal(err)
	}
	first := d.epochOf(info{pid: 7, uptime: 100})
	for uptime := int64(99); uptime <= 101; uptime++ {
		if e := d.epochOf(info{pid: 7, uptime: uptime}); !e.Equal(first) {
			t.Errorf("the epoch jitters: %v, %v", e, first)
		}
	}
	if e := d.epochOf(info{pid: 7, uptime: 50}); e.Equal(first) {
		t.Error("a process number that was used again goes unseen")
	}
}

func FuzzParseReply(f *testing.F) {
	for _, seed := range []string{whole, stateLines, statLines, infoLines, "", "[3]: x", statHeader, stateHeader, "Name: x\nPid: 1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parseReply(text)
		if err != nil {
			return
		}
		if len(r.notes) > notesMax {
			t.Fatal("notes are unbounded")
		}
		d, err := New(Options{Socket: "/none"})
		if err != nil {
			t.Fatal(err)
		}
		if d.accept(r, lbsync.Epoch{}) != nil {
			return
		}
		if s, err := d.snapshot(r, []string{"web"}); err == nil && len(s.Servers) > len(r.states) {
			t.Fatal("servers out of nothing")
		}
	})
}

func FuzzStates(f *testing.F) {
	f.Add(strings.TrimPrefix(stateLines, "1\n"))
	f.Fuzz(func(t *testing.T, text string) {
		var r reply
		if _, err := r.takeStates(text); err != nil {
			return
		}
		for _, s := range r.states {
			if h := s.have(); h.Weight < 0 || h.Effective() > lbsync.Maint {
				t.Fatalf("%+v", h)
			}
		}
	})
}

func FuzzStats(f *testing.F) {
	f.Add(statLines)
	f.Add("0,,qcur,,scur,\n,,,,,\n")
	f.Fuzz(func(t *testing.T, text string) {
		var r reply
		if _, err := r.takeStats(text); err != nil {
			return
		}
		for _, s := range r.stats {
			if s.sessions < 0 || s.queued < 0 {
				t.Fatal("negative counts")
			}
		}
	})
}

func FuzzInfo(f *testing.F) {
	f.Add(infoLines)
	f.Fuzz(func(t *testing.T, text string) {
		var r reply
		if _, err := r.takeInfo(text); err == nil && r.info.pid < 0 {
			t.Fatal("a negative process number")
		}
	})
}

func FuzzCommand(f *testing.F) {
	f.Add("web", "n1", uint8(lbsync.OpDrain), 0)
	f.Add("web;", "n1\n", uint8(lbsync.OpWeight), -1)
	f.Fuzz(func(t *testing.T, backend, server string, kind uint8, weight int) {
		c, err := command(lbsync.Op{Kind: lbsync.OpKind(kind), Key: lbsync.Key{Backend: backend, Server: server}, Weight: weight})
		if err == nil && (strings.ContainsAny(c, ";\n\r\\") || len(strings.Fields(c)) > 5) {
			t.Fatalf("%q is more than one command", c)
		}
	})
}
