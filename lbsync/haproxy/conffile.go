// SPDX-License-Identifier: Apache-2.0

package haproxy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// configMax bounds in bytes what is read of one configuration file, configsMax how many files are read.
const (
	configMax  = 4 << 20
	configsMax = 100
)

// readsStateFile tells whether the configuration of a running HAProxy loads the given state file at its start. No
// command of its socket tells that, so the files named on its command line are read; they are never written.
func readsStateFile(pid int, path string) (bool, error) {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	args, err := readBounded(filepath.Join(proc, "cmdline"))
	if err != nil {
		return false, fmt.Errorf("command line of process %d: %w", pid, err)
	}
	cwd, err := os.Readlink(filepath.Join(proc, "cwd"))
	if err != nil {
		return false, fmt.Errorf("working folder of process %d: %w", pid, err)
	}
	files, err := configFiles(strings.Split(string(args), "\x00"), cwd)
	if err != nil {
		return false, err
	}
	named, loaded := false, false
	var base string
	for _, f := range files {
		content, err := readBounded(f)
		if err != nil {
			return false, fmt.Errorf("configuration: %w", err)
		}
		for line := range bytes.Lines(content) {
			words := strings.Fields(string(line))
			if len(words) < 2 {
				continue
			}
			value := strings.Trim(words[1], `"'`)
			switch words[0] {
			case "server-state-base":
				base = value
			case "server-state-file":
				named = named || value == path || filepath.Join(base, value) == path || filepath.Join(cwd, value) == path
			case "load-server-state-from-file":
				loaded = loaded || value == "global"
			}
		}
	}
	return named && loaded, nil
}

// configFiles lists the configuration files of HAProxy's arguments: "-f FILE", "-f FOLDER", and all after "--".
func configFiles(args []string, cwd string) ([]string, error) {
	var named []string
	for i, a := range args {
		switch {
		case a == "--":
			named = append(named, slices.DeleteFunc(slices.Clone(args[i+1:]), func(s string) bool { return s == "" })...)
		case a == "-f" && i+1 < len(args):
			named = append(named, args[i+1])
		}
	}
	var files []string
	for _, n := range named {
		if !filepath.IsAbs(n) {
			n = filepath.Join(cwd, n)
		}
		if st, err := os.Stat(n); err == nil && st.IsDir() {
			inside, err := filepath.Glob(filepath.Join(n, "*.cfg"))
			if err != nil {
				return nil, fmt.Errorf("configuration folder %s: %w", n, err)
			}
			files = append(files, inside...)
			continue
		}
		files = append(files, n)
	}
	if len(files) == 0 || len(files) > configsMax {
		return nil, errors.New("its command line names no configuration file that could be read")
	}
	return files, nil
}

func readBounded(path string) (content []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, configMax))
}
