// SPDX-License-Identifier: Apache-2.0

// Package address has no code: its tests move virtual addresses between real nodes, in network namespaces, and watch every frame
// that the nodes send. What must hold in each of them: no node sends anything from an address after another one began to.
package address
