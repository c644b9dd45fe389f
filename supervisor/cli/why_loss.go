// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// loss is what becomes of it when its holder dies or is cut off, and when that comes back.
func (c *inquiry) loss() []moveWord {
	when := c.name() + " dies or is cut off"
	if c.r.State == cluster.ResourceUnheard {
		when = "a majority does not hear " + c.name()
	}
	if c.r.Next == "" {
		return []moveWord{{when, "nobody takes over: no other node can hold it now"}}
	}
	out := []moveWord{{when, fmt.Sprintf("%s takes over %s", c.r.Next, c.proof())}}
	if c.r.Requires == cluster.ProofLease {
		out = append(out, moveWord{"evenkeel hangs on " + c.name(), "the same: " + c.stop()})
	}
	if c.r.State == cluster.ResourceHeld {
		out = append(out, moveWord{c.name() + " is back after that", c.afterwards()})
	}
	return out
}

// proven is what a lost holder is waited for.
func (c *inquiry) proven() moveWord {
	m := moveWord{"the right of " + c.name() + " has run out", string(c.r.Next) + " takes over"}
	switch c.r.Requires {
	case cluster.ProofLease:
		if c.r.Takeover != "" {
			m.Then += fmt.Sprintf("; that is so at most %s after its last word, and %s", c.r.Takeover, c.stop())
		}
	case cluster.ProofQuorum:
		m.If = unchanged
	case cluster.ProofFencing:
		m.If = c.name() + " is proven to be cut off"
	}
	if c.r.Next == "" {
		return moveWord{"a node can hold it again", "that node takes over, as soon as it is safe"}
	}
	return m
}

// proof tells when another node may take over from a lost holder.
func (c *inquiry) proof() string {
	switch c.r.Requires {
	case cluster.ProofQuorum:
		return fmt.Sprintf("as soon as a majority of the voters calls %s dead; if it lives on all the same, both have it (requires quorum)", c.name())
	case cluster.ProofFencing:
		return fmt.Sprintf("when %s is proven to be cut off (requires fencing)", c.name())
	case cluster.ProofLease:
	}
	when := "once a majority of the voters says that its right has run out"
	if c.r.Takeover != "" {
		when += fmt.Sprintf(", at most %s after its last word", c.r.Takeover)
	}
	return when
}

// stop tells what keeps a holder from acting whose right has run out.
func (c *inquiry) stop() string {
	switch c.holder.Class {
	case "gate":
		return fmt.Sprintf("by then the kernel of %s lets nothing of it pass any more (class gate)", c.name())
	case "timed-set":
		return fmt.Sprintf("by then the packet filter of %s lets nothing of it pass any more (class timed-set)", c.name())
	case "address":
		return fmt.Sprintf("by then the address has run out on %s (class address)", c.name())
	}
	return fmt.Sprintf("what ends it on %s by then is not known here, so the longest time is waited", c.name())
}

// afterwards tells whether it goes back to its holder after that was lost.
func (c *inquiry) afterwards() string {
	for _, n := range c.r.Candidates {
		if n.Node == c.r.Holder && n.Preferred {
			return c.home(c.r.Next)
		}
		if n.Node == c.r.Next {
			break
		}
	}
	return fmt.Sprintf("it stays on %s", c.r.Next)
}
