// SPDX-License-Identifier: Apache-2.0

// Package memwal is a raft disk in memory, with the methods of package wal and with the two halves of a write apart: what was
// written and what was synced. Simulators and tests crash it between them.
//
// Invariant: Load never shows what was not synced. It never touches a real disk.
package memwal
