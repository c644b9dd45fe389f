// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// MaxFile is the largest file that is read, in bytes. A cluster of the largest
// size that Validate allows fits three times.
const MaxFile = 1 << 20

// readFile returns the bytes of a file that is not larger than MaxFile.
func readFile(path string) ([]byte, *Fault) {
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, unreadable(path, err)
	}
	return data, nil
}

// unreadable tells in the operator's words why a file cannot be read.
func unreadable(path string, err error) *Fault {
	f := Fault{File: path, Cause: err, Want: "cannot be read: " + reason(err)}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.Want = "there is no such file"
	case errors.Is(err, fs.ErrPermission):
		f.Want = fmt.Sprintf("user id %d may not read it; run as root, or as the user of the service", os.Geteuid())
	}
	return &f
}

// reason strips the operation and the path, which the fault names already.
func reason(err error) string {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err.Error()
	}
	return err.Error()
}
