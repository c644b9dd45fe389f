// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseServers(t *testing.T) {
	const table = "# pxname,svname,scur,econ,status,weight,desc,\n" +
		"web,web1,2,0,no check,100,,\n" +
		"web,web2,0,7,DRAIN,1,\"a, b\",\n\n"
	got, err := parseServers(table)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Server{
		"web1": {Status: "no check", Weight: 100, Sessions: 2},
		"web2": {Status: "DRAIN", Weight: 1, Refused: 7},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !got["web1"].Serves() || got["web2"].Serves() {
		t.Error("a server without checks serves, a drained one does not")
	}
}

// TestParseServersNeverSaysNone: what is no table, or names nobody, is an error.
func TestParseServersNeverSaysNone(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":        "",
		"a refusal":      "Permission denied\n",
		"no server":      "# pxname,svname,scur,econ,status,weight,\n\n",
		"a cut line":     "# pxname,svname,scur,econ,status,weight,\nweb,web1,0\n",
		"a missing word": "# pxname,svname,scur\nweb,web1,0\n",
		"no number":      "# pxname,svname,scur,econ,status,weight,\nweb,web1,x,0,UP,1,\n",
		"an open quote":  "# pxname,svname,scur,econ,status,weight,\nweb,\"web1,0,0,UP,1,\n",
		"noise":          strings.Repeat("# ,\x00", 1000),
	} {
		if got, err := parseServers(text); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}
