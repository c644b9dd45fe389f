// SPDX-License-Identifier: Apache-2.0

package natsbus

// KillServer stops the server of a rail behind the bus's back, as a fault inside NATS would.
func (b *Bus) KillServer(rail int) bool {
	l := b.rails[rail].link.Load()
	if l == nil {
		return false
	}
	l.srv.Shutdown()
	return true
}

// DropClient cuts the client of a rail off, as the server does with a slow consumer.
func (b *Bus) DropClient(rail int) error { return b.rails[rail].link.Load().nc.ForceReconnect() }

// SendRaw puts bytes on a rail that no sealer made.
func (b *Bus) SendRaw(rail int, frame []byte) {
	b.rails[rail].send([]outgoing{{subject: b.all, frame: frame}})
}

// Limits of queues that tests count with.
const (
	InFrames    = inFrames
	QueueFrames = queueFrames
)
