// SPDX-License-Identifier: Apache-2.0

// Package tape keeps records in a file, compressed, so that what was written before a crash can be read after it.
//
//	magic    8 bytes
//	head     length (4), CRC-32C (4), JSON
//	blocks   length (4), length unpacked (4), CRC-32C (4), a flushed piece of one deflate stream
//
// All numbers are little endian. A block holds whole records: length (varint), kind (1), body.
//
// What always holds:
//   - A file that breaks off is read to its last whole block, and is told from one that was damaged.
//   - Any bytes are safe to read: no panic, and memory in proportion to what was written.
//
// It never waits for the disk to be sure of anything: what a crash of the machine takes away is lost.
package tape
