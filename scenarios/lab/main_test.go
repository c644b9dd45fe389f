// SPDX-License-Identifier: Apache-2.0

package lab_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
	"github.com/evenkeel-ha/evenkeel/scenarios/lab/app"
)

// patience bounds every wait of these tests; nothing is asserted about speed.
const patience = 30 * time.Second

// TestMain makes the test binary what the product binary is: PID 1 of nodes, and the programs that run in them.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case lab.InitArg:
			os.Exit(lab.Init(os.Args[2:]))
		case "serve":
			os.Exit(serve(os.Args[2], os.Args[3]))
		case "crash":
			crash(os.Args[2], os.Args[3])
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func serve(node, addr string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := app.Serve(ctx, addr, app.Options{Node: node}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// crash builds a lab with two nodes and a process in each, says so, and waits to be killed. It returns only when that fails.
func crash(name, dir string) {
	ctx := context.Background()
	l, err := lab.New(ctx, lab.Options{Name: name, Dir: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, node := range []string{"n1", "n2"} {
		n, err := l.AddNode(ctx, node)
		if err == nil {
			_, err = n.Start(ctx, lab.Cmd{Name: "sh", Args: []string{"-c", "sleep 1000 & sleep 1001"}})
		}
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println("ready")
	select {}
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("namespaces need root")
	}
	if missing := lab.Missing(); len(missing) > 0 {
		t.Fatalf("missing %s: run ./task setup, or %s", strings.Join(missing, ", "), lab.InstallLine(missing))
	}
}

// newLab makes a lab of this name with nodes n1 to nN, and closes it with the test.
func newLab(t testing.TB, name string, nodes int) *lab.Lab {
	t.Helper()
	needRoot(t)
	l, err := lab.New(t.Context(), lab.Options{Name: name, Dir: filepath.Join(t.TempDir(), "lab"), Log: zerolog.New(zerolog.NewTestWriter(t))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	addNodes(t, l, nodes)
	return l
}

func addNodes(t testing.TB, w lab.World, nodes int) {
	t.Helper()
	for i := range nodes {
		if _, err := w.AddNode(t.Context(), fmt.Sprintf("n%d", i+1)); err != nil {
			t.Fatal(err)
		}
	}
}

// startApp starts the application on all networks of a node, and waits until it answers.
func startApp(t testing.TB, n *lab.Node) *lab.Proc {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	addr := ":8080"
	if n.Netns() == "" {
		addr = n.IP(0).String() + addr
	}
	p, err := n.Start(t.Context(), lab.Cmd{Name: self, Args: []string{"serve", n.Name(), addr}, LogName: "app.log"})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the application of "+n.Name()+" answers", func() bool {
		select {
		case <-p.Done():
			t.Fatalf("the application of %s ended: %s", n.Name(), read(t, n.SocketPath("app.log")))
		default:
		}
		return reaches(t, n, n, 0)
	})
	return p
}

// reaches says whether one node gets an answer of the other one's application over a network.
func reaches(t testing.TB, from, to *lab.Node, net int) bool {
	t.Helper()
	transport := &http.Transport{DialContext: from.Dialer(), DisableKeepAlives: true}
	client := &http.Client{Transport: transport, Timeout: 150 * time.Millisecond}
	resp, err := client.Get(fmt.Sprintf("http://%s:8080/", to.IP(net)))
	if err != nil {
		return false
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	return resp.Header.Get("X-Node") == to.Name()
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// residue lists what of a lab is left on the machine.
func residue(t *testing.T, name string) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"/run/netns/" + name + "-*", "/run/evenkeel-lab/" + name + ".*"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, paths...)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(mounts), "/run/netns/"+name+"-") {
		found = append(found, "a mount")
	}
	links, err := exec.CommandContext(t.Context(), "ip", "-o", "link").CombinedOutput()
	if err == nil && (strings.Contains(string(links), " p1-0") || strings.Contains(string(links), " rail1")) {
		found = append(found, "a link on the host")
	}
	return append(found, processes(t, "/run/evenkeel-lab/"+name+"/")...)
}

func processes(t *testing.T, mark string) []string {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, path := range paths {
		if env, err := os.ReadFile(path); err == nil && strings.Contains(string(env), "LAB_OF_EVENKEEL="+mark) {
			found = append(found, path)
		}
	}
	return found
}
