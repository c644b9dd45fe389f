// SPDX-License-Identifier: Apache-2.0

// Package natsbus carries the bus over NATS: one embedded server per rail, in this process, and every frame on every rail.
//
// Invariants:
//   - A rail that is down, starts late or dies never stops another rail nor the process: NATS's fatal errors are recorded, and the rail is tried again.
//   - Send never waits. Each queue has a bound in frames and in bytes and gives up its oldest frames first, because a late heartbeat is worse than none.
//   - What a disconnected client or a dead route did not carry is lost, not replayed: pings close a silent route within PingsOut+1 ping intervals.
//   - The handler gets each frame once, from one goroutine at a time, and never after Run has returned.
//   - No client port, no HTTP port, no JetStream, no system account: nothing but the routes of the rail listens.
//
// It never judges a peer by the time of arrival, never retries a frame, never decodes a payload and never encrypts: the route password passes in clear text
// and only keeps strangers off, frames carry their own proof (see bus.Sealer).
package natsbus
