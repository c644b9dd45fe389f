// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the expected messages; read every one before you keep it")

// TestBadClusterFiles holds the words that operators read when a cluster file
// is wrong: testdata/cluster/NAME.yaml gives NAME.txt.
func TestBadClusterFiles(t *testing.T) {
	golden(t, "cluster", func(path string) error {
		_, err := LoadCluster(path)
		return err
	})
}

// TestBadNodeFiles does the same for node files.
func TestBadNodeFiles(t *testing.T) {
	golden(t, "node", func(path string) error {
		_, err := LoadNode(path, nil, nil)
		return err
	})
}

func golden(t *testing.T, dir string, load func(path string) error) {
	t.Chdir(filepath.Join("testdata", dir))
	files, err := filepath.Glob("*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in testdata/%s: %v", dir, err)
	}
	for _, f := range files {
		t.Run(f, func(t *testing.T) {
			err := load(f)
			if err == nil {
				t.Fatal("the file was accepted")
			}
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Fatalf("%T is no *Error: %v", err, err)
			}
			got := err.Error() + "\n"
			expected := strings.TrimSuffix(f, ".yaml") + ".txt"
			if *rewrite {
				if err := os.WriteFile(expected, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(expected)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("message differs (-want +got):\n%s", d)
			}
		})
	}
}

// TestHugeFile checks that a large file is refused for its size, unread.
func TestHugeFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "huge.yaml")
	if err := os.WriteFile(path, []byte(strings.Repeat("cluster: demo\n", 10<<20/14)), 0o600); err != nil {
		t.Fatal(err)
	}
	want := path + ": is larger than 1024 KiB; is it the right file?"
	if _, err := LoadCluster(path); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := LoadNode(path, nil, nil); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
