// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab"
)

// TestRefusalsSayWhatToDo reads what people are told who cannot have real nodes here.
func TestRefusalsSayWhatToDo(t *testing.T) {
	for want, err := range map[string]error{
		"need root: run it with sudo, or play the script in the simulator with --world sim": possible(1000),
		"play the script in the simulator with --world sim":                                 explained(fmt.Errorf("lab: %w", syscall.EPERM)),
		"wait for its end": explained(fmt.Errorf("lab: %w", lab.ErrAlive)),
	} {
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want one sentence with %q", err, want)
		}
	}
}
