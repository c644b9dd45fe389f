// SPDX-License-Identifier: Apache-2.0

package consensus

// FrameForTest wraps a message body as a sender of the cluster would.
func FrameForTest(cluster string, from, to uint64, body []byte) []byte {
	return encodeFrame(envelope{kind: frameMessage, cluster: clusterTag(cluster), from: from, to: to, body: body})
}

// FrameOfKindForTest wraps any body from 2.
func FrameOfKindForTest(kind byte, to uint64, body []byte) []byte {
	return encodeFrame(envelope{kind: kind, cluster: clusterTag("cluster-1"), from: 2, to: to, body: body})
}

// ChunkForTest is a snapshot of one piece.
func ChunkForTest(data []byte) []byte {
	return encodeChunk(chunk{
		snapshotID: snapshotID{leaderTerm: 3, index: 20, term: 3, size: uint32(len(data)), sum: castagnoli(data)}, attempt: 1, data: data,
	})
}

// ApplyChangeForTest is what every replica does with a committed change.
func ApplyChangeForTest(members []Member, c Change) ([]Member, error) { return applyChange(members, c) }
