// SPDX-License-Identifier: Apache-2.0

package script

import (
	"slices"
	"strings"
)

// element is a part of a form: a word as it stands, a slot, or elements that may be left out together.
type element struct {
	word  string
	slot  string // NODE, TIME, or the words to choose from, as alive|down
	key   string // under which the slot's word is kept; empty = the slot's own
	maybe []element
}

// parseForm reads a form such as "cut rail RAIL [of NODE]". Words in capitals and words with | are slots; NODE:peer is kept
// under "peer".
func parseForm(pattern string) []element {
	var out []element
	for pattern != "" {
		if rest, ok := strings.CutPrefix(pattern, "["); ok {
			inner, after, _ := strings.Cut(rest, "]")
			out = append(out, element{maybe: parseForm(inner)})
			pattern = strings.TrimPrefix(after, " ")
			continue
		}
		word, after, _ := strings.Cut(pattern, " ")
		pattern = after
		name, key, _ := strings.Cut(word, ":")
		if strings.Contains(name, "|") || name != strings.ToLower(name) {
			out = append(out, element{slot: name, key: key})
		} else {
			out = append(out, element{word: word})
		}
	}
	return out
}

// values are the words in the slots of a line, by their keys. What was left out is not there; elements that may be left out
// and have no slot are kept under their first word.
type values map[string]string

// token is a word of a line.
type token struct {
	text   string
	column int // in characters, from 1
}

// miss is where a line does not fit a form, and what would fit there.
type miss struct {
	at    int      // index of the token
	wants []string // what would be right
	near  []string // the words among that
	wrong string   // what is wrong with the word itself; it goes before wants
}

// or returns the miss that explains the line better: the one that came further, or both.
func (m miss) or(o miss) miss {
	switch {
	case o.at > m.at:
		return o
	case o.at < m.at:
		return m
	}
	m.wants, m.near = append(m.wants, o.wants...), append(m.near, o.near...)
	if m.wrong == "" {
		m.wrong = o.wrong
	}
	return m
}

// matcher walks a form and a line together.
type matcher struct {
	ground grounds
	tokens []token
	at     int
	values values
	miss   miss // what else would have fitted at the furthest place
}

// match fits a line into a form.
func match(g grounds, form []element, tokens []token) (values, miss, bool) {
	m := &matcher{ground: g, tokens: tokens, values: values{}, miss: miss{at: -1}}
	ok := m.all(form)
	if ok && m.at < len(tokens) {
		m.miss, ok = m.miss.or(miss{at: m.at}), false
	}
	return m.values, m.miss, ok
}

func (m *matcher) all(form []element) bool {
	for _, e := range form {
		if e.maybe != nil && !m.begins(e.maybe[0]) {
			m.one(e.maybe[0]) // for what it would have wanted
			continue
		}
		if e.maybe != nil {
			if e.maybe[0].word != "" {
				m.values[e.maybe[0].word] = "yes"
			}
			if !m.all(e.maybe) {
				return false
			}
			continue
		}
		if !m.one(e) {
			return false
		}
	}
	return true
}

// begins tells whether what may be left out is there. If it begins with a slot, whatever is there is meant to be it.
func (m *matcher) begins(e element) bool {
	return m.at < len(m.tokens) && (e.word == "" || e.word == m.tokens[m.at].text)
}

// one fits the next token into one word or slot.
func (m *matcher) one(e element) bool {
	if e.word != "" {
		if m.at < len(m.tokens) && m.tokens[m.at].text == e.word {
			m.at++
			return true
		}
		m.miss = m.miss.or(miss{at: m.at, wants: []string{e.word}, near: []string{e.word}})
		return false
	}
	s := m.ground.slot(e.slot)
	wrong := ""
	if m.at < len(m.tokens) {
		var value string
		if value, wrong = s.read(m.tokens[m.at].text); value != "" {
			m.values[e.keyOr(s)] = value
			m.at++
			return true
		}
	}
	m.miss = m.miss.or(miss{at: m.at, wants: s.wants, near: s.near, wrong: wrong})
	return false
}

func (e element) keyOr(s slot) string {
	if e.key != "" {
		return e.key
	}
	return s.key
}

// write puts values into the slots of a form. What has no value is left out where it may be.
func write(form []element, v values) string {
	var out []string
	for _, e := range form {
		switch {
		case e.maybe != nil:
			if there(e.maybe, v) {
				out = append(out, write(e.maybe, v))
			}
		case e.word != "":
			out = append(out, e.word)
		default:
			out = append(out, v[e.keyOr(grounds{}.slot(e.slot))])
		}
	}
	return strings.Join(out, " ")
}

// there tells whether what may be left out has something to say.
func there(form []element, v values) bool {
	slots := slices.DeleteFunc(slices.Clone(form), func(e element) bool { return e.slot == "" })
	if len(slots) == 0 {
		return v[form[0].word] != ""
	}
	return fits(slots, v)
}

// fits tells whether there is a value for every slot that a form needs.
func fits(form []element, v values) bool {
	for _, e := range form {
		if e.slot == "" {
			continue
		}
		value := v[e.keyOr(grounds{}.slot(e.slot))]
		if value == "" || strings.Contains(e.slot, "|") && !slices.Contains(strings.Split(e.slot, "|"), value) {
			return false
		}
	}
	return true
}
