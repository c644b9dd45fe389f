// SPDX-License-Identifier: Apache-2.0

package config

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
)

// KeySize is the size of the key of a cluster, in bytes.
const KeySize = 32

// keyFileMost bounds what is read of a key file, in bytes: the digits and some
// white space.
const keyFileMost = 4096

// NewKey returns a new random key as hex digits, as it stands in a key file.
func NewKey() string {
	var b [KeySize]byte
	_, _ = rand.Read(b[:]) // never fails: the program ends when the kernel gives no randomness
	return hex.EncodeToString(b[:])
}

// LoadKey reads the key of the cluster. It refuses a file that others may read
// or that others but its owner may write. Its errors never hold the key.
func LoadKey(path string) ([]byte, error) {
	bad := func(want string) error { return &Error{Faults: []Fault{{File: path, Want: want}}} }
	f, err := os.Open(path)
	if err != nil {
		return nil, &Error{Faults: []Fault{*unreadable(path, err)}}
	}
	info, statErr := f.Stat()
	text, err := io.ReadAll(io.LimitReader(f, keyFileMost))
	if closed := f.Close(); err == nil {
		err = closed
	}
	if statErr != nil {
		err = statErr
	}
	if err != nil {
		return nil, &Error{Faults: []Fault{*unreadable(path, err)}}
	}
	if mode := info.Mode().Perm(); mode&0o027 != 0 {
		return nil, bad(fmt.Sprintf("has mode %04o: others may read or change the key of the cluster; run: chmod 600 %s", mode, path))
	}
	digits := strings.TrimSpace(string(text))
	key, err := hex.DecodeString(digits)
	switch {
	case digits == "":
		return nil, bad("is empty; it holds the key of the cluster, the same on every node")
	case len(digits) != 2*KeySize:
		return nil, bad(fmt.Sprintf("holds %d characters; the key is %d hex digits (%d bytes), such as openssl rand -hex %d prints", len(digits), 2*KeySize, KeySize, KeySize))
	case err != nil:
		return nil, bad("holds something that is no hex digit (0-9, a-f)")
	case strings.Count(digits, digits[:1]) == len(digits):
		return nil, bad("holds one digit over and over; write a random key, such as openssl rand -hex 32 prints")
	}
	return key, nil
}
