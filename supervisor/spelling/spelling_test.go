// SPDX-License-Identifier: Apache-2.0

package spelling_test

import (
	"strings"
	"testing"

	"github.com/evenkeel-ha/evenkeel/supervisor/spelling"
)

func TestNearest(t *testing.T) {
	known := []string{"interval", "timeout", "rise", "fall", "http", "web/web1"}
	for word, want := range map[string]string{
		"intervall": "interval", "Time-Out": "timeout", "riise": "rise", "fal": "fall", "https": "http", "tpc": "", "exec": "", "": "",
		"rsie": "rise", "-": "", "WEB/WEB1": "web/web1", "int": "interval", "rise and fall": "rise",
		strings.Repeat("x", 5000): "", "rise" + strings.Repeat("x", 5000): "",
	} {
		if got := spelling.Nearest(word, known); got != want {
			t.Errorf("Nearest(%.20q) = %q, want %q", word, got, want)
		}
	}
	if got := spelling.Nearest("warn", []string{"warning", "warn"}); got != "warn" {
		t.Errorf("a word that there is is taken for %q", got)
	}
}

func TestDidYouMean(t *testing.T) {
	if got, want := spelling.DidYouMean("drian", []string{"ready", "drain"}), "; did you mean drain?"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := spelling.DidYouMean("dance", []string{"ready", "drain"}); got != "" {
		t.Errorf("a word that is near none gets %q", got)
	}
}

func TestOneOf(t *testing.T) {
	for want, words := range map[string][]string{
		"": nil, "a": {"a", "a"}, "a or b": {"a", "b", "a"}, "a, b or c": {"a", "b", "c"},
	} {
		if got := spelling.OneOf(words); got != want {
			t.Errorf("OneOf(%q) = %q, want %q", words, got, want)
		}
	}
}
