// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parse turns bytes into the tree of the one YAML document that they hold.
func parse(file string, data []byte) (*yaml.Node, *Fault) {
	fault := func(want string) *Fault { return &Fault{File: file, Want: want} }
	if len(data) > MaxFile {
		return nil, fault(fmt.Sprintf("is larger than %d KiB; is it the right file?", MaxFile>>10))
	}
	if bytes.IndexByte(data, 0) >= 0 {
		return nil, fault("holds a zero byte: it is no text file, or it is saved as UTF-16; save it as UTF-8")
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	doc, err := next(dec)
	switch {
	case errors.Is(err, io.EOF):
		return nil, fault("is empty")
	case err != nil:
		return nil, syntaxFault(file, data, err)
	case len(doc.Content) == 0:
		return nil, fault("is empty")
	}
	second, err := next(dec)
	switch {
	case errors.Is(err, io.EOF):
		return doc.Content[0], nil
	case err != nil:
		return nil, syntaxFault(file, data, err)
	}
	return nil, &Fault{File: file, Line: second.Line, Want: "a second document begins here (after ---); keep one document in the file"}
}

// next returns the next document. The YAML library panics on states that it
// holds to be impossible; whatever bytes lead there, they are a fault of the
// file and must not end a supervisor.
func next(dec *yaml.Decoder) (doc *yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			doc, err = nil, fmt.Errorf("yaml: %v", r)
		}
	}()
	doc = &yaml.Node{}
	if err := dec.Decode(doc); err != nil {
		return nil, err
	}
	return doc, nil
}

// syntaxFault tells where the YAML breaks and what is likely wrong there.
func syntaxFault(file string, data []byte, err error) *Fault {
	lines := strings.Split(string(data), "\n")
	at := min(breaksAt(data, lines), len(lines))
	began, want := beganAt(err), inWords(err)
	switch {
	case began == 0 || began >= at:
	case strings.Contains(err.Error(), "could not find expected ':'"), strings.Contains(err.Error(), "unexpected end of stream"):
		at = began // of the key, or of the quote
	case strings.Contains(err.Error(), "did not find expected ',' or") && strings.ContainsAny(lines[began], "[{"):
		want += fmt.Sprintf("; see the bracket on line %d", began+1) // the library counts from 0 here
	}
	text := strings.TrimRight(lines[at-1], "\r")
	f := &Fault{File: file, Line: at, Value: strings.TrimSpace(text), Want: want}
	// A tab in the indentation at the break or shortly above it explains more
	// than the library's words.
	for i := at; i > 0 && i > at-3; i-- {
		line := lines[i-1]
		indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if tab := strings.IndexByte(indent, '\t'); tab >= 0 && strings.TrimSpace(line) != "" {
			f.Line, f.Column, f.Value = i, tab+1, strings.TrimSpace(line)
			f.Want = "a tab stands in the indentation; YAML wants spaces there"
			return f
		}
	}
	return f
}

// breaksAt returns the line at which the parser gives up. The library's own
// line is often that of the beginning of the block, so the bytes are fed once
// more, one at a time, and the last line it asked for that says something is
// the one.
func breaksAt(data []byte, lines []string) int {
	r := &dribble{data: data}
	dec := yaml.NewDecoder(r)
	for {
		if _, err := next(dec); err != nil {
			break
		}
	}
	at := 1 + bytes.Count(data[:max(0, r.given-1)], []byte{'\n'})
	for at > 1 && saysNothing(lines[at-1]) {
		at--
	}
	return at
}

func saysNothing(line string) bool {
	line = strings.TrimSpace(line)
	return line == "" || line[0] == '#'
}

// dribble is a reader that gives one byte a call and counts them.
type dribble struct {
	data  []byte
	given int
}

// Read implements io.Reader.
func (d *dribble) Read(p []byte) (int, error) {
	if d.given == len(d.data) || len(p) == 0 {
		return 0, io.EOF
	}
	p[0] = d.data[d.given]
	d.given++
	return 1, nil
}

var yamlPrefix = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// beganAt returns the line that the library names, 0 for none: where the thing
// begins that broke.
func beganAt(err error) int {
	if m := yamlPrefix.FindStringSubmatch(err.Error()); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			return n
		}
	}
	return 0
}

// inWords puts the library's messages into the operator's words.
func inWords(err error) string {
	said := yamlPrefix.ReplaceAllString(err.Error(), "")
	for _, m := range []struct{ has, means string }{
		{"mapping values are not allowed", "a colon too many, or the line is indented too far; put text that holds ': ' in quotes"},
		{"did not find expected key", "the indentation does not fit the lines above, or a quote or bracket is out of place"},
		{"did not find expected '-' indicator", "the indentation does not fit the list above; the '-' of one list stand in one column"},
		{"could not find expected ':'", "a key without a colon; write key: value"},
		{"did not find expected ',' or", "a bracket [ or { is not closed, or a comma is missing"},
		{"found unexpected end of stream", "a quote that was opened is never closed"},
		{"cannot start any token", "this character cannot stand here; put the text in quotes"},
		{"found unknown escape character", "a backslash in double quotes begins an escape; use single quotes"},
		{"unknown anchor", "an alias (*name) without an anchor (&name) above it"},
		{"control characters are not allowed", "a control character stands in the file; remove it"},
		{"UTF-8", "the text is not UTF-8; save the file as UTF-8"},
		{"UTF-16", "the text is not UTF-8; save the file as UTF-8"},
		{"exceeded max depth", "nested far too deeply"},
	} {
		if strings.Contains(said, m.has) {
			return m.means
		}
	}
	return "not valid YAML: " + said
}
