// SPDX-License-Identifier: Apache-2.0

package haproxy

import (
	"fmt"
	"slices"
	"strings"
)

const (
	// replyMax bounds in bytes what is parsed: some 60,000 servers.
	replyMax = 32 << 20
	// notesMax and noteMax bound how many different messages of a reply are kept, and each in bytes.
	notesMax = 64
	noteMax  = 300
)

// note is one message of HAProxy's command line.
type note struct {
	// severity is 0 to 7 as in syslog, or -1 when HAProxy gave none.
	severity int
	text     string
}

func (n note) failed() bool { return n.severity >= 0 && n.severity <= 3 }

// reply is what one or several lines brought back, sorted by kind.
type reply struct {
	notes []note
	// tables counts the answers to "show servers state"; one of a backend without servers has no rows.
	tables int
	states []stateRow
	stats  []statRow
	info   info
}

// parseReply sorts a reply into its parts. The parts are known by their first lines and end at an empty line; all else
// is a message.
func parseReply(text string) (reply, error) {
	var r reply
	if len(text) > replyMax {
		return r, fmt.Errorf("%w: %d bytes are more than %d", ErrNoAnswer, len(text), replyMax)
	}
	for text != "" {
		line, rest, _ := strings.Cut(text, "\n")
		var err error
		switch {
		case strings.HasPrefix(line, stateHeader):
			text, err = r.takeStates(text)
		case strings.HasPrefix(line, statHeader):
			text, err = r.takeStats(text)
		case strings.HasPrefix(line, infoHeader):
			text, err = r.takeInfo(text)
		default:
			r.takeNote(line)
			text = rest
		}
		if err != nil {
			return reply{}, err
		}
	}
	return r, nil
}

// add appends the rows and notes of a later line; its info replaces the earlier one.
func (r *reply) add(o reply) {
	r.states = append(r.states, o.states...)
	r.stats = append(r.stats, o.stats...)
	r.tables += o.tables
	for _, n := range o.notes {
		if len(r.notes) < notesMax && !slices.Contains(r.notes, n) {
			r.notes = append(r.notes, n)
		}
	}
	r.info = o.info
}

func (r *reply) takeNote(line string) {
	line = strings.TrimSpace(line)
	if line == "" || line == "1" || len(r.notes) >= notesMax {
		return
	}
	n := note{severity: -1, text: line}
	if len(line) >= 4 && line[0] == '[' && '0' <= line[1] && line[1] <= '7' && line[2:4] == "]:" {
		n = note{severity: int(line[1] - '0'), text: strings.TrimSpace(line[4:])}
	}
	n.text = n.text[:min(len(n.text), noteMax)]
	if !slices.Contains(r.notes, n) {
		r.notes = append(r.notes, n)
	}
}

// failures joins the messages that are errors, for people.
func (r *reply) failures() string {
	var texts []string
	for _, n := range r.notes {
		if n.failed() {
			texts = append(texts, n.text)
		}
	}
	return strings.Join(texts, "; ")
}

// said tells whether a message contains one of the words, and with which severity.
func (r *reply) said(words ...string) (note, bool) {
	for _, n := range r.notes {
		for _, w := range words {
			if strings.Contains(n.text, w) {
				return n, true
			}
		}
	}
	return note{}, false
}

// block cuts text after its first empty line. Empty lines within double quotes do not count.
func block(text string) (head, rest string) {
	quoted := false
	for at := 0; at < len(text); {
		end := strings.IndexByte(text[at:], '\n')
		if end < 0 {
			return text, ""
		}
		if end == 0 && !quoted {
			return text[:at], text[at+1:]
		}
		if strings.Count(text[at:at+end], `"`)%2 == 1 {
			quoted = !quoted
		}
		at += end + 1
	}
	return text, ""
}
