// SPDX-License-Identifier: Apache-2.0

package keepalived

import "strings"

// What is said of keywords whose lines say nothing that the cluster file could hold.

const (
	noScripts = "Evenkeel runs no script on a change; `evenkeel events -f -o json` tells every change with its reason, for a program of yours"
	noMail    = "Evenkeel sends no mail; `evenkeel events -f -o json` tells every change with its reason, for a mailer of yours"
	noVRRP    = "there is no VRRP on the wire"
	noIPVS    = "Evenkeel keeps HAProxy, not IPVS"
	noRoutes  = "Evenkeel moves addresses only; put routes and rules that are always right into the network configuration of every node"
)

// topVerdict is said of a block or keyword that stands outside of all blocks.
func topVerdict(keyword string) (verdict, bool) {
	switch keyword {
	case "static_ipaddress":
		return verdict{Left, "Evenkeel holds only what moves; addresses that stay belong into the network configuration of the node"}, true
	case "static_routes", "static_rules":
		return verdict{Left, noRoutes}, true
	case "track_group", "track_file", "vrrp_track_file":
		return verdict{Left, "no resource follows files or static routes"}, true
	case "bfd_instance":
		return verdict{Needless, "the nodes hear each other on all their rails; see `evenkeel config timing` for how soon one is missed"}, true
	case "garp_group":
		return verdict{Needless, "addresses are announced at once, after 1, 2, 4, 8 s and so on, and every minute"}, true
	case "linkbeat_interfaces", "linkbeat_use_polling", "interface_up_down_delays":
		return verdict{Needless, "a node is missed when it is not heard, whatever its link says"}, true
	case "net_namespace", "net_namespace_ipvs", "namespace_with_ipsets", "instance", "use_pid_dir", "child_wait_time":
		return verdict{Left, "start evenkeel in the namespace and under the name that you want, as a unit of systemd"}, true
	case "SSL":
		return verdict{Left, "checks with TLS present no certificate of their own"}, true
	}
	return verdict{}, false
}

// globalVerdict is said of a line of global_defs.
func globalVerdict(keyword string) verdict {
	switch {
	case strings.HasPrefix(keyword, "smtp_"), strings.HasPrefix(keyword, "notification_email"), keyword == "no_email_faults", keyword == "no_checker_emails":
		return verdict{Left, noMail}
	case strings.HasSuffix(keyword, "_script"), strings.HasSuffix(keyword, "_fifo"), strings.HasSuffix(keyword, "script_timeout"), keyword == "fifo_write_vrrp_states_on_reload":
		return verdict{Left, noScripts}
	case strings.HasPrefix(keyword, "enable_snmp"), strings.HasPrefix(keyword, "snmp_"), keyword == "enable_traps", strings.Contains(keyword, "dbus"):
		return verdict{Left, "there is neither SNMP nor D-Bus; the API on the unix socket tells everything"}
	case keyword == "enable_script_security", keyword == "script_user":
		return verdict{Needless, "checks by command are run without a shell, by the user that runs evenkeel"}
	case keyword == "vrrp_strict":
		return verdict{Needless, noVRRP + "; it also dropped packets to the addresses, which Evenkeel does not"}
	case strings.HasPrefix(keyword, "lvs_"), strings.Contains(keyword, "ipvs"):
		return verdict{Left, noIPVS}
	case strings.Contains(keyword, "garp"), strings.Contains(keyword, "gna_"):
		return verdict{Needless, "addresses are announced at once, after 1, 2, 4, 8 s and so on, and every minute"}
	case strings.Contains(keyword, "iptables"), strings.Contains(keyword, "nftables"), strings.Contains(keyword, "ipsets"):
		return verdict{Needless, "the guard makes its own gate before the addresses"}
	case strings.HasSuffix(keyword, "priority"), strings.HasSuffix(keyword, "_no_swap"), strings.Contains(keyword, "affinity"), strings.Contains(keyword, "rlimit"), strings.Contains(keyword, "auto_priority"):
		return verdict{Needless, "the guard asks for real-time priority and memory that is not swapped by itself; the rest is for the unit of systemd"}
	case strings.HasPrefix(keyword, "vrrp_"), strings.Contains(keyword, "vmac"), keyword == "disable_local_igmp", keyword == "log_unknown_vrids":
		return verdict{Needless, noVRRP}
	case strings.HasPrefix(keyword, "reload_"), keyword == "include_check", strings.HasSuffix(keyword, "process_name"), keyword == "process_names", strings.Contains(keyword, "rcv_bufs"),
		keyword == "dynamic_interfaces", keyword == "umask", keyword == "data_use_instance", keyword == "tmp_config_directory", keyword == "config_save_dir", keyword == "random_seed":
		return verdict{Needless, "it is about the process of keepalived"}
	}
	return verdict{Left, "not known here; nothing was made of it"}
}

// instanceVerdict is said of a line of a vrrp_instance.
func instanceVerdict(keyword string) verdict {
	switch {
	case keyword == "authentication":
		return verdict{Needless, "the nodes know each other by the key of the cluster: `evenkeel keygen`, on every node the same"}
	case strings.HasPrefix(keyword, "advert_int"), keyword == "down_timer_adverts":
		return verdict{Needless, "how soon a node is missed follows from `timing` in the node files: `evenkeel config timing`"}
	case strings.HasPrefix(keyword, "use_vmac"), keyword == "use_ipvlan", keyword == "vmac_xmit_base":
		return verdict{Check, "addresses are put on the interface itself and have its MAC; neighbours are told by gratuitous ARP or NA. If switches ask for one MAC, keep the macvlan in the network configuration and name it as the interface"}
	case keyword == "virtual_routes", keyword == "virtual_rules":
		return verdict{Left, noRoutes}
	case keyword == "lvs_sync_daemon_interface":
		return verdict{Left, noIPVS}
	case keyword == "no_accept":
		return verdict{Left, "the holder takes packets to its addresses; block them in the firewall if it must not"}
	case keyword == "accept", keyword == "preempt", keyword == "promote_secondaries", keyword == "dont_track_primary", keyword == "debug", keyword == "linkbeat_use_polling",
		keyword == "track_src_ip", keyword == "native_ipv6", keyword == "kernel_rx_buf_size":
		return verdict{Needless, "so it is here, or it means nothing here"}
	case keyword == "vrf":
		return verdict{Left, "name an interface of the VRF as the interface of the resource"}
	case strings.Contains(keyword, "garp"):
		return verdict{Needless, "addresses are announced at once, after 1, 2, 4, 8 s and so on, and every minute"}
	case keyword == "version", keyword == "strict_mode", keyword == "skip_check_adv_addr", keyword == "mcast_dst_ip", keyword == "check_unicast_src", strings.HasPrefix(keyword, "unicast_"),
		keyword == "old_unicast_checksum", strings.HasSuffix(keyword, "prio_no_advert"), strings.HasSuffix(keyword, "prio_send_advert"):
		return verdict{Needless, noVRRP}
	}
	return groupVerdict(keyword)
}

// groupVerdict is said of a line of a vrrp_sync_group, and of what instances have as well.
func groupVerdict(keyword string) verdict {
	switch {
	case strings.HasPrefix(keyword, "notify"):
		return verdict{Left, noScripts}
	case keyword == "smtp_alert":
		return verdict{Left, noMail}
	case keyword == "global_tracking", keyword == "sync_group_tracking_weight":
		return verdict{Needless, "whatever is tracked counts for the whole resource"}
	}
	return verdict{Left, "not known here; nothing was made of it"}
}

// serverVerdict is said of a line of a virtual_server or real_server.
func serverVerdict(s *statement) verdict {
	switch s.keyword() {
	case "lb_algo", "lvs_sched":
		return verdict{Needless, "in the backend of haproxy.cfg: balance " + balanceOf(s.arg(1))}
	case "lb_kind", "lvs_method":
		return verdict{Check, "HAProxy takes the connection and makes one of its own, so members see the address of the balancer; add option forwardfor, or send-proxy, where they need the client's"}
	case "persistence_timeout":
		return verdict{Left, "in the backend of haproxy.cfg: stick-table type ip size 100k expire " + cmpOr(s.arg(1), "360") + "s, and stick on src"}
	case "persistence_granularity", "persistence_engine":
		return verdict{Left, "a stick-table of haproxy.cfg can do such things"}
	case "sorry_server", "sorry_server_inhibit", "sorry_server_lvs_method":
		return verdict{Left, "in the backend of haproxy.cfg: server sorry " + endpoint(s.arg(1), s.arg(2)) + " backup; Evenkeel does not touch servers that are no members"}
	case "quorum", "hysteresis":
		return verdict{Left, "drain.floor is the fewest members that are kept ready whatever the checks say, which is another thing"}
	case "quorum_up", "quorum_down", "notify_up", "notify_down":
		return verdict{Left, noScripts}
	case "smtp_alert":
		return verdict{Left, noMail}
	case "alpha", "omega", "ha_suspend", "warmup", "inhibit_on_failure", "snmp_name", "fast_recovery", "log_all_failures":
		return verdict{Needless, "HAProxy and Evenkeel have no use for it: a member serves once a probe said that it can, and its place is kept"}
	case "uthreshold":
		return verdict{Left, "in haproxy.cfg: maxconn " + s.arg(1) + " on the server lines"}
	case "lthreshold", "ops", "flag-1", "flag-2", "flag-3", "sh-port", "sh-fallback", "mh-port", "mh-fallback", "ip_family":
		return verdict{Left, noIPVS}
	}
	return verdict{Left, "not known here; nothing was made of it"}
}

// balanceOf returns HAProxy's word for a scheduler of IPVS.
func balanceOf(scheduler string) string {
	switch scheduler {
	case "lc", "wlc", "lblc", "lblcr", "sed", "nq":
		return "leastconn"
	case "sh", "mh":
		return "source"
	case "dh":
		return "uri"
	case "fo", "ovf":
		return "first"
	}
	return "roundrobin, with the weights of the servers"
}
