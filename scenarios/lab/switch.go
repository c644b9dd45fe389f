// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// switchName is the node part of the name of the switch's namespace.
const switchName = "sw"

// ruleset drops what the sets name. The bridge family sees frames, so ARP is dropped as well, and the carrier stays up.
// The priority, -200, is before br_netfilter's 0: where that is loaded, IP frames skip chains that were registered at 0
// before it. "off" holds the ports of nodes without power, apart from "cut" so that healing the network does not power them on.
// The chain "lose" is written by [fabric.setLosses].
const ruleset = `table bridge lab {
	set cut { type ifname; }
	set off { type ifname; }
	set pair { type ifname . ifname; }
	chain forward {
		type filter hook forward priority -200; policy accept;
		iifname @cut drop
		oifname @cut drop
		iifname @off drop
		oifname @off drop
		iifname . oifname @pair drop
		jump lose
	}
	chain lose {
	}
}
`

// port is a switch port: the one of a node on a network.
type port struct{ node, net int }

// String returns the port's interface name on the switch.
func (p port) String() string { return fmt.Sprintf("p%d-%d", p.node, p.net) }

// fabric is the switch: one bridge per network, in a namespace of its own.
type fabric struct {
	thread  *thread
	ns      netns.NsHandle
	handle  *netlink.Handle
	bridges []int // interface index by network
	cuts    map[cut]struct{}
	losses  map[int]loss // by network
}

// newFabric makes the switch in a new namespace of that name.
func newFabric(wg *sync.WaitGroup, name string, nets int) (*fabric, error) {
	f := &fabric{ns: netns.None(), cuts: map[cut]struct{}{}}
	var err error
	f.thread, err = newThread(wg, func() error { return f.enter(name) })
	if err != nil {
		f.close()
		return nil, err
	}
	for i := range nets {
		if err := f.addBridge(i); err != nil {
			f.close()
			return nil, err
		}
	}
	return f, nil
}

func (f *fabric) enter(name string) error {
	var err error
	if f.ns, err = createNetns(name); err != nil {
		return err
	}
	if f.handle, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return fmt.Errorf("lab: netlink on the switch: %w", err)
	}
	if err := runNft(ruleset); err != nil {
		return err
	}
	return keepFiltersOff()
}

// runNft carries out commands of nft, all of them or none, in the namespace of the calling thread: its child is born there.
func runNft(commands string) error {
	nft, err := lookPath("nft")
	if err != nil {
		return fmt.Errorf("lab: %w: %s", err, InstallLine([]string{"nft"}))
	}
	cmd := exec.Cmd{Path: nft, Args: []string{"nft", "-f", "-"}, Stdin: strings.NewReader(commands)}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("lab: nft on the switch: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// keepFiltersOff keeps bridged frames of this namespace away from the machine's iptables, which some container engines
// turn on for all bridges. Without the module br_netfilter there is nothing to keep off.
func keepFiltersOff() error {
	for _, name := range []string{"iptables", "ip6tables", "arptables"} {
		err := os.WriteFile("/proc/sys/net/bridge/bridge-nf-call-"+name, []byte("0"), 0)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("lab: bridge filters on the switch: %w", err)
		}
	}
	return nil
}

func (f *fabric) addBridge(i int) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = fmt.Sprintf("br%d", i)
	noSnooping := false // a bridge without a querier would stop delivering multicast
	bridge := &netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &noSnooping}
	if err := f.handle.LinkAdd(bridge); err != nil {
		return fmt.Errorf("lab: bridge %s: %w", attrs.Name, err)
	}
	if err := f.handle.LinkSetUp(bridge); err != nil {
		return fmt.Errorf("lab: bridge %s: %w", attrs.Name, err)
	}
	link, err := f.handle.LinkByName(attrs.Name)
	if err != nil {
		return fmt.Errorf("lab: bridge %s: %w", attrs.Name, err)
	}
	f.bridges = append(f.bridges, link.Attrs().Index)
	return nil
}

// plug makes a cable: one end is a port of the switch, the other one an interface in the node's namespace. Both are born
// where they belong; nothing shows up in the namespace of the host.
func (f *fabric) plug(p port, node netns.NsHandle, name string) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = p.String()
	attrs.MasterIndex = f.bridges[p.net]
	cable := netlink.NewVeth(attrs)
	cable.PeerName = name
	cable.PeerNamespace = netlink.NsFd(node)
	// Locally administered, and the same after a power cycle, as a network card's would be.
	cable.PeerHardwareAddr = net.HardwareAddr{0x02, 'e', 'k', 0, byte(p.net), byte(p.node)}
	if err := f.handle.LinkAdd(cable); err != nil {
		return fmt.Errorf("lab: port %s: %w", p, err)
	}
	if err := f.handle.LinkSetUp(cable); err != nil {
		return fmt.Errorf("lab: port %s: %w", p, err)
	}
	return nil
}

// unplug removes a cable, both ends at once. It is no error if there is none.
func (f *fabric) unplug(p port) error {
	link, err := f.handle.LinkByName(p.String())
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("lab: port %s: %w", p, err)
	}
	if err := f.handle.LinkDel(link); err != nil {
		return fmt.Errorf("lab: port %s: %w", p, err)
	}
	return nil
}

// close ends the thread and the netlink socket, the two things that keep the namespace alive besides its name.
func (f *fabric) close() {
	if f.thread != nil {
		f.thread.stop()
	}
	if f.handle != nil {
		f.handle.Close()
	}
	if f.ns.IsOpen() {
		_ = f.ns.Close()
	}
}

// bringUp gives an interface its address and starts it. The handle is one of the interface's namespace.
func bringUp(h *netlink.Handle, name string, addr netip.Prefix) error {
	link, err := h.LinkByName(name)
	if err != nil {
		return fmt.Errorf("lab: interface %s: %w", name, err)
	}
	if addr.IsValid() {
		ip := &net.IPNet{IP: addr.Addr().AsSlice(), Mask: net.CIDRMask(addr.Bits(), addr.Addr().BitLen())}
		if err := h.AddrAdd(link, &netlink.Addr{IPNet: ip}); err != nil {
			return fmt.Errorf("lab: address of %s: %w", name, err)
		}
	}
	if err := h.LinkSetUp(link); err != nil {
		return fmt.Errorf("lab: interface %s: %w", name, err)
	}
	return nil
}
