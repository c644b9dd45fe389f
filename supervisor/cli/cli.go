// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
	"github.com/evenkeel-ha/evenkeel/supervisor/api"
)

// Exit codes of the binary.
const (
	exitFine   = 0
	exitFailed = 1
	exitUsage  = 2
)

// environment is what verbs know of the process that they run in.
type environment struct {
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
	version string
	socket  string // --socket; empty = not given
	noColor bool   // --no-color
	began   bool   // the command line was right and the verb is at work
}

// Main runs the command line without the program's name, and returns the exit
// code. It ends early when ctx does.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, version string) int {
	if len(args) > 0 && args[0] == lab.InitArg {
		return lab.Init(args[1:]) // the first process of a node of the demo
	}
	env := &environment{stdin: stdin, stdout: stdout, stderr: stderr, version: version}
	root := newRootCommand(env)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	return env.report(cmd, err)
}

// usageError tells that the command line is wrong.
type usageError struct{ message string }

func (e usageError) Error() string { return e.message }

// codeError carries an exit code of a verb that has said everything already.
type codeError int

func (e codeError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// hintedError adds to an error what the user can do.
type hintedError struct {
	error
	hint string
}

func (e hintedError) Unwrap() error { return e.error }

// troubleError is a failure of a verb whose exit code 1 is an answer.
type troubleError struct{ error }

func (e troubleError) Unwrap() error { return e.error }

// report tells the error, if there is one, and returns the exit code.
func (env *environment) report(cmd *cobra.Command, err error) int {
	var code codeError
	var usage usageError
	switch {
	case err == nil:
		return exitFine
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &usage) || !env.began: // cobra's own errors come before the verb begins
		env.say("error: %v", err)
		env.say("usage: %s", cmd.UseLine())
		env.say("hint: %s --help", cmd.CommandPath())
		return exitUsage
	case errors.Is(err, context.Canceled):
		env.say("interrupted")
		return exitFailed
	}
	env.say("error: %v", err)
	if hint := hintOf(err); hint != "" {
		env.say("hint: %s", hint)
	}
	if errors.As(err, new(troubleError)) {
		return exitUsage
	}
	return exitFailed
}

func hintOf(err error) string {
	if own, ok := errors.AsType[hintedError](err); ok {
		return own.hint
	}
	if refused, ok := errors.AsType[*api.Error](err); ok {
		return refused.Hint
	}
	return ""
}

// say writes a line for people to stderr. When that fails there is nobody left
// to tell.
func (env *environment) say(format string, args ...any) {
	_, _ = fmt.Fprintf(env.stderr, format+"\n", args...)
}

// print writes a line of the result to stdout.
func (env *environment) print(format string, args ...any) error {
	_, err := fmt.Fprintf(env.stdout, format+"\n", args...)
	return err
}
