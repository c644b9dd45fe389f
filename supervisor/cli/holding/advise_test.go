// SPDX-License-Identifier: Apache-2.0

package holding

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/evenkeel-ha/evenkeel/supervisor/agent/vip"
	"github.com/evenkeel-ha/evenkeel/supervisor/guard"
)

// TestAdvice: what does not suit an address is told once, when it is first held here.
func TestAdvice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		h := New(Options{Log: zerolog.New(&log)})
		ctx, stop := context.WithCancel(t.Context())
		looks := 0
		go h.advise(ctx, func(_ context.Context, a vip.Address) ([]vip.Advice, error) {
			looks++
			if a.Interface == "eth1" {
				return nil, errors.New("it went away")
			}
			return []vip.Advice{{Setting: "net.ipv4.conf.all.arp_ignore", Have: "0", Want: "1", Why: "another interface answers for it"}}, nil
		})
		held := func(link string, p guard.Phase) guard.UnitStatus {
			a := guard.Address{Prefix: netip.MustParsePrefix("10.0.0.1/24"), Interface: link}
			return guard.UnitStatus{Resource: "vip", Addresses: []guard.AddressStatus{{Address: a, Phase: p}}}
		}
		say := func(units ...guard.UnitStatus) {
			h.says(1, units...)
			time.Sleep(3 * adviseEvery)
			synctest.Wait()
		}
		say(held("eth0", guard.Probing))
		if looks > 0 {
			t.Error("it is looked at before it is held")
		}
		say(held("eth0", guard.Held), held("eth1", guard.Held))
		say()
		say(held("eth0", guard.Held))
		if n := strings.Count(log.String(), "another interface answers for it"); n != 1 || looks != 2 {
			t.Errorf("told %d times after %d looks: %s", n, looks, log.String())
		}
		stop()
	})
}
