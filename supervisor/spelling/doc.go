// SPDX-License-Identifier: Apache-2.0

// Package spelling tells people which word they meant, and which words there are. Whoever reads what a person wrote, a
// configuration, a cluster file or a script, says it in the same way.
//
// What always holds:
//   - A word that is no slip of a known one gets no suggestion: a wrong one sends people the wrong way.
//   - Words of any length cost little.
//
// It never decides what was meant: whoever asks refuses the word all the same.
package spelling
