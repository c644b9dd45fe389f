// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Limits of what is read for one node.
const (
	maxLines   = 100_000 // lines once everything is expanded; 65,024 instances by ~SEQ stand in keepalived.conf(5) as an extreme
	maxText    = 8 << 20 // bytes of these lines, and of what comes of parameters
	maxSteps   = 400_000 // lines looked at on the way, also those that are for other nodes
	maxFiles   = 256     // files that are included
	maxNesting = 16      // files within files, and parameters within parameters
	maxDepth   = 32      // blocks within blocks
	maxBlocks  = 4096    // blocks of one keyword outside of all others; a cluster has at most 256 resources
)

// place is where a statement stands.
type place struct {
	file string
	line int // counted from 1
}

// line is one line once everything in it is expanded.
type line struct {
	at   place
	text string
}

// conditional is a line that begins with @.
type conditional struct {
	at place
	id string
}

// scanner reads the files of one node into lines.
type scanner struct {
	id      string // the config id of the node
	include func(from, pattern string) ([]File, error)

	values map[string]string // of the parameters
	lines  []line
	text   int // counted to maxText
	steps  int
	files  []string

	ids     []string // named by conditional lines, in the order of the files
	used    map[conditional]bool
	unused  []conditional
	missing []line // includes that brought nothing
	faults  []Fault
}

func newScanner(id string, include func(from, pattern string) ([]File, error)) *scanner {
	return &scanner{id: id, include: include, values: map[string]string{}, used: map[conditional]bool{}}
}

// full tells that a limit is reached; that is a fault, told once.
func (s *scanner) full(at place) bool {
	if len(s.lines) < maxLines && s.text < maxText && s.steps < maxSteps {
		return false
	}
	if len(s.faults) == 0 {
		s.fault(at, "", fmt.Sprintf("more than %d lines or %d MiB once parameters, ~SEQ and ~LST are expanded", maxLines, maxText>>20))
	}
	return true
}

func (s *scanner) fault(at place, word, want string) {
	s.faults = append(s.faults, Fault{File: at.file, Line: at.line, Word: word, Want: want})
}

// file reads one file.
func (s *scanner) file(f File, depth int) {
	s.files = append(s.files, f.Name)
	raw := strings.Split(strings.ReplaceAll(string(f.Data), "\r\n", "\n"), "\n")
	for i := 0; i < len(raw); i++ {
		at := place{f.Name, i + 1}
		text, more := s.uncomment(at, raw[i])
		several := definition.MatchString(text)
		for more && i+1 < len(raw) {
			i++
			var next string
			next, more = s.uncomment(place{f.Name, i + 1}, raw[i])
			if several {
				text += "\n" + next
				continue
			}
			text += " " + next
		}
		if s.full(at) {
			return
		}
		s.logical(line{at, text}, depth)
	}
}

// uncomment takes off the comment, which begins with # or ! outside of double quotes, and the \ by which a line
// goes on, of which it tells.
func (s *scanner) uncomment(at place, raw string) (text string, more bool) {
	if strings.ContainsRune(raw, 0) {
		s.fault(at, raw, "a NUL byte; is it the right file?")
		return "", false
	}
	raw = strings.TrimRight(raw, " \t\r")
	raw, more = strings.CutSuffix(raw, `\`)
	var out strings.Builder
	quoted := false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && i+1 < len(raw):
			i++
			if quoted || raw[i] != '#' && raw[i] != '!' {
				out.WriteByte('\\')
			}
			out.WriteByte(raw[i])
			continue
		case !quoted && (c == '#' || c == '!'):
			return strings.TrimSpace(out.String()), more
		}
		out.WriteByte(raw[i])
	}
	return strings.TrimSpace(out.String()), more
}

var (
	definition = regexp.MustCompile(`^\$([A-Za-z_][A-Za-z0-9_]*)=`)
	parameter  = regexp.MustCompile(`\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*)(?:\s|$))`)
)

// logical reads one line that is whole.
func (s *scanner) logical(l line, depth int) {
	s.steps++
	l.text = strings.TrimSpace(l.text)
	if l.text == "" || s.full(l.at) {
		return
	}
	if depth > maxNesting {
		s.fault(l.at, l.text, fmt.Sprintf("more than %d files or parameters within each other", maxNesting))
		return
	}
	if strings.HasPrefix(l.text, "@") {
		s.conditional(l, depth)
		return
	}
	if m := definition.FindStringSubmatch(l.text); m != nil {
		s.values[m[1]] = strings.TrimLeft(l.text[len(m[0]):], " \t")
		return
	}
	if strings.HasPrefix(l.text, "~") && s.repeated(l, depth) {
		return
	}
	text := s.substitute(l)
	if s.full(l.at) {
		return
	}
	if text != l.text {
		s.text += len(text)
		for part := range strings.SplitSeq(text, "\n") {
			s.again(line{l.at, part}, depth)
		}
		return
	}
	s.keep(l, depth)
}

// again reads what came of a parameter. Such a line may be conditional or a definition itself.
func (s *scanner) again(l line, depth int) {
	if t := strings.TrimSpace(l.text); strings.HasPrefix(t, "@") || strings.HasPrefix(t, "~") || definition.MatchString(t) || parameter.MatchString(t) {
		s.logical(l, depth+1)
		return
	}
	s.keep(l, depth)
}

// keep takes a line as it is, or reads the files that it includes.
func (s *scanner) keep(l line, depth int) {
	l.text = strings.TrimSpace(l.text)
	if l.text == "" || s.full(l.at) {
		return
	}
	word, rest, _ := strings.Cut(strings.ReplaceAll(l.text, "\t", " "), " ")
	switch word {
	case "include", "includer", "includem", "includew", "includeb", "includea":
		s.included(l, strings.Trim(strings.TrimSpace(rest), `"`), depth)
		return
	}
	s.text += len(l.text)
	s.lines = append(s.lines, l)
}

func (s *scanner) included(l line, pattern string, depth int) {
	var files []File
	if s.include != nil {
		var err error
		if files, err = s.include(l.at.file, pattern); err != nil {
			s.fault(l.at, pattern, fmt.Sprintf("cannot be read: %v", err))
			return
		}
	}
	if len(files) == 0 {
		s.missing = append(s.missing, l)
	}
	for _, f := range files {
		if depth >= maxNesting || len(s.files) >= maxFiles {
			s.fault(l.at, pattern, fmt.Sprintf("more than %d files, or more than %d within each other", maxFiles, maxNesting))
			return
		}
		s.file(f, depth+1)
	}
}

// conditional reads a line that is for some nodes only.
func (s *scanner) conditional(l line, depth int) {
	end := strings.IndexAny(l.text, " \t\n")
	if end < 0 {
		end = len(l.text)
	}
	id, not := strings.CutPrefix(l.text[1:end], "^")
	if !slices.Contains(s.ids, id) {
		s.ids = append(s.ids, id)
	}
	c := conditional{l.at, l.text[:end]}
	if (id == s.id) == not {
		s.unused = append(s.unused, c)
		return
	}
	s.used[c] = true
	s.logical(line{l.at, l.text[end:]}, depth+1)
}

// substitute replaces every parameter that has a value, once.
func (s *scanner) substitute(l line) string {
	var out strings.Builder
	text := l.text
	for {
		m := parameter.FindStringSubmatchIndex(text)
		if m == nil {
			out.WriteString(text)
			return out.String()
		}
		from, to, end := m[2], m[3], m[1]
		if from < 0 {
			from, to, end = m[4], m[5], m[5] // the space after it stays
		}
		out.WriteString(text[:m[0]])
		if value, ok := s.value(text[from:to], l.at); ok {
			out.WriteString(value)
		} else {
			out.WriteString(text[m[0]:end])
		}
		text = text[end:]
		if s.text+out.Len() > maxText {
			s.text = maxText
			return ""
		}
	}
}

// value returns the value of a parameter. One that keepalived draws at random has none.
func (s *scanner) value(name string, at place) (string, bool) {
	switch name {
	case "_PWD":
		return path.Dir(at.file), true
	case "_INSTANCE":
		return s.id, s.id != ""
	case "_HASH":
		return "#", true
	case "_BANG":
		return "!", true
	}
	v, ok := s.values[name]
	return v, ok
}
