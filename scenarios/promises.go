// SPDX-License-Identifier: Apache-2.0

package scenarios

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

//go:embed */*.txt
var files embed.FS

// suffix is that of a script's file.
const suffix = ".txt"

// Names returns the scripts as theme/name, sorted.
func Names() ([]string, error) {
	paths, err := fs.Glob(files, "*/*"+suffix)
	if err != nil {
		return nil, fmt.Errorf("list the scripts: %w", err)
	}
	for i, p := range paths {
		paths[i] = strings.TrimSuffix(p, suffix)
	}
	return paths, nil
}

// Read returns the text of the script of that name.
func Read(name string) ([]byte, error) {
	return files.ReadFile(path.Clean(name) + suffix)
}
