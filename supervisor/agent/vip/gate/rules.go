// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"strconv"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// priority puts the chains before all others of the hook.
const priority = -1000

// chain is the gate in one direction of one interface.
func chain(table *nftables.Table, on device, hook *nftables.ChainHook) *nftables.Chain {
	name := "in-"
	if hook == nftables.ChainHookEgress {
		name = "out-"
	}
	return &nftables.Chain{
		Name: name + strconv.Itoa(on.index), Table: table, Type: nftables.ChainTypeFilter, Hooknum: hook,
		Priority: nftables.ChainPriorityRef(priority), Device: on.name,
	}
}

// addRules drops what concerns the gated addresses of one IP version that are not open.
func (t *timedSet) addRules(c *nftables.Chain, pair setPair) {
	if pair.v4 {
		t.addRule(c, pair, addressAt(unix.ETH_P_IP, ip4Source, 4))
		t.addRule(c, pair, addressAt(unix.ETH_P_IP, ip4Dest, 4))
		t.addRule(c, pair, addressAt(unix.ETH_P_ARP, arpSender, 4))
		t.addRule(c, pair, addressAt(unix.ETH_P_ARP, arpTarget, 4))
		return
	}
	t.addRule(c, pair, addressAt(unix.ETH_P_IPV6, ip6Source, 16))
	t.addRule(c, pair, addressAt(unix.ETH_P_IPV6, ip6Dest, 16))
	neighbours := isProtocol(unix.ETH_P_IPV6)
	neighbours = append(neighbours, read(ip6Next, 1), compare(expr.CmpOpEq, unix.IPPROTO_ICMPV6))
	neighbours = append(neighbours, read(icmp6Kind, 1), compare(expr.CmpOpGte, neighbourSolicitation), compare(expr.CmpOpLte, neighbourAdvertisement))
	t.addRule(c, pair, append(neighbours, read(icmp6Target, 16)))
}

// addRule drops the packets whose address, which match leaves in the register, is gated and not open.
func (t *timedSet) addRule(c *nftables.Chain, pair setPair, match []expr.Any) {
	t.conn.AddRule(&nftables.Rule{Table: t.table, Chain: c, Exprs: append(
		match,
		&expr.Lookup{SourceRegister: register, SetName: pair.gated.Name, SetID: pair.gated.ID},
		&expr.Lookup{SourceRegister: register, SetName: pair.open.Name, SetID: pair.open.ID, Invert: true},
		&expr.Verdict{Kind: expr.VerdictDrop},
	)})
}

// register is the one that rules work with (NFT_REG_1, 16 bytes).
const register = unix.NFT_REG_1

func addressAt(protocol uint16, offset, size uint32) []expr.Any {
	return append(isProtocol(protocol), read(offset, size))
}

func isProtocol(protocol uint16) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyPROTOCOL, Register: register},
		&expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: binaryutil.BigEndian.PutUint16(protocol)},
	}
}

// read loads bytes from the network header on.
func read(offset, size uint32) expr.Any {
	return &expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: size}
}

func compare(op expr.CmpOp, value byte) expr.Any {
	return &expr.Cmp{Op: op, Register: register, Data: []byte{value}}
}
