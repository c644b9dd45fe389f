// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

const nodeFile = "../../configs/node-full.yaml"

// args parses a command line with the flags of the node file.
func args(t *testing.T, line ...string) *pflag.FlagSet {
	t.Helper()
	flags := pflag.NewFlagSet("evenkeel", pflag.ContinueOnError)
	AddFlags(flags)
	flags.Bool("verbose", false, "a flag of somebody else")
	if err := flags.Parse(line); err != nil {
		t.Fatal(err)
	}
	return flags
}

func TestLoadNode(t *testing.T) {
	got, err := LoadNode(nodeFile, args(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Node{
		Node: "n1", Cluster: "demo", DataDir: DefaultDataDir, KeyFile: DefaultKeyFile,
		Rails: []Rail{
			{Name: "r1", Listen: "10.77.1.1:7420", Seeds: []string{"10.77.1.2:7420", "10.77.1.3:7420"}},
			{Name: "r2", Listen: "10.77.2.1:7420", Seeds: []string{"10.77.2.2:7420", "10.77.2.3:7420"}},
		},
		API: API{Socket: DefaultSocket}, Guard: Guard{Socket: DefaultGuardSocket, Class: "gate"}, Timing: "lan", Bootstrap: "/etc/evenkeel/cluster.yaml",
		Flight: Flight{Size: "32MiB"}, Log: Log{Level: "info", Format: "text"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestDefaults(t *testing.T) {
	got, err := LoadNode("../../configs/node-minimal.yaml", nil, []string{"EVENKEEL_NODE=n1"})
	if err != nil {
		t.Fatal(err)
	}
	want := Node{
		Node: "n1", Cluster: "demo", DataDir: DefaultDataDir, KeyFile: DefaultKeyFile,
		Rails: []Rail{{Name: "r1", Listen: "10.77.1.1:7420", Seeds: []string{"10.77.1.2:7420", "10.77.1.3:7420"}}},
		API:   API{Socket: DefaultSocket}, Guard: Guard{Socket: DefaultGuardSocket}, Timing: DefaultTiming, Log: Log{Level: DefaultLogLevel, Format: DefaultLogFormat},
		Flight: Flight{Size: DefaultFlight},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got, err = LoadNode("../../configs/node-minimal.yaml", nil, nil); err == nil && strings.Contains(got.Node, ".") {
		t.Errorf("node %q is not the first label of the host name", got.Node)
	}
}

// TestLayers checks that a flag goes before a variable and a variable before
// the file, and what has no meaning for us is let through.
func TestLayers(t *testing.T) {
	got, err := LoadNode(nodeFile, args(t, "--timing", "fast", "--verbose"), []string{
		"PATH=/bin", "EVENKEEL_TIMING=wan", "EVENKEEL_API_SOCKET=/tmp/a.sock", "EVENKEEL_DATA_DIR=", "EVENKEEL_LOG_LEVEL=debug",
		"EVENKEEL_RAILS=a=10.0.0.1,10.0.0.2 b=[fd00::1]:99,[fd00::2],fd00::1,n2,n3:8",
		"EVENKEEL_CONFIG=/x", "EVENKEEL_POOL=web", "EVENKEEL_SERVICE_HOST=10.0.0.1", "EVENKEEL_PORT_7420_TCP=tcp://10.0.0.1:7420",
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.Timing != "fast" || got.API.Socket != "/tmp/a.sock" || got.DataDir != DefaultDataDir || got.Log.Level != "debug" || got.Node != "n1" {
		t.Errorf("%+v", got)
	}
	want := []Rail{
		{Name: "a", Listen: "10.0.0.1:7420", Seeds: []string{"10.0.0.2:7420"}},
		{Name: "b", Listen: "[fd00::1]:99", Seeds: []string{"[fd00::2]:7420", "[fd00::1]:7420", "n2:7420", "n3:8"}},
	}
	if d := cmp.Diff(want, got.Rails); d != "" {
		t.Error(d)
	}
}

func TestNoFile(t *testing.T) {
	got, err := LoadNode("", args(t, "--node=n7", "--cluster=demo", "--rail=r1=127.0.0.1:1,127.0.0.1:1,127.0.0.1:2", "--rail", "r2=127.0.0.2"), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []Rail{{Name: "r1", Listen: "127.0.0.1:1", Seeds: []string{"127.0.0.1:2"}}, {Name: "r2", Listen: "127.0.0.2:7420"}}
	if d := cmp.Diff(want, got.Rails); d != "" {
		t.Error(d)
	}
	_, err = LoadNode("", args(t, "--node=n7", "--rail=r1=127.0.0.1"), nil)
	if err == nil || !strings.HasSuffix(err.Error(), "; there is no node file, so set EVENKEEL_CLUSTER or --cluster") {
		t.Errorf("without a file and a cluster: %v", err)
	}
	_, err = LoadNode(filepath.Join(t.TempDir(), "none.yaml"), nil, []string{"EVENKEEL_TIMNG=lan"})
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "EVENKEEL_TIMNG") {
		t.Errorf("both faults should be told: %v", err)
	}
}

func TestFaultsOutsideOfTheFile(t *testing.T) {
	for _, c := range []struct {
		name    string
		line    []string
		environ []string
		want    string
	}{
		{"typo", nil, []string{"EVENKEEL_DATADIR=/secret"}, "environment EVENKEEL_DATADIR: means nothing to evenkeel; did you mean EVENKEEL_DATA_DIR?"},
		{"stranger", nil, []string{"EVENKEEL_COLOUR_SCHEME=1"}, "environment EVENKEEL_COLOUR_SCHEME: means nothing to evenkeel"},
		{"value", nil, []string{"EVENKEEL_TIMING=lam"}, `environment EVENKEEL_TIMING: timing: "lam": write lan, fast or wan; did you mean lan?`},
		{"flag", []string{"--log-level=loud"}, []string{"EVENKEEL_LOG_LEVEL=info"}, `flag --log-level: log.level: "loud": write trace, debug, info, warn or error`},
		{"rails", nil, []string{"EVENKEEL_RAILS=10.0.0.1"}, `environment EVENKEEL_RAILS: rails: "10.0.0.1": write NAME=ADDRESS or NAME=ADDRESS,SEED,SEED, such as r1=10.77.1.1,10.77.1.2`},
		{"rail", []string{"--rail=r1=n1"}, nil, `flag --rail: rails[0].listen: "n1": write the IP address of this node on that network, and a port if it is not 7420, such as 10.77.1.1 or 10.77.1.1:7420; names are not resolved`},
		{"both", []string{"--node=N 1"}, []string{"EVENKEEL_KEY_FILE=key"}, "2 faults:\n" +
			`  flag --node: node: "N 1": use 1 to 64 lower-case letters, digits, '-', '_' or '.', beginning and ending with a letter or digit` + "\n" +
			`  environment EVENKEEL_KEY_FILE: key_file: "key": write an absolute path, beginning with /`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := LoadNode(nodeFile, args(t, c.line...), c.environ)
			if err == nil {
				t.Fatal("accepted")
			}
			if d := cmp.Diff(c.want, err.Error()); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestSettings checks that each setting names a key of the node file, and that
// the full node file tells the operator about its variable and flag.
func TestSettings(t *testing.T) {
	text := string(read(t, "node-full.yaml"))
	for _, s := range Settings() {
		sh := nodeShape()
		for k := range strings.SplitSeq(s.Key, ".") {
			next, ok := sh.of[k]
			if !ok {
				t.Errorf("setting %s names no key", s.Key)
			}
			sh = next
		}
		if !strings.Contains(text, s.Env) || !strings.Contains(text, "--"+s.Flag) {
			t.Errorf("node-full.yaml does not tell about %s and --%s", s.Env, s.Flag)
		}
	}
}

func TestKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cluster.key")
	write := func(text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	key := NewKey()
	if key == NewKey() {
		t.Fatal("two keys are the same")
	}
	write(key+"\n", 0o640)
	got, err := LoadKey(path)
	if err != nil || len(got) != KeySize {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	for _, c := range []struct {
		text string
		mode os.FileMode
		want string
	}{
		{key, 0o644, "has mode 0644: others may read or change the key of the cluster; run: chmod 600 " + path},
		{key, 0o660, "has mode 0660: others may read or change the key of the cluster; run: chmod 600 " + path},
		{" \n", 0o600, "is empty; it holds the key of the cluster, the same on every node"},
		{key[1:], 0o600, "holds 63 characters; the key is 64 hex digits (32 bytes), such as openssl rand -hex 32 prints"},
		{key[1:] + "g", 0o600, "holds something that is no hex digit (0-9, a-f)"},
		{strings.Repeat("0", 64), 0o600, "holds one digit over and over; write a random key, such as openssl rand -hex 32 prints"},
	} {
		write(c.text, c.mode)
		_, err := LoadKey(path)
		if err == nil || err.Error() != path+": "+c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), key[1:9]) {
			t.Error("the key is in the error")
		}
	}
	if _, err := LoadKey(path + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v does not tell fs.ErrNotExist", err)
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[Size]int64{
		"0": 0, "1KiB": 1 << 10, "32MiB": 32 << 20, "3GiB": 3 << 30, "": 0, "32": 0, "32MB": 0, "-1MiB": 0, "01MiB": 0,
	} {
		if got := text.Bytes(); got != want {
			t.Errorf("%q is %d bytes, want %d", text, got, want)
		}
	}
	off, err := LoadNode("../../configs/node-minimal.yaml", nil, []string{"EVENKEEL_NODE=n1", "EVENKEEL_FLIGHT_SIZE=0"})
	if err != nil || off.Flight.Size.Bytes() != 0 {
		t.Errorf("a recorder that is off: %v, %v", off.Flight, err)
	}
}
