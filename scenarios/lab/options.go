// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/rs/zerolog"
)

// Bounds of a lab.
const (
	// DefaultName is the name of a lab whose options give none.
	DefaultName = "ek"
	// DefaultRails is the number of rails of a lab whose options give none.
	DefaultRails = 2
	// maxRails keeps network numbers within one byte and the boot of a node within a few milliseconds.
	maxRails = 8
	// maxNodes keeps host numbers within one byte.
	maxNodes = 200
	// maxSocketPath is how long the path of a unix socket may be, in bytes (unix(7): sun_path holds 108 with its NUL).
	maxSocketPath = 107
	// socketNameRoom is kept free for the name of a socket in a node's folder, in bytes.
	socketNameRoom = 24
)

// Options say what a lab is called and where it keeps its files.
type Options struct {
	// Name is the prefix of all that is made: lower-case letters and digits, 12 at most; empty means [DefaultName].
	Name string
	// Dir holds one folder per node, with its logs and sockets; empty means evenkeel-lab-NAME in the temporary folder.
	// It must not be below /run or /dev/shm, which are private to each node.
	Dir string
	// Keep leaves the folders of the nodes in place at [Lab.Close]; otherwise all that the lab made is removed.
	Keep bool
	// Rails is the number of networks besides the service network; 0 means [DefaultRails].
	Rails int
	// Log takes what the lab does, at debug level.
	Log zerolog.Logger
}

// Missing returns the commands that a lab with balancers needs and this machine lacks.
func Missing() []string {
	var missing []string
	for _, name := range []string{"nft", "haproxy"} {
		if _, err := lookPath(name); err != nil {
			missing = append(missing, name)
		}
	}
	return missing
}

// InstallLine returns the command that installs what [Missing] found, on Debian and Ubuntu; empty if nothing is missing.
func InstallLine(missing []string) string {
	if len(missing) == 0 {
		return ""
	}
	packages := make([]string, len(missing))
	for i, command := range missing {
		packages[i] = command
		if command == "nft" {
			packages[i] = "nftables"
		}
	}
	return "apt-get install -y --no-install-recommends " + strings.Join(packages, " ")
}

func (o Options) checked() (Options, error) {
	if o.Name == "" {
		o.Name = DefaultName
	}
	if o.Rails == 0 {
		o.Rails = DefaultRails
	}
	if !regexp.MustCompile(`^[a-z][a-z0-9]{0,11}$`).MatchString(o.Name) {
		return o, fmt.Errorf("lab: name %q: want a letter and up to 11 more letters or digits, all lower case", o.Name)
	}
	if o.Rails < 1 || o.Rails > maxRails {
		return o, fmt.Errorf("lab: %d rails: want 1 to %d", o.Rails, maxRails)
	}
	if o.Dir == "" {
		o.Dir = filepath.Join(os.TempDir(), "evenkeel-lab-"+o.Name)
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return o, fmt.Errorf("lab: folder %s: %w", o.Dir, err)
	}
	o.Dir = dir
	for _, private := range []string{"/run/", "/var/run/", "/dev/shm/", "/proc/", "/sys/"} {
		if strings.HasPrefix(dir+"/", private) {
			return o, fmt.Errorf("lab: folder %s: nodes cannot see below %s, which is private to each of them", dir, private)
		}
	}
	return o, nil
}

func checkNodeName(dir, name string) error {
	if !regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,19}$`).MatchString(name) || name == switchName {
		return fmt.Errorf("lab: node name %q: want 1 to 20 lower-case letters, digits and dashes, and not %q", name, switchName)
	}
	if n := len(filepath.Join(dir, name)) + 1 + socketNameRoom; n > maxSocketPath {
		return fmt.Errorf("lab: folder %s is %d bytes too long for unix sockets in it", dir, n-maxSocketPath)
	}
	return nil
}

// lookPath also looks where Debian keeps daemons, which is not in the PATH of an ordinary user.
func lookPath(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil || strings.Contains(name, "/") {
		return path, err
	}
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin"} {
		if path, errSbin := exec.LookPath(filepath.Join(dir, name)); errSbin == nil {
			return path, nil
		}
	}
	return "", err
}
