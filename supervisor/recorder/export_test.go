// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"github.com/evenkeel-ha/evenkeel/supervisor/core"
	"github.com/evenkeel-ha/evenkeel/supervisor/recorder/image"
)

// Picture returns what takes pictures of the memory of cores, for benchmarks.
func Picture() (func(c *core.Core) ([]byte, error), error) {
	rules, err := rulesOfCore()
	w := image.NewWriter(rules)
	return func(c *core.Core) ([]byte, error) { return imageOf(w, c) }, err
}
