// SPDX-License-Identifier: Apache-2.0

package script

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// nearest returns the word that was most likely meant, or "" when none is near: a third of the letters may be wrong, or the
// end be missing or too much. Case does not count.
func nearest(word string, known []string) string {
	word = strings.ToLower(word)
	if utf8.RuneCountInString(word) > wordMost {
		return ""
	}
	best, least := "", 0
	for _, k := range known {
		d := distance(word, k)
		if len(word) > 2 && (strings.HasPrefix(word, k) || strings.HasPrefix(k, word)) {
			d = min(d, 1) // decide for the word that was begun, or went on too long
		}
		if d <= max(1, utf8.RuneCountInString(k)/3) && (best == "" || d < least) {
			best, least = k, d
		}
	}
	return best
}

// wordMost is the longest word, in characters, for which another one is looked for; every word of the language is shorter.
const wordMost = 32

// distance counts the letters to insert, remove, change or swap with their neighbour (optimal string alignment).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	before, last := make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row := make([]int, len(y)+1)
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(y)]
}

// oneOf prints "a, b or c", without repetitions.
func oneOf(words []string) string {
	var out []string
	for _, w := range words {
		if !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	if len(out) < 2 {
		return strings.Join(out, "")
	}
	return strings.Join(out[:len(out)-1], ", ") + " or " + out[len(out)-1]
}
