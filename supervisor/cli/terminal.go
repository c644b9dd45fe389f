// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"
	"golang.org/x/sys/unix"
)

// pollEvery is how often a question looks whether it is still wanted, in milliseconds.
const pollEvery = 200

// screen is what is known of where the output goes.
type screen struct {
	tty    bool
	width  int // columns; 0 = not a terminal, lines may be of any length
	height int // lines
	color  bool
}

// screenOf looks at an output. Colour is for terminals whose user did not say
// otherwise (no-color.org).
func (env *environment) screenOf(w io.Writer) screen {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(f.Fd()) {
		return screen{}
	}
	s := screen{tty: true, width: 80, height: 24}
	if width, height, err := term.GetSize(f.Fd()); err == nil && width > 0 && height > 0 {
		s.width, s.height = width, height
	}
	s.color = !env.noColor && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return s
}

// palette has the styles. Without colour they change nothing.
type palette struct{ good, warn, bad, dim, bold lipgloss.Style }

func (s screen) palette() palette {
	plain := lipgloss.NewStyle()
	if !s.color {
		return palette{plain, plain, plain, plain, plain}
	}
	return palette{
		good: plain.Foreground(lipgloss.Green), warn: plain.Foreground(lipgloss.Yellow),
		bad: plain.Foreground(lipgloss.Red).Bold(true), dim: plain.Faint(true), bold: plain.Bold(true),
	}
}

// clean makes text from elsewhere safe for a terminal and keeps it on one line.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// progress shows how a wait goes: one line that changes on a terminal, and
// elsewhere a line for every change.
type progress struct {
	env   *environment
	at    screen
	shown string
}

func (env *environment) newProgress() *progress {
	return &progress{env: env, at: env.screenOf(env.stderr)}
}

// update shows the line; the elapsed time is for terminals only, since it always changes.
func (p *progress) update(line, elapsed string) {
	line = clean(line)
	if p.at.tty {
		p.write("\r\x1b[K" + ansi.Truncate(elapsed+"  "+line, p.at.width-1, "…"))
	} else if line != p.shown {
		p.write(line + "\n")
	}
	p.shown = line
}

// end leaves the terminal at the beginning of an empty line.
func (p *progress) end() {
	if p.at.tty && p.shown != "" {
		p.write("\r\x1b[K")
	}
}

// write is for people: when it fails there is nobody left to tell.
func (p *progress) write(s string) { _, _ = io.WriteString(p.env.stderr, s) }

// confirm asks on the terminal. It fails when there is none.
func (env *environment) confirm(ctx context.Context, question string) (yes bool, err error) {
	in, ok := env.stdin.(*os.File)
	if !ok || !term.IsTerminal(in.Fd()) {
		return false, hintedError{errors.New("this needs a yes, and stdin is no terminal to ask on"), "add --yes"}
	}
	if _, err := fmt.Fprintf(env.stderr, "%s [y/N] ", question); err != nil {
		return false, err
	}
	// A read cannot be called off, so it begins when there is something to read.
	fds := []unix.PollFd{{Fd: int32(in.Fd()), Events: unix.POLLIN}}
	for ready := 0; ready == 0; {
		if ready, err = unix.Poll(fds, pollEvery); err != nil && !errors.Is(err, unix.EINTR) {
			return false, fmt.Errorf("wait for the answer: %w", err)
		}
		if ctx.Err() != nil {
			env.say("")
			return false, ctx.Err()
		}
		ready = max(ready, 0)
	}
	answer := make([]byte, 64)
	n, err := in.Read(answer)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read the answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(string(answer[:n]))) {
	case "y", "yes":
		return true, nil
	}
	return false, nil
}
