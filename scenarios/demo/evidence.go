// SPDX-License-Identifier: Apache-2.0

package demo

// evidenceLines is how many lines of each log are shown.
const evidenceLines = 6

// evidence tells why something took too long or failed, as far as the logs know.
func (s *stage) evidence() {
	if s.fleet == nil {
		return
	}
	for _, e := range s.fleet.Evidence(evidenceLines) {
		s.story.line("  " + s.story.paint(strong, "the end of "+e.Log+" of "+e.Machine))
		for _, line := range e.Lines {
			s.story.line("    " + line)
		}
	}
}
