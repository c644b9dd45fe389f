// SPDX-License-Identifier: Apache-2.0

package address_test

import (
	"os"
	"testing"

	"github.com/evenkeel-ha/evenkeel/scenarios/lab/labtest"
)

// program is the product; TestMain builds it.
var program string

func TestMain(m *testing.M) {
	os.Exit(labtest.Main(func(binary string) int {
		program = binary
		return m.Run()
	}))
}
