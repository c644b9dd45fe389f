// SPDX-License-Identifier: Apache-2.0

// Package app is the web application that members of a lab's pool run: small, honest about who answered, and able to
// fail its health check or to answer slowly on request.
//
// It keeps no state beyond counters and stops gracefully: requests in flight are answered before [Serve] returns.
package app
