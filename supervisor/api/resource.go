// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

func (s *Server) resource(req *http.Request) (payload, *Error) {
	ask, failure := decode[ResourceRequest](req)
	if failure != nil {
		return nil, failure
	}
	if failure := ask.check(); failure != nil {
		return nil, failure
	}
	name := req.PathValue("resource")
	spec, _ := s.source.Spec()
	resource, ok := spec.Resource(name)
	if !ok {
		return nil, unknown(fmt.Sprintf("there is no resource %.100q", name), "resources", resourceNames(spec))
	}
	if ask.Node != "" {
		if _, ok := spec.Node(ask.Node); !ok {
			return nil, unknown(fmt.Sprintf("there is no node %.100q", string(ask.Node)), "nodes", nodeNames(spec))
		}
	}
	if ask.Verb == cluster.VerbMove {
		if failure := s.unfit(spec, resource, ask); failure != nil {
			return nil, failure
		}
	}
	return orFailure(s.submit(req, cluster.SetResource{Resource: name, Verb: ask.Verb, Node: ask.Node, Reason: ask.Reason}))
}

// check looks at what can be judged without the cluster.
func (r ResourceRequest) check() *Error {
	const nodes = "move and ban name a node, the other verbs do not"
	switch r.Verb {
	case cluster.VerbMove, cluster.VerbBan:
		if r.Node == "" {
			return badRequest(fmt.Sprintf("%s needs a node", r.Verb), nodes)
		}
	case cluster.VerbRestart, cluster.VerbClear, cluster.VerbEnable, cluster.VerbDisable:
		if r.Node != "" {
			return badRequest(fmt.Sprintf("%s takes no node, and got %.100q", r.Verb, string(r.Node)), nodes)
		}
	default:
		return badRequest(fmt.Sprintf("verb %.40q: write move, restart, ban, clear, enable or disable", string(r.Verb)), "")
	}
	if r.Force && r.Verb != cluster.VerbMove {
		return badRequest(fmt.Sprintf("%s cannot be forced", r.Verb), "force is for move, to a node that cannot hold the resource now")
	}
	return checkReason(r.Reason)
}

// unfit refuses a move to a node that cannot hold the resource, as this node sees it. The log knows less, and refuses by
// itself what no force can do.
func (s *Server) unfit(spec cluster.Spec, r cluster.ResourceSpec, ask ResourceRequest) *Error {
	may := spec.Eligible(r)
	if !slices.Contains(may, ask.Node) {
		return &Error{
			Status:  http.StatusConflict,
			Message: fmt.Sprintf("resource %s: the cluster file does not let node %s hold it", r.Name, ask.Node),
			Hint:    "nothing was changed; it lets " + strings.Join(cluster.Names(may), ", "),
		}
	}
	view := s.source.View()
	is, to, known := candidate(view, r.Name, ask.Node)
	if ask.Force || !known || to.Unfit == "" || is.Holder == ask.Node {
		return nil
	}
	return &Error{
		Status: http.StatusConflict, Message: fmt.Sprintf("resource %s: %s", r.Name, to.Unfit),
		Hint: "nothing was changed; " + remedy(view, is, to),
	}
}

func candidate(view cluster.View, name string, node cluster.NodeID) (cluster.ResourceView, cluster.CandidateView, bool) {
	for _, r := range view.Resources {
		for _, c := range r.Candidates {
			if r.Name == name && c.Node == node {
				return r, c, true
			}
		}
	}
	return cluster.ResourceView{}, cluster.CandidateView{}, false
}

// remedy tells what lets the node hold the resource. What an operator or the log said is not overcome by force.
func remedy(view cluster.View, r cluster.ResourceView, to cluster.CandidateView) string {
	i := slices.IndexFunc(view.Nodes, func(n cluster.NodeView) bool { return n.Name == to.Node })
	switch {
	case r.State == cluster.ResourceDisabled:
		return "first: evenkeel resource enable " + r.Name
	case to.Banned:
		return "first: evenkeel resource clear " + r.Name
	case i >= 0 && view.Nodes[i].Mode == cluster.ModeStandby:
		return "first: evenkeel node unstandby " + string(to.Node)
	case i >= 0 && view.Nodes[i].Mode == cluster.ModeMaintenance:
		return fmt.Sprintf("first: evenkeel node maintenance %s --off", to.Node)
	case i >= 0 && view.Nodes[i].Life != string(cluster.LifeAlive) && view.Nodes[i].Life != "suspect":
		return "ask again when the node is alive"
	}
	return "--force moves it there all the same"
}

func resourceNames(spec cluster.Spec) []string {
	var out []string
	for _, r := range spec.Resources {
		out = append(out, r.Name)
	}
	return out
}
