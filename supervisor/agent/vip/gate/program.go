// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// What the program says about a packet (enum tcx_action_base of linux/bpf.h): look at the next program, or drop it.
const (
	tcxNext = -1
	tcxDrop = 2
)

// Offsets within frames, in bytes.
const (
	etherType   = 12
	etherSize   = 14
	vlanSize    = 4
	vlanInner   = 2 // of the type of what follows the tag
	ip4Source   = 12
	ip4Dest     = 16
	arpSender   = 14
	arpTarget   = 24
	ip6Next     = 6
	ip6Source   = 8
	ip6Dest     = 24
	icmp6Kind   = 40 // right after the IPv6 header
	icmp6Target = 48
)

// vlanDepth is how many tags are looked through, besides the outermost, which the kernel takes out of a frame before.
const vlanDepth = 2

// Places on the stack of the program.
const (
	keyAt   = -24 // what is looked up, as it is in the map
	indexAt = keyAt + 16
	wordAt  = -32 // a value that was read from the packet
)

// skbIndex is where the program finds the number of the interface (ifindex of struct __sk_buff in linux/bpf.h), in bytes.
const skbIndex = 40

// mapKey is an address, IPv4 as IPv4-mapped, on an interface. Its value is the deadline.
type mapKey struct {
	Addr  [16]byte
	Index uint32
}

const (
	mapKeySize   = 20
	mapValueSize = 8
)

// program writes the gate for Ethernet interfaces. It is one straight line: read an address from the packet, look it up, compare its
// deadline with the clock; the deadline is read before the clock, so that whatever delays the program makes the answer stricter. What
// cannot be read is too short to be a packet of the address, and passes.
func program(m *ebpf.Map) asm.Instructions {
	p := &writer{m: m}
	p.add(
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMem(asm.R2, asm.R6, skbIndex, asm.Word),
		asm.StoreMem(asm.RFP, indexAt, asm.R2, asm.Word),
		asm.Mov.Imm(asm.R7, 0),
	)
	p.word(etherType, asm.Half)
	p.add(asm.Mov.Imm(asm.R7, etherSize))
	for i := range vlanDepth {
		tag, past := fmt.Sprintf("tag%d", i), fmt.Sprintf("past%d", i)
		p.add(
			asm.JEq.Imm(asm.R8, unix.ETH_P_8021Q, tag),
			asm.JNE.Imm(asm.R8, unix.ETH_P_8021AD, past),
		)
		p.label(tag)
		p.word(vlanInner, asm.Half)
		p.add(asm.Add.Imm(asm.R7, vlanSize))
		p.label(past)
	}
	p.add(
		asm.JEq.Imm(asm.R8, unix.ETH_P_IP, "ip4"),
		asm.JEq.Imm(asm.R8, unix.ETH_P_ARP, "arp"),
		asm.JEq.Imm(asm.R8, unix.ETH_P_IPV6, "ip6"),
		asm.Ja.Label("pass"),
	)
	p.label("ip4")
	p.mapped()
	p.check4(ip4Source)
	p.check4(ip4Dest)
	p.add(asm.Ja.Label("pass"))
	p.label("arp")
	p.mapped()
	p.check4(arpSender)
	p.check4(arpTarget)
	p.add(asm.Ja.Label("pass"))
	p.label("ip6")
	p.check6(ip6Source)
	p.check6(ip6Dest)
	p.word(ip6Next, asm.Byte)
	p.add(asm.JNE.Imm(asm.R8, unix.IPPROTO_ICMPV6, "pass"))
	p.word(icmp6Kind, asm.Byte)
	p.add(
		asm.JEq.Imm(asm.R8, neighbourSolicitation, "neighbour"),
		asm.JNE.Imm(asm.R8, neighbourAdvertisement, "pass"),
	)
	p.label("neighbour")
	p.check6(icmp6Target)
	p.label("pass")
	p.add(asm.Mov.Imm(asm.R0, tcxNext), asm.Return())
	p.label("drop")
	p.add(asm.Mov.Imm(asm.R0, tcxDrop), asm.Return())
	return p.code
}

// The packets of neighbour discovery that name an address (RFC 4861).
const (
	neighbourSolicitation  = 135
	neighbourAdvertisement = 136
)

// writer collects instructions. R6 is the packet, R7 the offset of its network header, R8 what was read last, R9 a deadline.
type writer struct {
	m     *ebpf.Map
	code  asm.Instructions
	next  string // label of the next instruction
	check int
}

func (w *writer) label(name string) {
	if w.next != "" {
		w.add(asm.Mov.Reg(asm.R6, asm.R6)) // nothing; an instruction has one label
	}
	w.next = name
}

func (w *writer) add(code ...asm.Instruction) {
	if w.next != "" {
		code[0] = code[0].WithSymbol(w.next)
		w.next = ""
	}
	w.code = append(w.code, code...)
}

// load copies from the packet to the stack. Packets need not be in one piece, so they are not read directly.
func (w *writer) load(offset, to, size int32) {
	w.add(
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.Mov.Reg(asm.R2, asm.R7),
		asm.Add.Imm(asm.R2, offset),
		asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, to),
		asm.Mov.Imm(asm.R4, size),
		asm.FnSkbLoadBytes.Call(),
		asm.JNE.Imm(asm.R0, 0, "pass"),
	)
}

// word reads a number in network order.
func (w *writer) word(offset int32, size asm.Size) {
	w.load(offset, wordAt, int32(size.Sizeof()))
	w.add(asm.LoadMem(asm.R8, asm.RFP, wordAt, size))
	if size != asm.Byte {
		w.add(asm.HostTo(asm.BE, asm.R8, size))
	}
}

// mapped writes the first twelve bytes of an IPv4-mapped address: ten zeros, and two bytes of ones.
func (w *writer) mapped() {
	w.add(
		asm.StoreImm(asm.RFP, keyAt, 0, asm.Word),
		asm.StoreImm(asm.RFP, keyAt+4, 0, asm.Word),
		asm.StoreImm(asm.RFP, keyAt+8, 0, asm.Half),
		asm.StoreImm(asm.RFP, keyAt+10, -1, asm.Half),
	)
}

func (w *writer) check4(offset int32) {
	w.load(offset, keyAt+12, 4)
	w.closed()
}

func (w *writer) check6(offset int32) {
	w.load(offset, keyAt, 16)
	w.closed()
}

// closed drops the packet if the address has a deadline on this interface and it is over.
func (w *writer) closed() {
	w.check++
	open := fmt.Sprintf("open%d", w.check)
	w.add(
		asm.LoadMapPtr(asm.R1, w.m.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, keyAt),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, open),
		asm.LoadMem(asm.R9, asm.R0, 0, asm.DWord),
		asm.FnKtimeGetBootNs.Call(),
		asm.JGE.Reg(asm.R0, asm.R9, "drop"),
	)
	w.label(open)
}
