// SPDX-License-Identifier: Apache-2.0

package supervisor_test

import (
	"go/ast"
	"go/build/constraint"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// pureStandard is what pure code may use of the standard library, with the reason where it is not plain arithmetic. What is not here does I/O, reads a
// clock, starts goroutines, draws random numbers, or has not been asked for.
var pureStandard = map[string]string{
	"bytes":           "",
	"cmp":             "",
	"context":         "for the signatures of ports; its functions are refused below",
	"crypto/hmac":     "a seal is arithmetic when the key is an argument",
	"crypto/sha256":   "",
	"crypto/sha512":   "",
	"crypto/subtle":   "",
	"encoding":        "",
	"encoding/base64": "",
	"encoding/binary": "",
	"encoding/hex":    "",
	"encoding/json":   "writes maps in sorted order",
	"errors":          "",
	"fmt":             "prints maps in sorted order; printing to the terminal is refused below",
	"hash":            "",
	"hash/crc32":      "",
	"hash/crc64":      "",
	"hash/fnv":        "",
	"iter":            "",
	"maps":            "its iterators must be sorted, see below",
	"math":            "",
	"math/bits":       "",
	"net/netip":       "values, no network",
	"net/url":         "values, no network",
	"path":            "",
	"regexp":          "",
	"slices":          "",
	"sort":            "",
	"strconv":         "",
	"strings":         "",
	"time":            "for its types; its clocks are refused below",
	"unicode":         "",
	"unicode/utf8":    "",
}

// checkPureImports holds the imports of pure code against what it may use. What is ours is the matrix's to judge.
func checkPureImports(t *tree) []finding {
	var found []finding
	for _, f := range t.folders {
		r, ok := rowOf(f.path)
		if !ok || !r.pure {
			continue
		}
		for _, e := range edges(t, f.code()) {
			if _, standard := pureStandard[e.path]; e.ours == "" && !standard && !coversAny(r.extra, e.path) {
				found = append(found, e.finding("pure code must not import "+e.path))
			}
		}
	}
	return found
}

// The clocks of package time, and what asks the machine where it is.
var clocks = []string{
	"After", "AfterFunc", "LoadLocation", "Local", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Until",
}

// checkPureCode looks through the code of every pure folder.
func (r *resolver) checkPureCode(t *tree) []finding {
	var found []finding
	for _, f := range t.folders {
		if row, ok := rowOf(f.path); !ok || !row.pure || len(f.code()) == 0 {
			continue
		}
		info, unknown := r.resolve(t.fset, f)
		found = append(found, unknown...)
		for _, s := range f.code() {
			found = append(found, inspectPure(t.fset, info, s)...)
		}
	}
	return found
}

// A purist walks one file.
type purist struct {
	fset   *token.FileSet
	info   *types.Info
	sorted map[ast.Expr]bool // iterators over a map whose order is taken away by what they are passed to
	ports  map[ast.Expr]bool // channel types in the signatures of an interface: like a context, pure code may name them for others
	found  []finding
}

func inspectPure(fset *token.FileSet, info *types.Info, s *source) []finding {
	p := &purist{fset: fset, info: info, sorted: map[ast.Expr]bool{}, ports: map[ast.Expr]bool{}}
	for _, group := range s.ast.Comments {
		for _, c := range group.List {
			if constraint.IsGoBuild(c.Text) {
				p.report(c, "build constraint: pure code is the same on every machine")
			}
		}
	}
	ast.Inspect(s.ast, func(n ast.Node) bool {
		p.statement(n)
		if e, ok := n.(ast.Expr); ok {
			p.expression(e)
		}
		return true
	})
	return p.found
}

func (p *purist) report(n ast.Node, what string) {
	at := p.fset.Position(n.Pos())
	p.found = append(p.found, finding{path: at.Filename, line: at.Line, what: what})
}

func (p *purist) statement(n ast.Node) {
	switch n := n.(type) {
	case *ast.GoStmt:
		p.report(n, "go: pure code starts no goroutine")
	case *ast.SelectStmt:
		p.report(n, "select: pure code waits for nothing")
	case *ast.SendStmt:
		p.report(n, "send: pure code knows no channel")
	case *ast.RangeStmt:
		p.rangeOver(n)
	}
}

func (p *purist) rangeOver(n *ast.RangeStmt) {
	over := p.info.TypeOf(n.X)
	switch {
	case over == nil || over == types.Typ[types.Invalid]:
		p.report(n, "range over a type that cannot be resolved")
	case underlies[*types.Map](over):
		p.report(n, "range over a map: its order differs from run to run; range over slices.Sorted(maps.Keys(m))")
	case underlies[*types.Chan](over):
		p.report(n, "range over a channel: pure code knows no channel")
	}
}

// underlies reports whether a type is a T below its names, or may be one where it is a type parameter.
func underlies[T types.Type](t types.Type) bool {
	if _, ok := t.Underlying().(T); ok {
		return true
	}
	switch t := types.Unalias(t).(type) {
	case *types.TypeParam:
		return underlies[T](t.Constraint().Underlying())
	case *types.Interface:
		for embedded := range t.EmbeddedTypes() {
			if underlies[T](embedded) {
				return true
			}
		}
	case *types.Union:
		for term := range t.Terms() {
			if underlies[T](term.Type()) {
				return true
			}
		}
	}
	return false
}

func (p *purist) expression(e ast.Expr) {
	switch e := e.(type) {
	case *ast.InterfaceType:
		p.port(e)
	case *ast.ChanType:
		if !p.ports[e] {
			p.report(e, "chan: pure code knows no channel")
		}
	case *ast.UnaryExpr:
		if e.Op == token.ARROW {
			p.report(e, "receive: pure code knows no channel")
		}
	case *ast.CallExpr:
		p.call(e)
	case *ast.Ident:
		p.use(e)
	}
}

// port remembers the channel types in the methods of an interface, which is visited before what is in it.
func (p *purist) port(e *ast.InterfaceType) {
	for _, method := range e.Methods.List {
		if signature, ok := method.Type.(*ast.FuncType); ok {
			ast.Inspect(signature, func(n ast.Node) bool {
				if c, ok := n.(*ast.ChanType); ok {
					p.ports[c] = true
				}
				return true
			})
		}
	}
}

// call remembers the iterators over maps that are sorted on the spot, or poured into another map, and reports the others. A function is visited before its
// arguments.
func (p *purist) call(e *ast.CallExpr) {
	switch p.callee(e) {
	case "slices.Sorted", "slices.SortedFunc", "slices.SortedStableFunc", "maps.Collect":
		p.sorted[ast.Unparen(e.Args[0])] = true
	case "maps.Insert":
		p.sorted[ast.Unparen(e.Args[1])] = true
	case "maps.All", "maps.Keys", "maps.Values":
		if !p.sorted[e] {
			p.report(e, p.callee(e)+" without slices.Sorted around it: its order differs from run to run")
		}
	}
}

// callee names the function of the standard library that a call goes to, as in "maps.Keys".
func (p *purist) callee(e *ast.CallExpr) string {
	called := ast.Unparen(e.Fun)
	switch instance := called.(type) {
	case *ast.IndexExpr:
		called = instance.X
	case *ast.IndexListExpr:
		called = instance.X
	}
	var name *ast.Ident
	switch called := called.(type) {
	case *ast.SelectorExpr:
		name = called.Sel
	case *ast.Ident:
		name = called
	default:
		return ""
	}
	if f, ok := p.info.Uses[name].(*types.Func); ok {
		return f.FullName()
	}
	return ""
}

// use reports what an identifier stands for, whatever its package was renamed to.
func (p *purist) use(id *ast.Ident) {
	object := p.info.Uses[id]
	if _, ok := object.(*types.Builtin); ok && (id.Name == "print" || id.Name == "println") {
		p.report(id, id.Name+": pure code has no terminal")
		return
	}
	if object == nil || object.Pkg() == nil {
		return
	}
	function, isFunction := object.(*types.Func)
	if isFunction && function.FullName() == "(time.Time).Local" {
		p.report(id, "Time.Local: the time zone of the machine is not an argument")
		return
	}
	if object.Parent() != object.Pkg().Scope() {
		return // a method, a field or a local name
	}
	name := object.Name()
	switch from := object.Pkg().Path(); {
	case from == "time" && slices.Contains(clocks, name):
		p.report(id, "time."+name+": time is an argument")
	case from == "sync" || from == "sync/atomic":
		p.report(id, object.Pkg().Name()+"."+name+": pure code has one owner, who locks nothing")
	case from == "context" && isFunction:
		p.report(id, "context."+name+": pure code may name a context, not make one")
	case (from == "math/rand" || from == "math/rand/v2") && isFunction && !strings.HasPrefix(name, "New"):
		p.report(id, "rand."+name+": the source of randomness is an argument")
	case from == "fmt" && (strings.HasPrefix(name, "Print") || slices.Contains([]string{"Scan", "Scanf", "Scanln"}, name)):
		p.report(id, "fmt."+name+": pure code has no terminal")
	}
}

// plantedImpurity breaks purity, and holds what looks like a breach and is none.
func plantedImpurity() []planted {
	const at = "supervisor/quorum/planted.go"
	pure := func(src ...string) map[string]string {
		return map[string]string{at: lines(append([]string{"package quorum"}, src...)...)}
	}
	return slices.Concat(plantedConcurrency(at, pure), plantedWorld(at, pure), plantedOrder(at, pure))
}

func plantedConcurrency(at string, pure func(...string) map[string]string) []planted {
	return []planted{
		{"pure code", pure("func f() { go f() }"), []string{at + ":2: go: pure code starts no goroutine"}},
		{"pure code", pure("func f() { select {} }"), []string{at + ":2: select: pure code waits for nothing"}},
		{
			"pure code",
			pure("func f(c chan int) {", "c <- 1", "<-c", "for range c {", "}", "}"),
			[]string{
				at + ":2: chan: pure code knows no channel",
				at + ":3: send: pure code knows no channel",
				at + ":4: receive: pure code knows no channel",
				at + ":5: range over a channel: pure code knows no channel",
			},
		},
		{
			"pure code",
			pure(`import "sync"`, `import . "sync/atomic"`, "var a sync.Mutex", "var b struct { sync.RWMutex }", "var c Int64"),
			[]string{
				at + ":4: sync.Mutex: pure code has one owner, who locks nothing",
				at + ":5: sync.RWMutex: pure code has one owner, who locks nothing",
				at + ":6: atomic.Int64: pure code has one owner, who locks nothing",
			},
		},
		// A port may name a channel, and nothing else may: not even what comes out of that port.
		{
			"pure code",
			pure("type port interface{ Watch() <-chan int }", "type box struct{ c chan int }", "func f(p port) { <-p.Watch() }"),
			[]string{at + ":3: chan: pure code knows no channel", at + ":4: receive: pure code knows no channel"},
		},
		// The same in a package that is not pure, and in a test.
		{"pure code", map[string]string{
			"supervisor/node/loop.go":         lines("package node", "func f(c chan int) { go f(c) }"),
			"supervisor/quorum/tally_test.go": lines("package quorum", "func f(c chan int) { go f(c) }"),
		}, nil},
	}
}

func plantedWorld(at string, pure func(...string) map[string]string) []planted {
	return []planted{
		{
			"pure imports",
			pure(`import "strings"`, `import "os"`, `import "net"`, `import "io"`, `import "syscall"`, `import "example.org/x"`),
			[]string{
				at + ":3: pure code must not import os",
				at + ":4: pure code must not import net",
				at + ":5: pure code must not import io",
				at + ":6: pure code must not import syscall",
				at + ":7: pure code must not import example.org/x",
			},
		},
		{"pure imports", map[string]string{
			"bus/natsbus/rail.go":              lines("package natsbus", `import "net"`),
			"health/check.go":                  lines("package health", `import "os/exec"`),
			"supervisor/consensus/replica.go":  lines("package consensus", `import "go.etcd.io/raft/v3/raftpb"`),
			"supervisor/failover/diagnosis.go": lines("package failover", `import "go.etcd.io/raft/v3"`),
		}, []string{
			"health/check.go:2: pure code must not import os/exec",
			"supervisor/failover/diagnosis.go:2: pure code must not import go.etcd.io/raft/v3",
		}},
		{
			"pure code",
			pure(`import clock "time"`, "var now = clock.Now", "func f(t clock.Time) clock.Duration {", "return clock.Since(t.Local())", "}"),
			[]string{
				at + ":3: time.Now: time is an argument",
				at + ":5: time.Since: time is an argument",
				at + ":5: Time.Local: the time zone of the machine is not an argument",
			},
		},
		{
			"pure code",
			pure(`import "time"`, "func f() {", "time.Sleep(time.Second)", "time.NewTimer(1)", "time.AfterFunc(1, f)", "}"),
			[]string{
				at + ":4: time.Sleep: time is an argument",
				at + ":5: time.NewTimer: time is an argument",
				at + ":6: time.AfterFunc: time is an argument",
			},
		},
		{
			"pure code",
			pure(`import "time"`, "type clock struct{}", "func (clock) Now() (t time.Time) { return t.Add(time.Second).UTC() }", "var now = clock{}.Now()"),
			nil,
		},
		{
			"pure code",
			pure(`import "context"`, "type Port interface{ Do(context.Context) error }", "var ctx = context.Background()"),
			[]string{at + ":4: context.Background: pure code may name a context, not make one"},
		},
		{
			"pure code",
			pure(`import "math/rand/v2"`, "var a = rand.IntN(3)", "var b = rand.New(rand.NewPCG(1, 2)).IntN(3)"),
			[]string{at + ":3: rand.IntN: the source of randomness is an argument"},
		},
		{
			"pure code",
			pure(`import "fmt"`, "func f() string {", "println()", "fmt.Println()", "return fmt.Sprintln()", "}"),
			[]string{at + ":4: println: pure code has no terminal", at + ":5: fmt.Println: pure code has no terminal"},
		},
		{
			"pure code",
			map[string]string{at: lines("//go:build linux", "", "package quorum")},
			[]string{at + ":1: build constraint: pure code is the same on every machine"},
		},
	}
}

func plantedOrder(at string, pure func(...string) map[string]string) []planted {
	const (
		ranged = "range over a map: its order differs from run to run; range over slices.Sorted(maps.Keys(m))"
		loose  = " without slices.Sorted around it: its order differs from run to run"
	)
	return []planted{
		{
			"pure code",
			pure("type set map[int]bool", "type also = set", "func f(a set, b also) {", "for range a {", "}", "for range b {", "}", "}"),
			[]string{at + ":5: " + ranged, at + ":7: " + ranged},
		},
		{
			"pure code",
			pure("func f[M ~map[K]V, K comparable, V any](m M) {", "for range m {", "}", "}"),
			[]string{at + ":3: " + ranged},
		},
		{
			"pure code",
			pure(`import "maps"`, `import "slices"`, "func f(m map[int]int) {", "for range maps.Keys(m) {", "}", "_ = slices.Collect(maps.Values(m))", "}"),
			[]string{at + ":5: maps.Keys" + loose, at + ":7: maps.Values" + loose},
		},
		{
			"pure code",
			pure(
				`import "maps"`, `import "slices"`, "func f(m map[int]int, s []int) {",
				"for range slices.Sorted(maps.Keys(m)) {", "}", "for range s {", "}", "for range 3 {", "}", "_ = maps.Collect(maps.All(m))", "}",
			),
			nil,
		},
		{
			"pure code",
			pure(`import "example.org/x"`, "func f() {", "for range x.M {", "}", "}"),
			[]string{
				at + ":2: types cannot be resolved, so nothing is proven: could not import example.org/x (example.org/x does not compile)",
				at + ":4: range over a type that cannot be resolved",
			},
		},
	}
}
