// SPDX-License-Identifier: Apache-2.0

// Package labtest is what tests have in common that play on real nodes: they are a node's first process when they are told to be,
// they build the product, whose processes they are about, and they are skipped without root.
package labtest
