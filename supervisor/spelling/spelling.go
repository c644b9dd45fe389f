// SPDX-License-Identifier: Apache-2.0

package spelling

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// wordMost is the longest word, in characters, for which another one is looked for; every word that we know is shorter.
const wordMost = 64

// Nearest returns the known word that was most likely meant, or "" when none is near: a third of the letters may be wrong, or
// the end be missing or too much. Case, '-', '_' and spaces do not count. Of several that are as near, the first one is meant.
func Nearest(word string, known []string) string {
	if utf8.RuneCountInString(word) > wordMost {
		return ""
	}
	best, least := "", 0
	written := plain(word)
	for _, k := range known {
		right := plain(k)
		d := distance(written, right)
		if len(written) > 2 && (strings.HasPrefix(written, right) || strings.HasPrefix(right, written)) {
			d = min(d, 1) // warning for warn, dir for directory
		}
		if d <= max(1, utf8.RuneCountInString(k)/3) && (best == "" || d < least) {
			best, least = k, d
		}
	}
	return best
}

// DidYouMean returns "; did you mean X?", or nothing when no known word is near.
func DidYouMean(word string, known []string) string {
	if meant := Nearest(word, known); meant != "" {
		return "; did you mean " + meant + "?"
	}
	return ""
}

// OneOf returns "a, b or c", without repetitions.
func OneOf(words []string) string {
	var out []string
	for _, w := range words {
		if !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	if len(out) < 2 {
		return strings.Join(out, "")
	}
	last := len(out) - 1
	return strings.Join(out[:last], ", ") + " or " + out[last]
}

// plain takes out of a word what does not count.
func plain(s string) string {
	return strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(s))
}

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
