// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// EncodeHeartbeat encodes a heartbeat as JSON. Reasons and errors longer than MaxReason are cut; any other limit exceeded is an error. The heartbeat that was
// passed in stays as it is.
func EncodeHeartbeat(h Heartbeat) ([]byte, error) {
	h.Members = cutAll(h.Members, func(m *MemberHealth) *string { return &m.Reason })
	h.Balancers = cutAll(h.Balancers, func(b *BalancerHealth) *string { return &b.Error })
	h.Resources = cutAll(h.Resources, func(r *ResourceHealth) *string { return &r.Reason })
	for i := range h.Balancers {
		servers := cutAll(h.Balancers[i].Servers, func(s *ServerHealth) *string { return &s.Reason })
		if len(servers) > 0 && &servers[0] != &h.Balancers[i].Servers[0] {
			h.Balancers = slices.Clone(h.Balancers)
			h.Balancers[i].Servers = servers
		}
	}
	if err := h.check(); err != nil {
		return nil, fmt.Errorf("encode heartbeat: %w", err)
	}
	b, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encode heartbeat: %w", err)
	}
	if len(b) > MaxPayload {
		return nil, fmt.Errorf("encode heartbeat: %w: %d bytes, limit %d", ErrTooLarge, len(b), MaxPayload)
	}
	return b, nil
}

// DecodeHeartbeat decodes a heartbeat; fields it does not know are ignored, and a member state it does not know becomes StateUnknown.
func DecodeHeartbeat(b []byte) (Heartbeat, error) {
	if err := checkShape(b); err != nil {
		return Heartbeat{}, fmt.Errorf("decode heartbeat: %w", err)
	}
	var h Heartbeat
	if err := json.Unmarshal(b, &h); err != nil {
		return Heartbeat{}, fmt.Errorf("decode heartbeat: %w: %w", ErrMalformed, err)
	}
	if err := h.check(); err != nil {
		return Heartbeat{}, fmt.Errorf("decode heartbeat: %w", err)
	}
	for i := range h.Members {
		if m := &h.Members[i]; m.State != StateUp && m.State != StateDown {
			m.State = StateUnknown
		}
	}
	for i := range h.Resources {
		switch r := &h.Resources[i]; r.State {
		case ResourceHeld, ResourceTaking, ResourceGone:
		default:
			r.State = ResourceTrouble
		}
	}
	return h, nil
}

// cutAll returns list with the chosen text of each element cut to MaxReason; it copies the list only where something has to be cut.
func cutAll[T any](list []T, text func(*T) *string) []T {
	own := false
	for i := range list {
		if s := *text(&list[i]); len(s) <= MaxReason && utf8.ValidString(s) {
			continue
		}
		if !own {
			list, own = slices.Clone(list), true
		}
		s := text(&list[i])
		*s = cut(*s)
	}
	return list
}

// cut makes s valid UTF-8 of at most MaxReason bytes, and never splits a character.
func cut(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) <= MaxReason {
		return s
	}
	n := MaxReason
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func (h Heartbeat) check() error {
	elements := len(h.Seen) + len(h.Members) + len(h.Balancers) + len(h.Rails) + len(h.Lapsed) + len(h.Resources)
	for i := range h.Balancers {
		elements += len(h.Balancers[i].Servers)
	}
	for _, c := range []error{
		checkCount("seen", len(h.Seen), MaxSeen),
		checkCount("members", len(h.Members), MaxMembers),
		checkCount("balancers", len(h.Balancers), MaxBalancers),
		checkCount("rails", len(h.Rails), MaxRails),
		checkCount("lapsed lives", len(h.Lapsed), MaxLapsed),
		checkCount("resources", len(h.Resources), MaxResources),
		checkText("class", h.Class, MaxName),
		checkCount("elements", elements, MaxElements),
		checkText("leader", h.Leader, MaxName),
		checkText("version", h.Version, MaxName),
	} {
		if c != nil {
			return c
		}
	}
	return h.checkLists()
}

func (h Heartbeat) checkLists() error {
	for i := range h.Seen {
		if err := checkName("seen node", h.Seen[i].Node); err != nil {
			return err
		}
	}
	for i := range h.Members {
		if err := h.Members[i].check(); err != nil {
			return err
		}
	}
	for i := range h.Balancers {
		if err := h.Balancers[i].check(); err != nil {
			return err
		}
	}
	for i := range h.Rails {
		if err := checkName("rail", h.Rails[i].Name); err != nil {
			return err
		}
	}
	for i := range h.Lapsed {
		if err := checkName("lapsed node", h.Lapsed[i].Node); err != nil {
			return err
		}
	}
	for i := range h.Resources {
		if err := h.Resources[i].check(); err != nil {
			return err
		}
	}
	return nil
}

func (r *ResourceHealth) check() error {
	if err := checkName("resource", r.Name); err != nil {
		return err
	}
	if err := checkText("resource state", r.State, MaxName); err != nil {
		return err
	}
	return checkText("resource reason", r.Reason, MaxReason)
}

func (m *MemberHealth) check() error {
	if err := checkName("pool", m.Pool); err != nil {
		return err
	}
	if err := checkName("member", m.Member); err != nil {
		return err
	}
	if err := checkText("member state", m.State, MaxName); err != nil {
		return err
	}
	return checkText("member reason", m.Reason, MaxReason)
}

func (b *BalancerHealth) check() error {
	if err := checkName("balancer", b.Name); err != nil {
		return err
	}
	if err := checkText("balancer error", b.Error, MaxReason); err != nil {
		return err
	}
	if err := checkText("balancer epoch", b.Epoch, MaxName); err != nil {
		return err
	}
	if err := checkCount("servers", len(b.Servers), MaxServers); err != nil {
		return err
	}
	for i := range b.Servers {
		if err := b.Servers[i].check(); err != nil {
			return err
		}
	}
	return nil
}

func (s *ServerHealth) check() error {
	if err := checkName("backend", s.Backend); err != nil {
		return err
	}
	if err := checkName("server", s.Server); err != nil {
		return err
	}
	if err := checkText("server admin", s.Admin, MaxName); err != nil {
		return err
	}
	if err := checkText("server op", s.Op, MaxName); err != nil {
		return err
	}
	if err := checkText("server phase", s.Phase, MaxName); err != nil {
		return err
	}
	return checkText("server reason", s.Reason, MaxReason)
}
