// SPDX-License-Identifier: Apache-2.0

package api

import "time"

// Limits of the server and the client.
const (
	// bodyMax is the largest request body, in bytes.
	bodyMax = 1 << 20
	// answerMax is the largest answer that the client reads, in bytes.
	answerMax = 32 << 20
	// lineMax is the longest line of an event stream that the client reads, in bytes.
	lineMax = 1 << 20
	// headerMax is the largest request header, in bytes.
	headerMax = 16 << 10
	// streamsMax is how many event streams are open at once; one more is refused.
	streamsMax = 64
	// connectionsMax is how many connections are open at once; one more waits in
	// the kernel until another closes.
	connectionsMax = 256
	// reasonMax is the longest reason that an operator may give, in bytes.
	reasonMax = 1024

	// submitMax is how long a change may take before the caller is told that the
	// cluster did not answer. It is longer than the time after which a node gives
	// up on a change by itself (2 s): only the node can say why.
	submitMax = 4 * time.Second
	// readMax is how long a client may take to send its request.
	readMax = 10 * time.Second
	// idleMax is how long a connection may stay open between requests.
	idleMax = time.Minute
	// writeMax is how long the client may take to read an answer, or one piece of
	// a stream. A slower one is cut off.
	writeMax = 10 * time.Second
	// keepaliveEvery is the time between signs of life on a quiet stream of
	// server-sent events.
	keepaliveEvery = 15 * time.Second
	// stopMax is how long requests may go on after the server was told to stop.
	stopMax = 2 * time.Second
	// callMax is how long the client waits for an answer.
	callMax = 10 * time.Second
	// probeMax is how long a socket that exists may take to accept before it
	// counts as live.
	probeMax = time.Second
	// lockMax is how long another process may hold the socket's folder.
	lockMax = 5 * time.Second
)
