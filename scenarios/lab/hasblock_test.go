// SPDX-License-Identifier: Apache-2.0

package lab

import "testing"

func TestHasBlock(t *testing.T) {
	table := []byte("  sl  local_address rem_address   st\n" +
		"   0: 01004E7F:1F90 00000000:0000 0A\n  12: 0100007F:1F90 01004F7F:0000 01\n")
	for block, want := range map[int]bool{77: false, 78: true, 79: false, 0: true} {
		if got := hasBlock(table, block); got != want {
			t.Errorf("block %d in use: %v", block, got)
		}
	}
}
