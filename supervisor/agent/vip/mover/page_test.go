// SPDX-License-Identifier: Apache-2.0

package mover

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// script writes an example of the page for operators into a folder, with the folder in place of /etc/evenkeel, and returns its path.
func script(t *testing.T, name, dir string) string {
	t.Helper()
	page, err := os.ReadFile("../../../../docs/cloud-addresses.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(page), "```sh\n#!/bin/sh\n# "+name+"\n")
	text, _, end := strings.Cut(text, "\n```\n")
	if !ok || !end {
		t.Fatalf("the page has no example %s", name)
	}
	program := filepath.Join(dir, "example")
	text = "#!/bin/sh\nPATH=" + dir + ":$PATH\n" + strings.ReplaceAll(text, "/etc/evenkeel", dir) + "\n"
	put(t, program, text)
	return program
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
}

// assigned is where addresses are, at the invented provider of the page.
type assigned struct {
	mu  sync.Mutex
	to  map[string]string
	log []string
}

func (a *assigned) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	address := strings.TrimPrefix(r.URL.Path, "/addresses/")
	server, ok := a.to[address]
	if r.Header.Get("Authorization") != "Bearer secret" || !ok {
		http.Error(w, "no", http.StatusForbidden)
		return
	}
	if r.Method == http.MethodPut {
		var body struct{ Server *string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		server = ""
		if body.Server != nil {
			server = *body.Server
		}
		a.to[address] = server
		a.log = append(a.log, address+" to "+server)
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"server": server}) // curl says it if this fails
}

// try runs an example as the mover does.
func try(t *testing.T, program string, verb Verb, addresses ...string) (ok bool, said string) {
	t.Helper()
	u := Unit{Resource: "web", Epoch: 3, Interface: "eth0"}
	for _, a := range addresses {
		u.Addresses = append(u.Addresses, netip.MustParsePrefix(a+"/32"))
	}
	return execute(t.Context(), []string{program, string(verb)}, u.environment("n1"))
}

// expect wants an example to succeed, or not.
func expect(t *testing.T, program string, want bool, verb Verb, addresses ...string) {
	t.Helper()
	if ok, said := try(t, program, verb, addresses...); ok != want {
		t.Errorf("%s %v: succeeded %t, want %t: %s", verb, addresses, ok, want, said)
	}
}

func TestExampleWithCurl(t *testing.T) {
	provider := &assigned{to: map[string]string{"10.0.0.100": "srv-9", "10.0.0.101": "srv-1"}}
	api := httptest.NewServer(provider)
	defer api.Close()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "provider"), "API="+api.URL+" TOKEN=secret SERVER=srv-1\n")
	example := script(t, "/usr/local/sbin/move-address", dir)
	both := []string{"10.0.0.100", "10.0.0.101"}

	expect(t, example, false, Check, both...)
	expect(t, example, true, Release, "10.0.0.100")
	expect(t, example, true, Assign, both...)
	expect(t, example, true, Assign, both...)
	expect(t, example, true, Check, both...)
	expect(t, example, true, Release, both...)
	expect(t, example, false, Check, both...)
	if diff := cmp.Diff([]string{"10.0.0.100 to srv-1", "10.0.0.100 to ", "10.0.0.101 to "}, provider.log); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if ok, said := try(t, example, Assign, "10.0.0.200"); ok || said != "exit status 22: curl: (22) The requested URL returned error: 403" {
		t.Errorf("an address that is not ours: succeeded %t, %q", ok, said)
	}
	expect(t, example, false, "dance", both...)
}

func TestExampleWithHcloud(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "hcloud-token"), "secret\n")
	put(t, filepath.Join(dir, "list"), "7 10.0.0.100 n9\n8 10.0.0.101 n1\n9 10.0.0.10 -\n")
	put(t, filepath.Join(dir, "hcloud"), `#!/bin/sh
		[ "$HCLOUD_TOKEN" = secret ] || { echo "hcloud: unauthorized" >&2; exit 1; }
		cd `+dir+`
		case "$*" in
		"floating-ip list -o noheader -o columns=id,ip,server") exec cat list ;;
		"floating-ip assign "*) echo "$*" >> log; to=$4 ;;
		"floating-ip unassign "*) echo "$*" >> log; to=- ;;
		*) echo "hcloud: unknown command $*" >&2; exit 1 ;;
		esac
		awk -v id="$3" -v to="$to" '{ if ($1 == id) $3 = to; print }' list > new && mv new list`)
	example := script(t, "/usr/local/sbin/move-floating-ip", dir)
	both := []string{"10.0.0.100", "10.0.0.101"}

	expect(t, example, false, Check, both...)
	expect(t, example, true, Release, "10.0.0.100")
	expect(t, example, true, Assign, both...)
	expect(t, example, true, Check, both...)
	expect(t, example, true, Release, "10.0.0.101")
	expect(t, example, false, Check, "10.0.0.101")
	expect(t, example, true, Check, "10.0.0.100")
	log, err := os.ReadFile(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("floating-ip assign 7 n1\nfloating-ip unassign 8\n", string(log)); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if ok, said := try(t, example, Assign, "10.0.0.200"); ok || said != "exit status 1: there is no floating IP 10.0.0.200 in this project" {
		t.Errorf("an address that is not ours: succeeded %t, %q", ok, said)
	}
	put(t, filepath.Join(dir, "hcloud-token"), "wrong\n")
	if ok, said := try(t, example, Check, both...); ok || said != "exit status 1: hcloud: unauthorized" {
		t.Errorf("another token: succeeded %t, %q", ok, said)
	}
}
