// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// MinKey is the least length of the shared key, in bytes (128 bits).
const MinKey = 16

// The layout of a frame, in bytes; integers are big endian:
//
//	0 magic "EK" | 2 version | 3 kind | 4 len(cluster) | 5 len(from) | 6 install | 14 boot | 22 seq | 30 len(payload) | 34 cluster, from, payload | MAC
//
// Magic, version and MAC keep their places in every version, so that an authentic frame of another version is told apart from a foreign one.
const (
	magic0, magic1 = 'E', 'K'
	frameVersion   = 1
	headerSize     = 34
	macSize        = 16 // HMAC-SHA256 truncated to 128 bits, RFC 2104 section 5
	networkSize    = 8  // bytes of the network id before hex
	passwordSize   = 24 // bytes of the route password before hex
)

// Sealer authenticates the frames of one network: the nodes that share a key and a cluster name. It is immutable; copies may be used at the same time.
type Sealer struct {
	macKey   [sha256.Size]byte
	network  string
	password string
}

// NewSealer derives the keys of a network from the shared key (at least MinKey bytes) and the cluster's name (1 to MaxCluster bytes).
func NewSealer(key []byte, clusterName string) (Sealer, error) {
	if len(key) < MinKey {
		return Sealer{}, fmt.Errorf("%w: %d bytes, at least %d are needed", ErrKey, len(key), MinKey)
	}
	if clusterName == "" || len(clusterName) > MaxCluster {
		return Sealer{}, fmt.Errorf("%w: cluster name of %d bytes, 1 to %d are allowed", ErrKey, len(clusterName), MaxCluster)
	}
	root := derive(key, "evenkeel bus\x00"+clusterName)
	network, password := derive(root[:], "network"), derive(root[:], "route")
	return Sealer{
		macKey:   derive(root[:], "frame"),
		network:  hex.EncodeToString(network[:networkSize]),
		password: hex.EncodeToString(password[:passwordSize]),
	}, nil
}

// Network returns a short hexadecimal id of key and cluster name. It appears in subjects and in the NATS cluster name: networks that differ in either never merge.
func (s Sealer) Network() string { return s.network }

// RoutePassword returns the password that the servers of one rail ask of each other. It keeps strangers off the rail, no more: the frames carry their own proof.
func (s Sealer) RoutePassword() string { return s.password }

// String returns the network id and never the key.
func (s Sealer) String() string { return "sealer of network " + s.network }

// GoString returns the same as String, so that no formatting verb prints the key.
func (s Sealer) GoString() string { return s.String() }

// Seal encodes and authenticates an envelope.
func (s Sealer) Seal(e Envelope) ([]byte, error) {
	switch {
	case s.network == "":
		return nil, fmt.Errorf("seal: %w: no key", ErrKey)
	case e.Kind == 0:
		return nil, fmt.Errorf("seal: %w: no kind", ErrMalformed)
	case e.From == "":
		return nil, fmt.Errorf("seal: %w: no sender", ErrMalformed)
	case len(e.Cluster) > MaxCluster:
		return nil, fmt.Errorf("seal: %w: cluster id of %d bytes, limit %d", ErrTooLarge, len(e.Cluster), MaxCluster)
	case len(e.From) > MaxName:
		return nil, fmt.Errorf("seal: %w: node name of %d bytes, limit %d", ErrTooLarge, len(e.From), MaxName)
	case len(e.Payload) > MaxPayload:
		return nil, fmt.Errorf("seal: %w: payload of %d bytes, limit %d", ErrTooLarge, len(e.Payload), MaxPayload)
	}
	b := make([]byte, 0, headerSize+len(e.Cluster)+len(e.From)+len(e.Payload)+sha256.Size)
	b = append(b, magic0, magic1, frameVersion, byte(e.Kind), byte(len(e.Cluster)), byte(len(e.From)))
	b = binary.BigEndian.AppendUint64(b, e.Install)
	b = binary.BigEndian.AppendUint64(b, e.Boot)
	b = binary.BigEndian.AppendUint64(b, e.Seq)
	b = binary.BigEndian.AppendUint32(b, uint32(len(e.Payload)))
	b = append(b, e.Cluster...)
	b = append(b, e.From...)
	b = append(b, e.Payload...)
	n := len(b)
	return s.mac(b, b)[:n+macSize], nil
}

// Open checks and decodes a frame. The payload of the result shares memory with the frame.
func (s Sealer) Open(frame []byte) (Envelope, error) {
	switch {
	case len(frame) > MaxFrame:
		return Envelope{}, fmt.Errorf("open: %w: frame of %d bytes, limit %d", ErrTooLarge, len(frame), MaxFrame)
	case s.network == "":
		return Envelope{}, fmt.Errorf("open: %w: no key", ErrKey)
	case len(frame) < 3+macSize || frame[0] != magic0 || frame[1] != magic1:
		return Envelope{}, fmt.Errorf("open: %w", ErrForeign)
	}
	body, tag := frame[:len(frame)-macSize], frame[len(frame)-macSize:]
	var sum [sha256.Size]byte
	if !hmac.Equal(s.mac(sum[:0], body)[:macSize], tag) {
		return Envelope{}, fmt.Errorf("open: %w", ErrForeign)
	}
	if body[2] != frameVersion {
		return Envelope{}, fmt.Errorf("open: %w: %d, this node speaks %d", ErrVersion, body[2], frameVersion)
	}
	return parse(body)
}

// parse decodes an authentic body. It still checks every length: a peer with a fault is no reason to panic.
func parse(body []byte) (Envelope, error) {
	if len(body) < headerSize {
		return Envelope{}, fmt.Errorf("open: %w: header of %d bytes", ErrMalformed, len(body))
	}
	clusterLen, fromLen := int(body[4]), int(body[5])
	payloadLen := uint64(binary.BigEndian.Uint32(body[30:]))
	rest := body[headerSize:]
	if uint64(len(rest)) != uint64(clusterLen)+uint64(fromLen)+payloadLen {
		return Envelope{}, fmt.Errorf("open: %w: lengths do not add up", ErrMalformed)
	}
	if body[3] == 0 || fromLen == 0 || clusterLen > MaxCluster || fromLen > MaxName {
		return Envelope{}, fmt.Errorf("open: %w: kind %d, cluster id of %d bytes, node name of %d bytes", ErrMalformed, body[3], clusterLen, fromLen)
	}
	return Envelope{
		Cluster: string(rest[:clusterLen]),
		From:    string(rest[clusterLen : clusterLen+fromLen]),
		Install: binary.BigEndian.Uint64(body[6:]),
		Boot:    binary.BigEndian.Uint64(body[14:]),
		Seq:     binary.BigEndian.Uint64(body[22:]),
		Kind:    Kind(body[3]),
		Payload: rest[clusterLen+fromLen:],
	}, nil
}

// mac appends the whole code of body to dst.
func (s Sealer) mac(dst, body []byte) []byte {
	h := hmac.New(sha256.New, s.macKey[:])
	h.Write(body) // a hash.Hash never returns an error
	return h.Sum(dst)
}

// derive makes a key for one use out of another key.
func derive(key []byte, label string) [sha256.Size]byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(label)) // a hash.Hash never returns an error
	return [sha256.Size]byte(h.Sum(nil))
}
