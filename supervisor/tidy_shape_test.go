// SPDX-License-Identifier: Apache-2.0

package supervisor_test

import (
	"fmt"
	"go/ast"
	"go/format"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
)

const (
	fileLinesMax     = 400
	functionLinesMax = 70 // without comments
	licenceLine      = "// SPDX-License-Identifier: Apache-2.0"
)

// checkDoc wants a doc.go with a package comment in every folder; the binary may have its comment in main.go.
func checkDoc(t *tree) []finding {
	var found []finding
	for _, f := range t.folders {
		at := slices.IndexFunc(f.files, func(s *source) bool {
			return path.Base(s.path) == "doc.go" || f.path == "." && s.path == "main.go"
		})
		if at < 0 {
			found = append(found, finding{path: f.path, what: "has no doc.go"})
			continue
		}
		doc := f.files[at]
		opening := "Package " + doc.ast.Name.Name + " "
		if doc.ast.Name.Name == "main" {
			opening = "Evenkeel "
		}
		if !strings.HasPrefix(doc.ast.Doc.Text(), opening) {
			found = append(found, finding{path: doc.path, what: fmt.Sprintf("has no package comment that begins with %q", opening)})
		}
	}
	return found
}

// code visits every file of the binary that people wrote.
func (t *tree) code(visit func(*source)) {
	for _, f := range t.folders {
		for _, s := range f.code() {
			if !ast.IsGenerated(s.ast) {
				visit(s)
			}
		}
	}
}

func checkFileLength(t *tree) []finding {
	var found []finding
	t.code(func(s *source) {
		if n := strings.Count(s.content, "\n"); n > fileLinesMax {
			found = append(found, finding{path: s.path, what: fmt.Sprintf("has %d lines, more than %d", n, fileLinesMax)})
		}
	})
	return found
}

func checkFunctionLength(t *tree) []finding {
	var found []finding
	t.code(func(s *source) {
		written := strings.Split(s.content, "\n")
		ast.Inspect(s.ast, func(n ast.Node) bool {
			var body *ast.BlockStmt
			switch n := n.(type) {
			case *ast.FuncDecl:
				body = n.Body
			case *ast.FuncLit:
				body = n.Body
			}
			if body == nil {
				return true
			}
			if count := bodyLines(t.fset, body, written); count > functionLinesMax {
				at := t.fset.Position(n.Pos()).Line
				found = append(found, finding{s.path, at, fmt.Sprintf("function of %d lines, more than %d", count, functionLinesMax)})
			}
			return false // a function within is part of the one around it
		})
	})
	return found
}

// bodyLines counts the lines between the braces that are not comment.
func bodyLines(fset *token.FileSet, body *ast.BlockStmt, written []string) int {
	first, last := fset.Position(body.Lbrace).Line, fset.Position(body.Rbrace).Line
	count := 0
	for n := first + 1; n < last; n++ {
		if !strings.HasPrefix(strings.TrimSpace(written[n-1]), "//") {
			count++
		}
	}
	return count
}

// files visits every Go file, tests as well.
func (t *tree) files(visit func(*source)) {
	for _, f := range t.folders {
		for _, s := range f.files {
			visit(s)
		}
	}
}

func checkLicenceLine(t *tree) []finding {
	var found []finding
	t.files(func(s *source) {
		if !strings.HasPrefix(s.content, licenceLine+"\n") {
			found = append(found, finding{s.path, 1, "does not begin with " + licenceLine})
		}
	})
	return found
}

// leftover is written in pieces, so that it does not find itself.
var leftover = regexp.MustCompile(`\b(` + strings.Join([]string{"TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK", "WI" + "P"}, "|") + `)\b`)

func checkLeftovers(t *tree) []finding {
	var found []finding
	search := func(in text) {
		for n, line := range strings.Split(in.content, "\n") {
			if marker := leftover.FindString(line); marker != "" {
				found = append(found, finding{in.path, n + 1, "leftover " + marker})
			}
		}
	}
	t.files(func(s *source) { search(s.text) })
	for _, other := range t.texts {
		search(other)
	}
	return found
}

func checkFormat(t *tree) []finding {
	var found []finding
	t.files(func(s *source) {
		formatted, err := format.Source([]byte(s.content))
		if err != nil {
			found = append(found, finding{path: s.path, what: err.Error()})
		} else if string(formatted) != s.content {
			found = append(found, finding{path: s.path, what: "is not formatted: run ./task fmt"})
		}
	})
	return found
}

// checkNames refuses packages that are named for being of use.
func checkNames(t *tree) []finding {
	var found []finding
	for _, f := range t.folders {
		names := []string{path.Base(f.path)}
		for _, s := range f.files {
			names = append(names, strings.TrimSuffix(s.ast.Name.Name, "_test"))
		}
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			if slices.Contains([]string{"base", "common", "helper", "helpers", "misc", "shared", "type", "types", "util", "utils"}, name) {
				found = append(found, finding{path: f.path, what: "a package must not be named " + name})
			}
		}
	}
	return found
}

// plantedShapes are too long, unsigned, unfinished, untidy or badly named.
func plantedShapes() []planted {
	long := func(n int) string { return strings.TrimSuffix(strings.Repeat("_ = 0\n", n), "\n") }
	marker := "TO" + "DO"
	return []planted{
		{"doc", map[string]string{
			"bus/doc.go":       lines("// Package bus carries.", "package bus"),
			"bus/rail/rail.go": lines("// Package rail is said elsewhere.", "package rail"),
			"health/doc.go":    lines("// The health of a node.", "package health"),
			"fencing/doc.go":   lines("package fencing"),
			"main.go":          lines("// Evenkeel keeps.", "package main"),
		}, []string{
			"bus/rail: has no doc.go",
			`fencing/doc.go: has no package comment that begins with "Package fencing "`,
			`health/doc.go: has no package comment that begins with "Package health "`,
		}},
		{"file length", map[string]string{
			"bus/long.go":      lines("package bus", strings.Repeat("\n", fileLinesMax-1)),
			"bus/fits.go":      lines("package bus", strings.Repeat("\n", fileLinesMax-3)),
			"bus/long_test.go": lines("package bus", strings.Repeat("\n", 2*fileLinesMax)),
			"bus/made.go":      lines("// Code generated by protoc. DO NOT EDIT.", "package bus", strings.Repeat("\n", fileLinesMax)),
		}, []string{"bus/long.go: has 401 lines, more than 400"}},
		{"function length", map[string]string{
			"bus/f.go": lines("package bus", "func fits() {", long(functionLinesMax), "// One more.", "}", "func long() {", long(functionLinesMax+1), "}"),
			"bus/g.go": lines("package bus", "var long = func() {", "func() {", long(functionLinesMax), "}()", "}"),
		}, []string{
			"bus/f.go:75: function of 71 lines, more than 70",
			"bus/g.go:2: function of 72 lines, more than 70",
		}},
		{"licence line", map[string]string{
			"bus/a.go":      lines(licenceLine, "", "package bus"),
			"bus/b_test.go": lines("package bus", licenceLine),
		}, []string{"bus/b_test.go:1: does not begin with " + licenceLine}},
		{"leftovers", map[string]string{
			"bus/a.go":        lines("package bus", "// "+marker+": later.", "var mastodon = 1"),
			"docs/start.md":   lines("# Start", "", marker),
			"configs/ok.yaml": lines("todo: lower case is a word"),
		}, []string{"bus/a.go:2: leftover " + marker, "docs/start.md:3: leftover " + marker}},
		{"format", map[string]string{
			"bus/a.go": lines("package bus", "", "var a = 1"),
			"bus/b.go": lines("package bus", "", "var  b = 1"),
		}, []string{"bus/b.go: is not formatted: run ./task fmt"}},
		{"names", map[string]string{
			"bus/util/a.go": lines("package util"),
			"health/a.go":   lines("package helpers"),
		}, []string{"bus/util: a package must not be named util", "health: a package must not be named helpers"}},
	}
}
