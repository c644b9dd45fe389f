// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"fmt"
	"strings"
	"time"
)

// setUpTakes is about how long the cluster needs until all is well.
const setUpTakes = 6 * time.Second

const picture = `
                 ┌────────┐
                 │ client │             %s
                 └───┬────┘
             ┌───────┴───────┐
          ┌──┴──┐         ┌──┴──┐
          │ lb1 │         │ lb2 │       %s
          └──┬──┘         └──┬──┘
       ┌─────┴────┬──────────┴┐
    ┌──┴───┐   ┌──┴───┐   ┌───┴──┐
    │ web1 │   │ web2 │   │ web3 │      the application, port 8080
    └──────┘   └──────┘   └──────┘
`

// poster draws the cluster and says what will happen.
func (s *stage) poster(acts []act, takes time.Duration) {
	n := s.story
	asked, balancers := "500 requests/s to each kind of HAProxy", "a kept HAProxy and a peer on each"
	if s.opts.NoPeer {
		asked, balancers = "500 requests/s", "an HAProxy on each, kept by Evenkeel"
	}
	for line := range strings.Lines(fmt.Sprintf(picture, asked, balancers)) {
		n.line(strings.TrimSuffix(line, "\n"))
	}
	n.line("")
	isolation := "Each box is a network namespace with its own processes"
	if s.loopback != "" {
		isolation = "Each box is a set of processes on its own loopback addresses"
	}
	n.line("  " + isolation + ".")
	n.line("  lb1 to web3 run Evenkeel: five voters, two rails, timing " + s.opts.Timing + ".")
	n.line("")
	n.line("  " + n.paint(strong, "kept") + "  HAProxy " + s.version + " kept right by Evenkeel, and configured for it:")
	n.line("        option redispatch 1, timeout connect 200ms, a state file, no checks.")
	if !s.opts.NoPeer {
		n.line("  " + n.paint(strong, "peer") + "  HAProxy " + s.version + " alone: its own checks with their defaults (every 2 s,")
		n.line("        3 failures), timeout connect 5s, no redispatch. Evenkeel never touches it.")
	}
	n.line("")
	for i, a := range acts {
		n.line(fmt.Sprintf("  %d  %s", i+1, a.title))
	}
	if s.loopback != "" {
		n.line("")
		n.line(n.paint(warned, "  Left out: cutting a node off the network, since "+s.loopback+"."))
	}
	n.line("")
	n.line(n.paint(dim, fmt.Sprintf("  This takes about %s. Ctrl-C ends it; whatever it made is removed.", roughly(takes))))
}

// curtain opens an act.
func (s *stage) curtain(number, of int, a act) {
	text := fmt.Sprintf("  %d/%d  %s", number, of, a.title)
	s.story.line("")
	s.story.line(s.story.paint(title, text))
}

// roughly says a time as people do.
func roughly(d time.Duration) string {
	switch {
	case d < 45*time.Second:
		return fmt.Sprintf("%.0f seconds", d.Round(5*time.Second).Seconds())
	case d < 90*time.Second:
		return "a minute"
	}
	return fmt.Sprintf("%.0f minutes", d.Minutes())
}

// farewell says how to talk to a cluster that is left up.
func (s *stage) farewell() {
	n, lb, victim := s.story, s.fleet.Balancers()[0], s.fleet.Machine("web3")
	commands := [][2]string{
		{"evenkeel --socket " + lb.Socket() + " status", "what lb1 sees of the cluster"},
		{"evenkeel --socket " + lb.Socket() + " events --follow", "what happens"},
		{"evenkeel --socket " + lb.Socket() + " pool drain web/web1 --wait", "take web1 out; ready brings it back"},
		{fmt.Sprintf("kill -9 %d", s.fleet.Machine("web2").App.HostPID()), "the application of web2"},
	}
	if s.loopback == "" {
		var ports []string
		for i := range 3 { // the service network and the rails
			ports = append(ports, fmt.Sprintf("p%d-%d", victim.Node.Index(), i))
		}
		element := fmt.Sprintf("ip netns exec %s-sw nft %%s element bridge lab cut '{ %s }'", s.opts.Name, strings.Join(ports, ", "))
		commands = append(commands,
			[2]string{fmt.Sprintf("ip netns exec %s curl -s %s", s.client.Netns(), lb.Kept().URL()), "a request of the client"},
			[2]string{fmt.Sprintf(element, "add"), "cut web3 off the network"},
			[2]string{fmt.Sprintf(element, "delete"), "and let it back"})
	} else {
		commands = append(commands, [2]string{"curl -s " + lb.Kept().URL(), "a request"})
	}
	n.line("")
	n.line(n.paint(title, "  The cluster stays up until Ctrl-C. In another terminal:"))
	for _, c := range commands {
		n.line("")
		n.line(n.paint(dim, "    # "+c[1]))
		n.line("    " + c[0])
	}
	n.line("")
	n.line("  Configuration and logs: " + s.world.Dir() + "/{web1,web2,web3,lb1,lb2}/")
}
