// SPDX-License-Identifier: Apache-2.0

// Package placement says where each resource should be, and why.
//
// It is pure: the same state and the same evidence give the same plan. The rules, in this order:
//
//   - What has a holder stays where it is. A node that comes back, or is better, changes nothing unless the failback of the
//     resource says so.
//   - Whoever cannot hold it here and now (its balancer is lost, its address is somebody else's, the node is stopping) hands
//     it over, if another node can hold it; an operator's word (standby, a ban) is heeded even if none can.
//   - On a node in maintenance nothing is touched.
//   - A lost holder is waited for until the proof that the resource requires is complete.
//   - Of those that can hold it the preferred ones come first, then those that hold least, then those that stand first in the file.
//
// It never looks at who leads, and moves nothing itself.
package placement
