// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"fmt"
	"unicode/utf8"
)

// maxDepth bounds how deep the lists and objects of a payload nest; ours nest four deep, later versions may add some.
const maxDepth = 16

// checkName refuses an empty name, one over MaxName bytes and one that is not UTF-8.
func checkName(what, s string) error {
	if s == "" {
		return fmt.Errorf("%w: empty %s", ErrMalformed, what)
	}
	return checkText(what, s, MaxName)
}

// checkText refuses a text over limit bytes and one that is not UTF-8: JSON would silently replace its bytes.
func checkText(what, s string, limit int) error {
	if len(s) > limit {
		return fmt.Errorf("%w: %s of %d bytes, limit %d", ErrTooLarge, what, len(s), limit)
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("%w: %s is not UTF-8", ErrMalformed, what)
	}
	return nil
}

// checkCount refuses a list over its limit.
func checkCount(what string, n, limit int) error {
	if n > limit {
		return fmt.Errorf("%w: %d %s, limit %d", ErrTooLarge, n, what, limit)
	}
	return nil
}

// checkShape refuses a payload whose size, depth or number of list elements is over the limits, before anything is allocated for it: a list of a million
// empty elements takes two megabytes on the wire and a hundred in memory. It does not check the syntax; the JSON decoder does.
func checkShape(b []byte) error {
	if len(b) > MaxPayload {
		return fmt.Errorf("%w: %d bytes, limit %d", ErrTooLarge, len(b), MaxPayload)
	}
	var list [maxDepth]bool // per depth: a list, or an object
	depth, elements := 0, 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i = skipString(b, i)
		case '[', '{':
			if depth == maxDepth {
				return fmt.Errorf("%w: nested deeper than %d", ErrTooLarge, maxDepth)
			}
			list[depth] = b[i] == '['
			if list[depth] {
				elements++
			}
			depth++
		case ']', '}':
			depth = max(depth-1, 0)
		case ',':
			if depth > 0 && list[depth-1] {
				elements++
			}
		}
	}
	// Each balancer's list counts one element even when it is empty, so the bound leaves room for those.
	return checkCount("list elements", elements, MaxElements+MaxBalancers+4)
}

// skipString returns the index of the quote that ends the string which starts at i, or the last index.
func skipString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(b)
}
