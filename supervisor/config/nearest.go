// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// nearest returns the word that was most likely meant, or "" when none is near:
// a third of the letters may be wrong, or the end be missing or too much. Case, '-' and '_' do not count.
func nearest(word string, known []string) string {
	if utf8.RuneCountInString(word) > 2*longest(known) {
		return ""
	}
	best, at := "", 0
	w := plain(word)
	for _, k := range known {
		d := distance(w, plain(k))
		if len(w) > 2 && (strings.HasPrefix(w, plain(k)) || strings.HasPrefix(plain(k), w)) {
			d = 1 // warning for warn, dir for directory
		}
		if d <= max(1, utf8.RuneCountInString(k)/3) && (best == "" || d < at) {
			best, at = k, d
		}
	}
	return best
}

func longest(words []string) int {
	n := 0
	for _, w := range words {
		n = max(n, utf8.RuneCountInString(w))
	}
	return n
}

func plain(s string) string {
	return strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(s))
}

// distance counts the letters to insert, remove, change or swap with their
// neighbour (optimal string alignment).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	before, prev := make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row := make([]int, len(y)+1)
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev = prev, row
	}
	return prev[len(y)]
}

// didYouMean returns "; did you mean X?" or nothing.
func didYouMean(word string, known []string) string {
	if n := nearest(word, known); n != "" {
		return "; did you mean " + n + "?"
	}
	return ""
}

// oneOf prints "a, b or c".
func oneOf(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	words = slices.Clone(words)
	last := words[len(words)-1]
	return strings.Join(words[:len(words)-1], ", ") + " or " + last
}
