#pragma once
// rtnetlink, nfnetlink, nf_tables, packet sockets and neighbour discovery: what Sources/VirtualIP speaks with the kernel.
#include <stdint.h>
#include <linux/filter.h>
#include <linux/if_addr.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

// <linux/if.h> and <net/if.h> can't both be seen by one module, so the few values needed stand here.
enum {
    ELECTD_IFF_UP = 0x1,             // <linux/if.h>: administratively up
    ELECTD_IFF_RUNNING = 0x40,       // <linux/if.h>: operational state UP or UNKNOWN
    ELECTD_IFF_LOWER_UP = 0x10000,   // <linux/if.h>: the driver reports a carrier
    ELECTD_ARPHRD_ETHER = 1,         // <linux/if_arp.h>
    ELECTD_DEVCONF_PROMOTE_SECONDARIES = 20,  // <linux/ip.h>: IPV4_DEVCONF_PROMOTE_SECONDARIES
    ELECTD_NFT_TABLE_F_PERSIST = 0x4, // <linux/netfilter/nf_tables.h> since 6.9: an owned table outlives its owner
    ELECTD_ND_NEIGHBOR_SOLICIT = 135, // RFC 4861, 4.3
    ELECTD_ND_NEIGHBOR_ADVERT = 136,  // RFC 4861, 4.4
    ELECTD_ICMPV6 = 58,               // RFC 4443
};

/// NETLINK_BROADCAST subscriptions and socket options use SOL_NETLINK, which glibc hides without _GNU_SOURCE.
enum { ELECTD_SOL_NETLINK = 270, ELECTD_SOL_PACKET = 263 };

/// Network namespaces, per thread (unshare(2), setns(2)); glibc hides them without _GNU_SOURCE. -1 and errno.
enum { ELECTD_CLONE_NEWNET = 0x40000000 };
int netlink_unshare(int flags) __asm__("unshare");
int netlink_setns(int descriptor, int kind) __asm__("setns");
