// SPDX-License-Identifier: Apache-2.0

// Package api is how operators and programs on a node talk to its Evenkeel:
// JSON over HTTP on a unix socket, and the client for it.
//
// The server shows what a Source gives it (a snapshot, the cluster file, the
// event stream) and hands over what an operator asks for. A change is answered
// only when the cluster has committed or rejected it; when neither can be told,
// the answer says so and is never a success. Who asked is read from the kernel
// (SO_PEERCRED), not from the request.
//
// Whoever can open the socket may do everything; the mode of the socket (0660)
// is the whole of the permission. The package never decides anything about the
// cluster, never writes to disk but for the socket, and never listens on a
// network.
package api
