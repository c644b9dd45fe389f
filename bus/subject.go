// SPDX-License-Identifier: Apache-2.0

package bus

import "strings"

// subjectRoot is the first token of every subject of the control traffic.
const subjectRoot = "ek"

// SubjectAll returns the subject that every node of the network listens on.
func SubjectAll(network string) string { return subjectRoot + "." + Token(network) + ".all" }

// SubjectTo returns the subject that one node of the network listens on.
func SubjectTo(network, node string) string {
	return subjectRoot + "." + Token(network) + ".to." + Token(node)
}

// Token encodes any name as one token of a NATS subject: letters, digits, '-' and '_' stay, every other byte becomes "=XX". Different names have
// different tokens, and an empty name becomes "=".
func Token(name string) string {
	if name == "" {
		return "="
	}
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(name))
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
			b.WriteByte(c)
		default:
			b.WriteByte('=')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		}
	}
	return b.String()
}
