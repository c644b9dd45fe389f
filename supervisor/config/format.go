// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// FormatCluster writes a spec as the YAML that ParseCluster reads. Keys stand
// in the order of the documentation; what is not set is left out.
func FormatCluster(spec cluster.Spec) ([]byte, error) {
	raw, err := json.Marshal(spec)
	if err != nil {
		return nil, fmt.Errorf("format cluster file: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	root, err := node(dec)
	if err != nil {
		return nil, fmt.Errorf("format cluster file: %w", err)
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(root), enc.Close()); err != nil {
		return nil, fmt.Errorf("format cluster file: %w", err)
	}
	return out.Bytes(), nil
}

// node turns the next JSON value into YAML, in the order of its keys; nil
// stands for null.
func node(dec *json.Decoder) (*yaml.Node, error) {
	tok, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch t := tok.(type) {
	case json.Delim:
		if t == '{' {
			return mapping(dec)
		}
		return sequence(dec)
	case string:
		return quoted(t), nil
	case json.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: t.String()}, nil
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(t)}, nil
	case nil:
		return nil, nil //nolint:nilnil // null is left out by the caller
	}
	return nil, io.ErrUnexpectedEOF
}

// quoted writes a string. One with control characters is quoted: as a block, which
// the encoder would choose, a tab at its beginning could not be read again.
func quoted(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	if strings.ContainsFunc(s, unicode.IsControl) {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

func mapping(dec *json.Decoder) (*yaml.Node, error) {
	out := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for dec.More() {
		key, err := node(dec)
		if err != nil {
			return nil, err
		}
		value, err := node(dec)
		if err != nil {
			return nil, err
		}
		if value != nil {
			out.Content = append(out.Content, key, value)
		}
	}
	_, err := dec.Token()
	return out, err
}

func sequence(dec *json.Decoder) (*yaml.Node, error) {
	out := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	for dec.More() {
		value, err := node(dec)
		if err != nil {
			return nil, err
		}
		if value != nil {
			out.Content = append(out.Content, value)
		}
	}
	_, err := dec.Token()
	return out, err
}
