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

// format is the value of -o.
type format struct {
	is   string
	from []string
}

// String implements pflag.Value.
func (f *format) String() string { return f.is }

// Type implements pflag.Value.
func (f *format) Type() string { return strings.Join(f.from, "|") }

// Set implements pflag.Value.
func (f *format) Set(s string) error {
	if !slices.Contains(f.from, s) {
		return fmt.Errorf("write %s", strings.Join(f.from, ", "))
	}
	f.is = s
	return nil
}

// formatFlag adds -o with the given formats, the first of which is the default.
func formatFlag(cmd *cobra.Command, formats ...string) *format {
	f := &format{is: formats[0], from: formats}
	cmd.Flags().VarP(f, "output", "o", "form of the result")
	complete := cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp)
	if err := cmd.RegisterFlagCompletionFunc("output", complete); err != nil {
		panic(err) // the flag was added three lines above
	}
	return f
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
