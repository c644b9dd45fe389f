// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os/user"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

func TestRead(t *testing.T) {
	client := Dial(start(t, newSource()))
	defer client.Close()
	view, err := client.Status(t.Context())
	if err != nil || view.Cluster != "shop" || view.Verdict != cluster.WellVerdict {
		t.Errorf("Status: %+v, %v", view, err)
	}
	spec, err := client.Spec(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(SpecAnswer{Revision: 1, Spec: shop()}, spec); diff != "" {
		t.Errorf("Spec (-want +got):\n%s", diff)
	}
	version, err := client.Version(t.Context())
	if err != nil || version.Version != "1.2.3" || version.API != "v1" || version.Node != "n1" {
		t.Errorf("Version: %+v, %v", version, err)
	}
}

func TestApply(t *testing.T) {
	src := newSource()
	client := Dial(start(t, src))
	defer client.Close()
	wanted := shop()
	wanted.Pools[0].Backend = "be_web"
	one := uint64(1)

	dry, err := client.Apply(t.Context(), ApplyRequest{Spec: wanted, DryRun: true})
	want := []cluster.Change{{Path: "pools[web].backend", To: "be_web"}}
	if err != nil || dry.Revision != 1 || dry.Outcome != nil || !cmp.Equal(dry.Changes, want) {
		t.Fatalf("dry run: %+v, %v", dry, err)
	}
	if _, revision := src.Spec(); revision != 1 {
		t.Fatalf("a dry run made revision %d", revision)
	}

	got, err := client.Apply(t.Context(), ApplyRequest{Spec: wanted, IfRevision: &one})
	if err != nil || got.Revision != 2 || !cmp.Equal(got.Changes, want) || got.Outcome.Result != cluster.Accepted || len(got.Outcome.Events) != 1 {
		t.Fatalf("apply: %+v, %v", got, err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if by := src.by[len(src.by)-1]; by != me.Username+"@n1" {
		t.Errorf("the change was asked for by %q, want %q", by, me.Username+"@n1")
	}

	_, err = client.Apply(t.Context(), ApplyRequest{Spec: shop(), IfRevision: &one})
	expect(t, err, http.StatusConflict, "somebody else changed it meanwhile")

	wrong := shop()
	wrong.Nodes[1].Address = "n2.example"
	_, err = client.Apply(t.Context(), ApplyRequest{Spec: wrong})
	expect(t, err, http.StatusBadRequest, "nodes[1].address")
	failure := failureOf(t, err)
	if len(failure.Problems) != 1 || failure.Problems[0].Value != "n2.example" {
		t.Errorf("problems: %+v", failure.Problems)
	}
	dry, err = client.Apply(t.Context(), ApplyRequest{Spec: wrong, DryRun: true})
	if err != nil || len(dry.Problems) != 1 {
		t.Errorf("dry run of a wrong file: %+v, %v", dry, err)
	}

	large := shop()
	large.Pools[0].Check.Exec = &cluster.ExecCheck{Command: []string{"/bin/true", strings.Repeat("a", cluster.MaxCommand)}}
	_, err = client.Apply(t.Context(), ApplyRequest{Spec: large})
	expect(t, err, http.StatusBadRequest, "the cluster file is too large")
}

func TestSetModeAndAdmin(t *testing.T) {
	src := newSource()
	client := Dial(start(t, src))
	defer client.Close()
	ctx := t.Context()
	web := func(name string) cluster.MemberID { return cluster.MemberID{Pool: "web", Member: name} }

	out, err := client.SetAdmin(ctx, cluster.SetMember{Member: web("n1"), Admin: cluster.AdminDrain, Deadline: cluster.Duration(patience), Reason: "kernel"})
	if err != nil || out.Result != cluster.Accepted || len(out.Events) != 1 || out.Events[0].Reason != "kernel" {
		t.Fatalf("drain: %+v, %v", out, err)
	}
	if got := src.state.Member(web("n1")); got.Admin != cluster.AdminDrain || got.Deadline.D() != patience {
		t.Errorf("committed: %+v", got)
	}
	_, err = client.SetAdmin(ctx, cluster.SetMember{Member: web("n2"), Admin: cluster.AdminMaint})
	expect(t, err, http.StatusConflict, "its drain floor is 1")
	if failure := failureOf(t, err); failure.Hint != "nothing was changed" {
		t.Errorf("hint %q", failure.Hint)
	}
	if _, err = client.SetAdmin(ctx, cluster.SetMember{Member: web("n2"), Admin: cluster.AdminMaint, Force: true}); err != nil {
		t.Errorf("force: %v", err)
	}
	_, err = client.SetAdmin(ctx, cluster.SetMember{Member: web("n3"), Admin: cluster.AdminReady})
	expect(t, err, http.StatusNotFound, `there is no member "web/n3"`)
	if failure := failureOf(t, err); failure.Hint != "there are: web/n1, web/n2" {
		t.Errorf("hint %q", failure.Hint)
	}
	_, err = client.SetAdmin(ctx, cluster.SetMember{Member: web("n1"), Admin: "off"})
	expect(t, err, http.StatusBadRequest, "write ready, drain or maint")
	_, err = client.SetAdmin(ctx, cluster.SetMember{Member: web("n1"), Admin: cluster.AdminDrain, Deadline: -1})
	expect(t, err, http.StatusBadRequest, "must not be negative")
	_, err = client.SetAdmin(ctx, cluster.SetMember{Member: web("n1"), Admin: cluster.AdminDrain, Reason: "a\x1b[31m"})
	expect(t, err, http.StatusBadRequest, "control characters")

	if _, err = client.SetMode(ctx, cluster.SetMode{Node: "n1", Mode: cluster.ModeMaintenance}); err != nil {
		t.Errorf("maintenance: %v", err)
	}
	_, err = client.SetMode(ctx, cluster.SetMode{Node: "../n1", Mode: cluster.ModeActive})
	expect(t, err, http.StatusNotFound, `there is no node "../n1"`)
	_, err = client.SetMode(ctx, cluster.SetMode{Node: "n1", Mode: "off"})
	expect(t, err, http.StatusBadRequest, "write active, standby or maintenance")
	_, err = client.SetMode(ctx, cluster.SetMode{Node: "n1", Mode: cluster.ModeActive, Reason: strings.Repeat("a", reasonMax+1)})
	expect(t, err, http.StatusBadRequest, "the reason has 1025 bytes")
}

// TestNotConfirmed shows that a change without an answer is never a success.
func TestNotConfirmed(t *testing.T) {
	src := newSource()
	client := Dial(start(t, src))
	defer client.Close()
	for _, silent := range []error{errors.New("no leader"), context.DeadlineExceeded} {
		src.silence(silent)
		_, err := client.SetMode(t.Context(), cluster.SetMode{Node: "n1", Mode: cluster.ModeStandby})
		expect(t, err, http.StatusServiceUnavailable, "the cluster did not confirm the change: "+silent.Error())
		failure := failureOf(t, err)
		if !strings.Contains(failure.Hint, "may still take effect") {
			t.Errorf("hint %q", failure.Hint)
		}
	}
}

func expect(t *testing.T, err error, status int, says string) {
	t.Helper()
	if f := failureOf(t, err); f.Status != status || !strings.Contains(f.Message, says) {
		t.Errorf("got %d %q, want %d %q", f.Status, f.Message, status, says)
	}
}

func failureOf(t *testing.T, err error) *Error {
	t.Helper()
	failure, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("%v is no *Error", err)
	}
	return failure
}

func TestBadRequests(t *testing.T) {
	handler := New(newSource(), Options{Log: zerolog.Nop()}).handler()
	const spec = `{"spec":{"cluster":"shop"}`
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"GET", "/", "", 404, `there is nothing at \"/\"`},
		{"GET", "/v2/status", "", 404, "there is nothing"},
		{"POST", "/v1/status", "", 405, "/v1/status does not answer"},
		{"DELETE", "/v1/events", "", 405, "use GET"},
		{"GET", "/v1/apply", "", 405, "use POST"},
		{"POST", "/v1/apply", "", 400, "EOF"},
		{"POST", "/v1/apply", "{", 400, "unexpected EOF"},
		{"POST", "/v1/apply", "[]", 400, "cannot unmarshal"},
		{"POST", "/v1/apply", spec + "} {}", 400, "something after the JSON value"},
		{"POST", "/v1/apply", spec + `,"force":true}`, 400, `unknown field \"force\"`},
		{"POST", "/v1/apply", `{"spec":{"pool":[]}}`, 400, `unknown field \"pool\"`},
		{"POST", "/v1/apply?dry_run=maybe", spec + "}", 400, "neither 1 nor 0"},
		{"POST", "/v1/apply", `{"spec":{"cluster":"` + strings.Repeat("a", bodyMax) + `"}}`, 413, "more than 1048576 bytes"},
		{"POST", "/v1/nodes/n1/mode", `{"mode":"standby","node":"n2"}`, 400, "unknown field"},
		{"POST", "/v1/nodes//mode", `{"mode":"standby"}`, 307, ""},
		{"GET", "/v1/resources/vip", "", 405, "use POST"},
		{"POST", "/v1/resources", `{"verb":"restart"}`, 404, "there is nothing"},
		{"POST", "/v1/resources/vip", `{"verb":"restart","to":"n2"}`, 400, "unknown field"},
		{"POST", "/v1/resources/vip", `{"verb":"ban","node":2}`, 400, "cannot unmarshal"},
		{"POST", "/v1/pools/web/members/n1/admin", `{"admin":"drain","deadline":30}`, 400, "cannot unmarshal"},
		{"POST", "/v1/pools/web/members/n1/admin", `{"admin":"drain","deadline":"30"}`, 400, "is not a duration"},
		{"GET", "/v1/events?since=-1", "", 400, "is not the index of an event"},
		{"GET", "/v1/events?follow=yes", "", 400, "neither 1 nor 0"},
	} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(c.method, c.path, strings.NewReader(c.body)))
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s %.60s %.60s: %d %s, want %d %q", c.method, c.path, c.body, w.Code, w.Body, c.status, c.says)
		}
		if got := w.Header().Get("Content-Type"); c.says != "" && got != "application/json" {
			t.Errorf("%s %.60s answers with %q", c.method, c.path, got)
		}
	}
}

// TestShapes holds the JSON of the answers against what is documented.
func TestShapes(t *testing.T) {
	handler := New(newSource(), Options{Log: zerolog.Nop()}).handler()
	post := func(path, body string) *http.Request {
		return httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	}
	for _, c := range []struct {
		req  *http.Request
		want string
	}{
		{
			post("/v1/nodes/n1/mode", `{"mode":"standby","reason":"kernel"}`),
			`{"result":"accepted","events":[{"index":2,"n":0,"at":0,"kind":"node.mode","subject":"n1","from":"active","to":"standby","reason":"kernel","by":"an unknown user@n1"}]}`,
		},
		{
			post("/v1/pools/web/members/n1/admin", `{"admin":"drain","deadline":"30s"}`),
			`{"result":"accepted","events":[{"index":3,"n":0,"at":0,"kind":"member.admin","subject":"web/n1","from":"ready","to":"drain","reason":"asked by an unknown user@n1","by":"an unknown user@n1"}]}`,
		},
		{
			post("/v1/pools/web/members/n2/admin", `{"admin":"drain"}`),
			`{"error":"pool web would have 0 members in service, its drain floor is 1; bring another member back first, or use --force","hint":"nothing was changed"}`,
		},
		{post("/v1/apply?dry_run", `{"spec":{"cluster":"shop","nodes":null}}`), ""},
		{httptest.NewRequest(http.MethodGet, "/v1/events", nil), `[]`},
	} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, c.req)
		got := strings.TrimSpace(w.Body.String())
		if c.want == "" {
			var answer ApplyAnswer
			if err := json.Unmarshal([]byte(got), &answer); err != nil || len(answer.Problems) == 0 || len(answer.Changes) == 0 {
				t.Errorf("%s answers %s, %v", c.req.URL, got, err)
			}
		} else if got != c.want {
			t.Errorf("%s answers\n%s\nwant\n%s", c.req.URL, got, c.want)
		}
	}
}

// FuzzRequest sends any bytes to the routes that read a body. Whatever comes,
// the answer is JSON and no other cluster file than a good one is accepted.
func FuzzRequest(f *testing.F) {
	good, err := json.Marshal(ApplyRequest{Spec: shop()})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"mode":"standby","force":true}`))
	f.Add([]byte(`{"admin":"drain","deadline":"30s"}`))
	f.Add([]byte(`{"verb":"move","node":"n2","reason":"kernel"}`))
	f.Add([]byte("{"))
	f.Fuzz(func(t *testing.T, body []byte) {
		src := newSource()
		handler := New(src, Options{Log: zerolog.Nop()}).handler()
		for _, path := range []string{"/v1/apply?dry_run=1", "/v1/apply", "/v1/nodes/n1/mode", "/v1/pools/web/members/n1/admin", "/v1/resources/vip"} {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body)))
			if w.Code >= http.StatusInternalServerError {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
			var object map[string]json.RawMessage
			if err := json.NewDecoder(io.LimitReader(w.Body, answerMax)).Decode(&object); err != nil {
				t.Errorf("%s: the answer is no JSON object: %v", path, err)
			}
		}
		if spec, _ := src.Spec(); len(spec.Validate()) > 0 {
			t.Errorf("accepted: %v", spec.Validate())
		}
	})
}
