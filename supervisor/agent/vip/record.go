// SPDX-License-Identifier: Apache-2.0

package vip

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// recordMax bounds the file of record, in bytes: some thousand addresses.
const recordMax = 1 << 20

// record is the file that lists our addresses where the kernel keeps no marks. It is written before an address is added and after it was
// removed, so it may name too much and never too little: only what the kernel has as well counts.
type record struct{ path string }

// recorded is how the file is written.
type recorded struct {
	Addresses []Address `json:"addresses"`
}

// read returns nothing for a file that is not there. One that cannot be understood is an error: it must not read as "none".
func (r record) read() ([]Address, error) {
	if r.path == "" {
		return nil, nil
	}
	file, err := os.Open(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the record of addresses: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	content, err := io.ReadAll(io.LimitReader(file, recordMax+1))
	if err != nil {
		return nil, fmt.Errorf("read the record of addresses: %w", err)
	}
	noted, err := parseRecord(content)
	if err != nil {
		return nil, fmt.Errorf("record of addresses %s: %w: remove by hand what should not be there, then the file", r.path, err)
	}
	return noted, nil
}

func parseRecord(content []byte) ([]Address, error) {
	if len(content) > recordMax {
		return nil, fmt.Errorf("longer than %d bytes", recordMax)
	}
	var all recorded
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&all); err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	for _, a := range all.Addresses {
		if fault := a.fault(); fault != "" {
			return nil, fmt.Errorf("names %s: %s", a, fault)
		}
	}
	return all.Addresses, nil
}

func (r record) note(a Address) error {
	return r.edit(func(noted []Address) []Address {
		if slices.Contains(noted, a) {
			return noted
		}
		return append(noted, a)
	})
}

func (r record) strike(a Address) error {
	return r.edit(func(noted []Address) []Address {
		return slices.DeleteFunc(noted, func(n Address) bool { return n.Prefix == a.Prefix && n.Interface == a.Interface })
	})
}

// edit replaces the file in one step, so that whoever reads it, or dies here, finds the old or the new one.
func (r record) edit(change func([]Address) []Address) error {
	if r.path == "" {
		return nil
	}
	before, err := r.read()
	if err != nil {
		return err
	}
	after := change(slices.Clone(before))
	if slices.Equal(before, after) {
		return nil
	}
	content, err := json.MarshalIndent(recorded{after}, "", "  ")
	if err != nil {
		return fmt.Errorf("write the record of addresses: %w", err)
	}
	if err := replaceFile(r.path, append(content, '\n')); err != nil {
		return fmt.Errorf("write the record of addresses: %w", err)
	}
	return nil
}

func replaceFile(path string, content []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}
