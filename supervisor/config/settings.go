// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// EnvConfig names the variable with the path of the node file. Whoever calls
// LoadNode reads it.
const EnvConfig = "EVENKEEL_CONFIG"

const (
	envPrefix = "EVENKEEL_"
	railsKey  = "rails"
)

// Setting is one key of the node file that a variable and a flag can set too.
type Setting struct {
	Key  string // of the node file
	Env  string // variable; an empty value counts as not set
	Flag string // without the dashes
	Help string
}

// Settings returns what can be set outside of the node file. A flag goes
// before a variable, and a variable before the file.
func Settings() []Setting {
	return []Setting{
		{"node", "EVENKEEL_NODE", "node", "name of this node (default: the first label of the host name)"},
		{"cluster", "EVENKEEL_CLUSTER", "cluster", "name of the cluster"},
		{"data_dir", "EVENKEEL_DATA_DIR", "data-dir", "directory of the state (default " + DefaultDataDir + ")"},
		{"key_file", "EVENKEEL_KEY_FILE", "key-file", "file with the key of the cluster (default " + DefaultKeyFile + ")"},
		{railsKey, "EVENKEEL_RAILS", "rail", "rail as NAME=ADDRESS[:PORT][,SEED...]; several: repeat the flag, or put spaces between them in the variable"},
		{"api.socket", "EVENKEEL_API_SOCKET", "api-socket", "unix socket of the API (default " + DefaultSocket + ")"},
		{"timing", "EVENKEEL_TIMING", "timing", "timing profile: lan, fast or wan (default " + DefaultTiming + ")"},
		{"bootstrap", "EVENKEEL_BOOTSTRAP", "bootstrap", "cluster file to use when this node has no state yet"},
		{"guard.socket", "EVENKEEL_GUARD_SOCKET", "guard-socket", "unix socket between evenkeel and its guard (default: guard.sock beside that of the API)"},
		{"guard.class", "EVENKEEL_GUARD_CLASS", "guard-class", "what stops an address whose right has run out: gate, timed-set or address (default: the best there is)"},
		{"flight.size", "EVENKEEL_FLIGHT_SIZE", "flight-size", "room for the flight recorder, 0 to record nothing (default " + DefaultFlight + ")"},
		{"log.level", "EVENKEEL_LOG_LEVEL", "log-level", "trace, debug, info, warn or error (default " + DefaultLogLevel + ")"},
		{"log.format", "EVENKEEL_LOG_FORMAT", "log-format", "text or json (default " + DefaultLogFormat + ")"},
	}
}

// AddFlags defines the flags of Settings. Defaults stay empty: what the flags
// do not set, the variables and the file decide.
func AddFlags(flags *pflag.FlagSet) {
	for _, s := range Settings() {
		if s.Key == railsKey {
			flags.StringArray(s.Flag, nil, s.Help)
			continue
		}
		flags.String(s.Flag, "", s.Help)
	}
}

// settingOf returns the setting whose name, as the function gives it, is the
// given one.
func settingOf(name string, of func(Setting) string) (Setting, bool) {
	all := Settings()
	i := slices.IndexFunc(all, func(s Setting) bool { return of(s) == name })
	if i < 0 {
		return Setting{}, false
	}
	return all[i], true
}

func variables() []string {
	out := []string{EnvConfig}
	for _, s := range Settings() {
		out = append(out, s.Env)
	}
	return out
}

// passes tells whether a variable with our prefix is right to be there though
// it sets nothing: the path of the node file, what checks by command find in
// their environment, and what Kubernetes puts into every pod of a namespace
// that has a service called evenkeel.
func passes(name string) bool {
	switch name {
	case EnvConfig, "EVENKEEL_POOL", "EVENKEEL_MEMBER", "EVENKEEL_ADDRESS", "EVENKEEL_PORT":
		return true
	}
	return strings.HasPrefix(name, "EVENKEEL_SERVICE_") || strings.HasPrefix(name, "EVENKEEL_PORT_")
}
