// SPDX-License-Identifier: Apache-2.0

package quorum_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/supervisor/quorum"
)

func TestMajority(t *testing.T) {
	for n, want := range []int{1, 1, 2, 2, 3, 3, 4, 4, 5, 5} {
		if got := quorum.Majority(n); got != want {
			t.Errorf("majority of %d: %d, want %d", n, got, want)
		}
	}
}

// votes reads "a+ b- c+".
func votes(s string) []quorum.Vote {
	var out []quorum.Vote
	for f := range strings.FieldsSeq(s) {
		out = append(out, quorum.Vote{Voter: strings.TrimRight(f, "+-"), Yes: strings.HasSuffix(f, "+")})
	}
	return out
}

func TestTally(t *testing.T) {
	for _, tc := range []struct {
		electorate, votes string
		want              quorum.Status
	}{
		{"", "", quorum.Lost},
		{"", "a+ b+", quorum.Lost},
		{"a", "", quorum.Pending},
		{"a", "a+", quorum.Won},
		{"a", "a-", quorum.Lost},
		{"a b", "a+", quorum.Pending},
		{"a b", "a-", quorum.Lost},
		{"a b", "a+ b+", quorum.Won},
		{"a b c", "a+", quorum.Pending},
		{"a b c", "a+ b-", quorum.Pending},
		{"a b c", "a+ b- c-", quorum.Lost},
		{"a b c", "c+ a+", quorum.Won},
		{"a b c d", "a+ b+", quorum.Pending},
		{"a b c d", "a- b-", quorum.Lost},
		{"a b c d e", "a- b- c+ d+", quorum.Pending},
		{"a b c", "x+ y+ z+ a+", quorum.Pending},
		{"a b c", "a+ a+ a+", quorum.Pending},
		{"a a a b c", "a+ b-", quorum.Pending},
		{"a b c", "a+ a- b+", quorum.Won},
		{"a b c", "a- a+ b+", quorum.Won},
	} {
		if got := quorum.Tally(votes(tc.votes), strings.Fields(tc.electorate)); got.Status != tc.want {
			t.Errorf("[%s] of [%s]: %s, want %s", tc.votes, tc.electorate, got.Status, tc.want)
		}
	}
}

func TestResultTellsWho(t *testing.T) {
	got := quorum.Tally(votes("d+ x+ b- a+"), []string{"c", "a", "d", "b", "a"})
	want := quorum.Result{Status: quorum.Pending, Need: 3, Yes: []string{"a", "d"}, No: []string{"b"}, Silent: []string{"c"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("result differs (-want +got):\n%s", diff)
	}
	for s, want := range map[quorum.Status]string{quorum.Pending: "pending", quorum.Won: "won", quorum.Lost: "lost", 9: "pending"} {
		if s.String() != want {
			t.Errorf("%d is called %s", s, s)
		}
	}
}

func genVotes() *rapid.Generator[[]quorum.Vote] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) quorum.Vote {
		return quorum.Vote{Voter: rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "x", "y"}).Draw(t, "voter"), Yes: rapid.Bool().Draw(t, "yes")}
	}), 0, 9)
}

// TestTallyProperties checks what must hold for any votes: those that follow one
// another, and those of two rounds.
func TestTallyProperties(t *testing.T) {
	all := []string{"a", "b", "c", "d", "e"}
	rapid.Check(t, func(t *rapid.T) {
		electorate := all[:rapid.IntRange(0, len(all)).Draw(t, "electors")]
		first, more := genVotes().Draw(t, "votes"), genVotes().Draw(t, "more")
		r := quorum.Tally(first, electorate)
		if n := len(r.Yes) + len(r.No) + len(r.Silent); n != len(electorate) {
			t.Fatalf("%d of %d electors are accounted for", n, len(electorate))
		}
		if (len(r.Yes) >= r.Need) != (r.Status == quorum.Won) {
			t.Fatalf("%+v", r)
		}
		if diff := cmp.Diff(r, quorum.Tally(rapid.Permutation(first).Draw(t, "order"), electorate)); diff != "" {
			t.Fatalf("the order counts:\n%s", diff)
		}
		strangers := slices.DeleteFunc(slices.Clone(first), func(v quorum.Vote) bool { return !slices.Contains(electorate, v.Voter) })
		if diff := cmp.Diff(r, quorum.Tally(strangers, electorate)); diff != "" {
			t.Fatalf("strangers count:\n%s", diff)
		}
		later := quorum.Tally(slices.Concat(first, more), electorate)
		if r.Status == quorum.Won && later.Status != quorum.Won {
			t.Fatalf("won, and then %+v", later)
		}
		// Two rounds that are both won share a voter who said yes in both.
		other := quorum.Tally(more, electorate)
		if r.Status == quorum.Won && other.Status == quorum.Won && !slices.ContainsFunc(r.Yes, func(v string) bool { return slices.Contains(other.Yes, v) }) {
			t.Fatalf("two majorities without a common voter: %v and %v", r.Yes, other.Yes)
		}
		// Who says one thing only is never counted for the other: lost stays lost.
		consistent := slices.DeleteFunc(slices.Clone(more), func(v quorum.Vote) bool { return slices.Contains(r.No, v.Voter) })
		if r.Status == quorum.Lost && quorum.Tally(slices.Concat(first, consistent), electorate).Status != quorum.Lost {
			t.Fatal("lost, and then not")
		}
	})
}
