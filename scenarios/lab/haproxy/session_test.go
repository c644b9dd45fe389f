// SPDX-License-Identifier: Apache-2.0

package haproxy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const answer = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight\n" +
	"3 be 1 s1 127.0.0.1 2 0 1\n3 be 2 s2 127.0.0.1 0 8 100\n\n"

func TestParseStates(t *testing.T) {
	got, err := parseStates([]byte(answer))
	if err != nil {
		t.Fatal(err)
	}
	want := map[Server]State{{"be", "s1"}: {2, 0, 1}, {"be", "s2"}: {0, 8, 100}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, bad := range []string{"", "\n", "Can't find backend.\n", "1\n", "1\n# be_id\n", answer[:60], answer + "3 be\n", "2" + answer[1:]} {
		if got, err := parseStates([]byte(bad)); err == nil {
			t.Errorf("%q is read as %v", bad, got)
		}
	}
}

func TestInRotation(t *testing.T) {
	for state, want := range map[State]string{
		{2, 0, 1}: "UP", {1, 0, 1}: "UP", {2, 0, 0}: "UP with weight 0", {0, 0, 1}: "DOWN", {3, 0, 1}: "NOLB",
		{2, 8, 1}: "DRAIN", {2, 16, 1}: "DRAIN", {2, 1, 1}: "MAINT", {0, 9, 1}: "MAINT",
	} {
		if state.String() != want || state.InRotation() != (want == "UP") {
			t.Errorf("%+v: %s, in rotation %v", state, state, state.InRotation())
		}
	}
}

func FuzzParseStates(f *testing.F) {
	f.Add([]byte(answer))
	f.Fuzz(func(t *testing.T, text []byte) {
		if states, err := parseStates(text); err == nil && states == nil {
			t.Error("no error and no answer")
		}
	})
}
