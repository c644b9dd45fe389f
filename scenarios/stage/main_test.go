// SPDX-License-Identifier: Apache-2.0

package stage_test

import (
	"os"
	"testing"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab/labtest"
)

// binary is the product; TestMain builds it.
var binary string

func TestMain(m *testing.M) {
	os.Exit(labtest.Main(func(built string) int {
		binary = built
		return m.Run()
	}))
}
