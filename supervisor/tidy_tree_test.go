// SPDX-License-Identifier: Apache-2.0

package supervisor_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/evenkeel-ha/evenkeel"

// A tree is the source of a module: real, or planted by a test.
type tree struct {
	fset    *token.FileSet
	folders []*folder
	texts   []text // what is not Go but is read by people
}

// A folder is one package with its tests. The root of the module is ".".
type folder struct {
	path  string
	files []*source
}

type source struct {
	text
	ast  *ast.File
	test bool
}

type text struct {
	path    string
	content string
}

// code is what ends up in the binary: every file of the folder that is not a test.
func (f *folder) code() []*source {
	return slices.DeleteFunc(slices.Clone(f.files), func(s *source) bool { return s.test })
}

// tests is the rest.
func (f *folder) tests() []*source {
	return slices.DeleteFunc(slices.Clone(f.files), func(s *source) bool { return !s.test })
}

// pureFolders lists the folders that the matrix calls pure and that exist.
func (t *tree) pureFolders() []string {
	var pure []string
	for _, f := range t.folders {
		if r, ok := rowOf(f.path); ok && r.pure {
			pure = append(pure, f.path)
		}
	}
	return pure
}

// readTree reads every file that a person may read, without regard for build constraints: what another system compiles obeys the same rules.
func readTree(t *testing.T, root string) map[string]string {
	t.Helper()
	sources := map[string]string{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains([]string{".git", ".task", "bin", "node_modules", "testdata", "vendor"}, d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		kinds := []string{".go", ".md", ".yml", ".yaml", ".cfg", ".conf", ".sh", ".html", ".css", ".js"}
		if !slices.Contains(kinds, filepath.Ext(name)) {
			return nil
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		sources[filepath.ToSlash(rel)] = string(content)
		return err
	})
	if err != nil {
		t.Fatalf("read the tree: %v", err)
	}
	return sources
}

// parseTree sorts sources, keyed by their path from the root of the module, into packages.
func parseTree(sources map[string]string) (*tree, error) {
	t := &tree{fset: token.NewFileSet()}
	folders := map[string]*folder{}
	var broken []error
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		if path.Ext(name) != ".go" {
			t.texts = append(t.texts, text{path: name, content: sources[name]})
			continue
		}
		parsed, err := parser.ParseFile(t.fset, name, sources[name], parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			broken = append(broken, fmt.Errorf("parse: %w", err))
			continue
		}
		dir := path.Dir(name)
		if folders[dir] == nil {
			folders[dir] = &folder{path: dir}
			t.folders = append(t.folders, folders[dir])
		}
		folders[dir].files = append(folders[dir].files, &source{
			text: text{path: name, content: sources[name]},
			ast:  parsed,
			test: strings.HasSuffix(name, "_test.go"),
		})
	}
	return t, errors.Join(broken...)
}

// A resolver finds the type of every expression of a package, from its source and from what the compiler exported of its imports.
type resolver struct {
	exports map[string]string // import path to file
}

// newResolver compiles what the given folders of the module import, and what planted sources import.
func newResolver(t *testing.T, root string, folders []string) *resolver {
	t.Helper()
	args := []string{"list", "-e", "-export", "-deps", "-json=ImportPath,Export"}
	for _, f := range folders {
		args = append(args, "./"+f)
	}
	args = append(args, slices.Sorted(maps.Keys(pureStandard))...)
	args = append(args, "math/rand/v2", "sync", "sync/atomic")
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, complaint.String())
	}
	r := &resolver{exports: map[string]string{}}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct{ ImportPath, Export string }
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return r
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		r.exports[p.ImportPath] = p.Export
	}
}

// resolve checks the types of the code of one folder. It reports whatever stays unknown: an unknown type must not look like a harmless one.
func (r *resolver) resolve(fset *token.FileSet, f *folder) (*types.Info, []finding) {
	var unknown []finding
	imports := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		if r.exports[path] == "" {
			return nil, fmt.Errorf("%s does not compile", path)
		}
		return os.Open(r.exports[path])
	})
	config := types.Config{Importer: imports, Error: func(err error) {
		if terr, ok := errors.AsType[types.Error](err); ok {
			at := fset.Position(terr.Pos)
			unknown = append(unknown, finding{at.Filename, at.Line, "types cannot be resolved, so nothing is proven: " + terr.Msg})
			return
		}
		unknown = append(unknown, finding{path: f.path, what: "types cannot be resolved, so nothing is proven: " + err.Error()})
	}}
	info := &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{},
		Uses:  map[*ast.Ident]types.Object{},
	}
	var files []*ast.File
	for _, s := range f.code() {
		files = append(files, s.ast)
	}
	if _, err := config.Check(module+"/"+f.path, fset, files, info); err != nil && len(unknown) == 0 {
		unknown = append(unknown, finding{path: f.path, what: err.Error()})
	}
	return info, unknown
}
