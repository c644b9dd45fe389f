// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// What a node file need not say.
const (
	DefaultNodeFile    = "/etc/evenkeel/evenkeel.yaml"
	DefaultDataDir     = "/var/lib/evenkeel"
	DefaultKeyFile     = "/etc/evenkeel/cluster.key"
	DefaultSocket      = "/run/evenkeel/api.sock"
	DefaultGuardSocket = "/run/evenkeel/guard.sock"
	DefaultRailPort    = 7420 // TCP
	DefaultTiming      = "lan"
	DefaultLogLevel    = "info"
	DefaultLogFormat   = "text"
	DefaultFlight      = "32MiB"
)

// MaxRails is how many rails a node may have.
const MaxRails = 8

// Node is the node file: who this machine is. Each node has its own.
type Node struct {
	Node      string `json:"node,omitempty" jsonschema:"Name of this node, as in the cluster file (default: the first label of the host name)."`
	Cluster   string `json:"cluster" jsonschema:"Name of the cluster, as in the cluster file."`
	DataDir   string `json:"data_dir,omitempty" jsonschema:"Directory of the state (default /var/lib/evenkeel). It must outlive a restart of the machine."`
	KeyFile   string `json:"key_file,omitempty" jsonschema:"File with the key of the cluster: 32 bytes as 64 hex digits, the same on every node, not readable by others (default /etc/evenkeel/cluster.key)."`
	Rails     []Rail `json:"rails" jsonschema:"The networks that carry the bus. With two, the loss of one changes nothing."`
	API       API    `json:"api,omitzero" jsonschema:"Where evenkeel answers operators."`
	Guard     Guard  `json:"guard,omitzero" jsonschema:"The process that holds the virtual addresses of this node."`
	Timing    string `json:"timing,omitempty" jsonschema:"Timing profile: lan, fast or wan; the same on every node (default lan). See evenkeel config timing."`
	Bootstrap string `json:"bootstrap,omitempty" jsonschema:"Cluster file that is used when this node has no state yet."`
	Flight    Flight `json:"flight,omitzero" jsonschema:"The flight recorder, which keeps what this node decided upon for evenkeel replay."`
	Log       Log    `json:"log,omitzero" jsonschema:"What is logged, and how."`
}

// Rail is one network that carries the bus.
type Rail struct {
	Name   string   `json:"name" jsonschema:"Name of the rail, the same on every node."`
	Listen string   `json:"listen" jsonschema:"IP address of this node on that network, and the TCP port (7420 when left out)."`
	Seeds  []string `json:"seeds,omitempty" jsonschema:"Where other nodes listen on this rail: host or host:port. One that answers is enough; our own address is ignored."`
}

// API says where operators reach this node.
type API struct {
	Socket string `json:"socket,omitempty" jsonschema:"Unix socket of the API (default /run/evenkeel/api.sock)."`
}

// Guard says how virtual addresses are held on this node.
type Guard struct {
	Socket string `json:"socket,omitempty" jsonschema:"Unix socket between evenkeel and its guard (default: guard.sock beside the socket of the API)."`
	Class  string `json:"class,omitempty" jsonschema:"What stops an address whose right has run out while nothing here runs any more: gate, timed-set or address (default: the best that the kernel allows)."`
}

// Flight says how much the flight recorder keeps.
type Flight struct {
	Size Size `json:"size,omitempty" jsonschema:"Room for it in data_dir/flight (default 32MiB): from 1MiB, or 0 to record nothing."`
}

// Log says what is logged, and how.
type Log struct {
	Level  string `json:"level,omitempty" jsonschema:"Least severity that is logged: trace, debug, info, warn or error (default info)."`
	Format string `json:"format,omitempty" jsonschema:"How lines look: text for people, json for programs (default text)."`
}

// LoadNode reads the node file, then the environment (NAME=value, as
// os.Environ gives it) over it, then the flags that were set over both. An
// empty path means no file; flags may be nil. The result is complete: defaults
// are filled in, addresses have their port, and our own address is no seed.
// Its error is an *Error with every fault of all three.
func LoadNode(path string, flags *pflag.FlagSet, environ []string) (Node, error) {
	l := layers{file: nodeReader(path), keys: koanf.New(".")}
	if path != "" {
		l.load(l.fileTree(path))
	}
	l.environment(environ)
	l.flags(flags)
	if l.broken {
		return Node{}, asError(l.faults())
	}
	var n Node
	if err := decode(l.keys.Raw(), &n); err != nil {
		return Node{}, fmt.Errorf("%s: %w", path, err)
	}
	if err := n.fill(); err != nil {
		return Node{}, err
	}
	c := nodeCheck{layers: &l}
	c.node(&n)
	if err := asError(l.faults()); err != nil {
		return Node{}, err
	}
	return n, nil
}

// fill puts the defaults where nothing stands.
func (n *Node) fill() error {
	if n.Node == "" {
		host, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("the host name, which names the node: %w", err)
		}
		label, _, _ := strings.Cut(host, ".")
		n.Node = strings.ToLower(label)
	}
	for _, d := range []struct {
		field *string
		value string
	}{
		{&n.DataDir, DefaultDataDir},
		{&n.KeyFile, DefaultKeyFile},
		{&n.API.Socket, DefaultSocket},
		{&n.Timing, DefaultTiming},
		{&n.Log.Level, DefaultLogLevel},
		{&n.Log.Format, DefaultLogFormat},
	} {
		if *d.field == "" {
			*d.field = d.value
		}
	}
	if n.Guard.Socket == "" {
		n.Guard.Socket = besideAPI(n.API.Socket)
	}
	if n.Flight.Size == "" {
		n.Flight.Size = DefaultFlight
	}
	return nil
}

// besideAPI is where the guard listens unless it is told where.
func besideAPI(socket string) string { return filepath.Join(filepath.Dir(socket), "guard.sock") }
