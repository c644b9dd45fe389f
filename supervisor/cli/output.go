// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

// The formats of results.
const (
	formatTable = "table"
	formatWide  = "wide"
	formatJSON  = "json"
	formatYAML  = "yaml"
	formatName  = "name"
)

// choice is the value of a flag that is one of a few words.
type choice struct {
	is   string
	from []string
}

// String implements pflag.Value.
func (c *choice) String() string { return c.is }

// Type implements pflag.Value.
func (c *choice) Type() string { return strings.Join(c.from, "|") }

// Set implements pflag.Value.
func (c *choice) Set(s string) error {
	if !slices.Contains(c.from, s) {
		return fmt.Errorf("write %s", strings.Join(c.from, ", "))
	}
	c.is = s
	return nil
}

// choiceFlag adds a flag, and completes it. The first word is the default.
func choiceFlag(cmd *cobra.Command, name, short, usage string, words ...string) *choice {
	c := &choice{is: words[0], from: words}
	cmd.Flags().VarP(c, name, short, usage)
	complete := cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
	if err := cmd.RegisterFlagCompletionFunc(name, complete); err != nil {
		panic(err) // the flag was added three lines above
	}
	return c
}

// format is the value of -o.
type format struct{ *choice }

// formatFlag adds -o with the given formats, the first of which is the default.
func formatFlag(cmd *cobra.Command, formats ...string) *format {
	return &format{choiceFlag(cmd, "output", "o", "form of the result", formats...)}
}

// document is a value that encodes to JSON.
type document any

// encode writes the document as JSON, or as YAML with the same keys.
func (f *format) encode(w io.Writer, v document) error {
	var raw bytes.Buffer
	enc := json.NewEncoder(&raw)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encode the result: %w", err)
	}
	if f.is != formatYAML {
		_, err := w.Write(raw.Bytes())
		return err
	}
	// JSON is YAML, and a node remembers the order of its keys.
	var root yaml.Node
	if err := yaml.Unmarshal(raw.Bytes(), &root); err != nil {
		return fmt.Errorf("turn the result into YAML: %w", err)
	}
	plain(&root)
	out := yaml.NewEncoder(w)
	out.SetIndent(2)
	return errors.Join(out.Encode(&root), out.Close())
}

// plain takes the marks of JSON off: braces, brackets and quotes.
func plain(n *yaml.Node) {
	n.Style = 0
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" && n.Value == "" {
		n.Style = yaml.DoubleQuotedStyle
	}
	for _, child := range n.Content {
		plain(child)
	}
}
