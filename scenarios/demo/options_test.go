// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"strings"
	"testing"
)

func TestOptions(t *testing.T) {
	o, err := Options{}.checked()
	if err != nil || o.Name != DefaultName || o.Runs != 1 || o.Timing != "lan" || !strings.Contains(o.Dir, "/evenkeel-demo-") {
		t.Errorf("defaults: %+v, %v", o, err)
	}
	again, err := Options{}.checked()
	if err != nil || again.Dir == o.Dir {
		t.Errorf("two demos in one folder: %s, %v", again.Dir, err)
	}
	for _, bad := range []Options{
		{Acts: []string{"apps"}}, {Runs: -1}, {Runs: 1001}, {Timing: "quick"}, {Dir: "/tmp/with space"}, {Dir: "/tmp/with\nline"},
	} {
		if _, err := bad.checked(); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}
