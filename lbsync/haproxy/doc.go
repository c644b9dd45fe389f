// SPDX-License-Identifier: Apache-2.0

// Package haproxy drives one HAProxy process group through its stats socket (HAProxy 2.6 or newer, level admin).
//
// The transport is client-native's ExecuteRaw and nothing else of it, because its typed calls report success when
// HAProxy hangs, closes without an answer, or refuses. Here a reply counts only when it ends with the "show info" of the
// process that was meant and that process is not leaving; and what was achieved is read back in the same exchange, never
// inferred from reply codes.
//
// Invariants:
//
//   - An answer that is missing, cut short or from the wrong socket is an error, never an empty snapshot.
//   - A call returns at its context's end or after Options.Timeout, although ExecuteRaw itself cannot be cancelled and may
//     take 30 s; until it is back no further command is sent to that socket, so at most one is ever outstanding.
//   - A line is at most 8000 bytes and is answered before the next is sent: more unread input is known to crash HAProxy 3.2.
//   - Names reach the socket only if they consist of the characters that HAProxy allows in names.
//   - The parsers accept any bytes, and their memory is bounded by the size of the reply.
//
// The package never edits haproxy.cfg, never reloads HAProxy, never retries (but that ExecuteRaw dials a second
// time when the first fails, which repeats nothing that is not harmless to repeat), and never writes a server that it was
// not told to write.
package haproxy
