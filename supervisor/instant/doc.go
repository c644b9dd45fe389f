// SPDX-License-Identifier: Apache-2.0

// Package instant makes times as a process reads them: by the wall clock, which people read and which somebody may set at any
// time, and by the monotonic clock, which everything is computed with. Package time reads the two together and has no way to
// put a time together from them; a replay needs it to give a core the very times that another one had, and the simulator to
// set a wall clock.
//
// It never reads a clock.
package instant
