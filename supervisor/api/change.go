// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

func (s *Server) status(*http.Request) (payload, *Error) { return s.source.View(), nil }

func (s *Server) spec(*http.Request) (payload, *Error) {
	spec, revision := s.source.Spec()
	return SpecAnswer{Revision: revision, Spec: spec}, nil
}

func (s *Server) version(*http.Request) (payload, *Error) {
	v := s.source.View()
	return VersionAnswer{Version: v.Version, Go: runtime.Version(), API: "v1", Node: v.Node}, nil
}

func (s *Server) apply(req *http.Request) (payload, *Error) {
	dry, failure := flag(req, "dry_run")
	if failure != nil {
		return nil, failure
	}
	ask, failure := decode[ApplyRequest](req)
	if failure != nil {
		return nil, failure
	}
	current, revision := s.source.Spec()
	answer := ApplyAnswer{
		Changes: cluster.Diff(current, ask.Spec), Problems: problemsOf(ask.Spec), Revision: revision,
	}
	if answer.Changes == nil {
		answer.Changes = []cluster.Change{}
	}
	if dry {
		return answer, nil
	}
	if n := len(answer.Problems); n > 0 {
		return nil, &Error{
			Status: http.StatusBadRequest, Problems: answer.Problems,
			Message: "the cluster file is not right: " + answer.Problems[0].String(),
			Hint:    fmt.Sprintf("it has %d in all; nothing was changed", n),
		}
	}
	body := cluster.SetSpec{Spec: ask.Spec, IfRevision: ask.IfRevision}
	if _, err := (cluster.Command{Body: body}).Encode(); err != nil {
		return nil, badRequest("the cluster file is too large: "+err.Error(), "")
	}
	answer.Outcome, failure = s.submit(req, body)
	if failure != nil {
		return nil, failure
	}
	_, answer.Revision = s.source.Spec()
	return answer, nil
}

func (s *Server) mode(req *http.Request) (payload, *Error) {
	ask, failure := decode[ModeRequest](req)
	if failure != nil {
		return nil, failure
	}
	switch ask.Mode {
	case cluster.ModeActive, cluster.ModeStandby, cluster.ModeMaintenance:
	default:
		return nil, badRequest(fmt.Sprintf("mode %.40q: write active, standby or maintenance", string(ask.Mode)), "")
	}
	if failure := checkReason(ask.Reason); failure != nil {
		return nil, failure
	}
	node := cluster.NodeID(req.PathValue("node"))
	spec, _ := s.source.Spec()
	if _, ok := spec.Node(node); !ok {
		return nil, unknown(fmt.Sprintf("there is no node %.100q", string(node)), "nodes", nodeNames(spec))
	}
	return orFailure(s.submit(req, cluster.SetMode{Node: node, Mode: ask.Mode, Force: ask.Force, Reason: ask.Reason}))
}

func (s *Server) admin(req *http.Request) (payload, *Error) {
	ask, failure := decode[AdminRequest](req)
	if failure != nil {
		return nil, failure
	}
	switch ask.Admin {
	case cluster.AdminReady, cluster.AdminDrain, cluster.AdminMaint:
	default:
		return nil, badRequest(fmt.Sprintf("admin %.40q: write ready, drain or maint", string(ask.Admin)), "")
	}
	if ask.Deadline < 0 {
		return nil, badRequest(fmt.Sprintf("deadline %s: it must not be negative", ask.Deadline), "")
	}
	if failure := checkReason(ask.Reason); failure != nil {
		return nil, failure
	}
	id := cluster.MemberID{Pool: req.PathValue("pool"), Member: req.PathValue("member")}
	spec, _ := s.source.Spec()
	if _, ok := spec.Member(id); !ok {
		return nil, unknown(fmt.Sprintf("there is no member %.200q", id.String()), "members", memberNames(spec, id.Pool))
	}
	return orFailure(s.submit(req, cluster.SetMember{
		Member: id, Admin: ask.Admin, Deadline: ask.Deadline, Force: ask.Force, Reason: ask.Reason,
	}))
}

// submit hands the command over and turns what became of it into an answer.
func (s *Server) submit(req *http.Request, body cluster.Body) (*Outcome, *Error) {
	by := callerOf(req.Context()) + "@" + string(s.source.View().Node)
	ctx, cancel := context.WithTimeout(req.Context(), submitMax)
	defer cancel()
	out, err := s.source.Submit(ctx, by, body)
	if err != nil {
		s.opts.Log.Warn().Err(err).Str("by", by).Str("path", req.URL.Path).Msg("the cluster did not confirm a change")
		return nil, &Error{
			Status: http.StatusServiceUnavailable, Cause: err,
			Message: "the cluster did not confirm the change: " + err.Error(),
			Hint:    "it may still take effect: look at evenkeel status before you ask again",
		}
	}
	s.opts.Log.Info().Str("by", by).Str("path", req.URL.Path).Str("result", string(out.Result)).Str("reason", out.Reason).Msg("an operator asked for a change")
	if out.Result == cluster.Rejected {
		return nil, &Error{Status: http.StatusConflict, Message: out.Reason, Hint: "nothing was changed"}
	}
	return outcomeOf(out), nil
}

// orFailure keeps a nil *Outcome from becoming a payload.
func orFailure(out *Outcome, failure *Error) (payload, *Error) {
	if failure != nil {
		return nil, failure
	}
	return out, nil
}

func checkReason(reason string) *Error {
	if len(reason) > reasonMax {
		return badRequest(fmt.Sprintf("the reason has %d bytes, at most %d fit", len(reason), reasonMax), "")
	}
	if strings.ContainsFunc(reason, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return badRequest("the reason has control characters; write one line of text", "")
	}
	return nil
}

func unknown(message, what string, names []string) *Error {
	hint := "the cluster file names no " + what + " there"
	if len(names) > 0 {
		hint = "there are: " + strings.Join(names, ", ")
	}
	return &Error{Status: http.StatusNotFound, Message: message, Hint: hint}
}

func nodeNames(spec cluster.Spec) []string {
	var out []string
	for _, n := range spec.Nodes {
		out = append(out, string(n.Name))
	}
	return out
}

// memberNames returns the members of the pool, or of all pools when there is no
// such pool; of very many, the first.
func memberNames(spec cluster.Spec, pool string) []string {
	const shown = 20
	_, known := spec.Pool(pool)
	var out []string
	for _, m := range spec.Members() {
		if !known || m.ID.Pool == pool {
			out = append(out, m.ID.String())
		}
	}
	if len(out) > shown {
		out = append(out[:shown], fmt.Sprintf("and %d more", len(out)-shown))
	}
	return out
}
