// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"encoding/json"
	"fmt"
)

// Vote is one node's opinion on one life of another, said aloud. It is evidence, repeated while it holds; what counts is decided by the tally.
type Vote struct {
	// Target is the node that the vote speaks about.
	Target string `json:"t"`
	// TargetInstall, TargetBoot and TargetEpoch name the life of the target that the vote speaks about.
	TargetInstall uint64 `json:"i,omitempty"`
	TargetBoot    uint64 `json:"b,omitempty"`
	TargetEpoch   uint64 `json:"e,omitempty"`
	// Down says that the voter holds the target for down; false takes an earlier vote back.
	Down bool `json:"d,omitempty"`
	// SilenceMs is for how long the voter has not heard the target, in milliseconds of its own clock.
	SilenceMs int64 `json:"s,omitempty"`
	// BeatSeq is the sequence number of the voter's newest heartbeat when it cast the vote; a receiver that has seen a much newer one drops the vote as stale.
	BeatSeq uint64 `json:"q,omitempty"`
}

// maxVote bounds an encoded vote, in bytes: a name with every byte escaped, the numbers, and room for fields of later versions.
const maxVote = 4096

// EncodeVote encodes a vote as JSON.
func EncodeVote(v Vote) ([]byte, error) {
	if err := v.check(); err != nil {
		return nil, fmt.Errorf("encode vote: %w", err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode vote: %w", err)
	}
	return b, nil
}

// DecodeVote decodes a vote; fields it does not know are ignored.
func DecodeVote(b []byte) (Vote, error) {
	if len(b) > maxVote {
		return Vote{}, fmt.Errorf("decode vote: %w: %d bytes, limit %d", ErrTooLarge, len(b), maxVote)
	}
	var v Vote
	if err := json.Unmarshal(b, &v); err != nil {
		return Vote{}, fmt.Errorf("decode vote: %w: %w", ErrMalformed, err)
	}
	if err := v.check(); err != nil {
		return Vote{}, fmt.Errorf("decode vote: %w", err)
	}
	return v, nil
}

func (v Vote) check() error {
	if v.SilenceMs < 0 {
		return fmt.Errorf("%w: negative silence", ErrMalformed)
	}
	return checkName("target", v.Target)
}
