/*
 * Noticing that somebody changed nftables; see nftables.h.
 *
 * The kernel tells listeners each change in full.  A filter on the socket lets through only the message at the end of a
 * transaction, which names the process that did it: one small datagram per transaction, however large that was.
 */
#include <linux/filter.h>
#include <sys/socket.h>

#include "sys/nft_internal.h"

static int let_through_generations(int fd)
{
	/* The filter loads in network order what the kernel wrote in the host's. */
	uint16_t type = htons(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN);
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, type, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = {ARRAY_LEN(code), code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static int change_membership(int fd, int what)
{
	int group = NFNLGRP_NFTABLES;

	return setsockopt(fd, SOL_NETLINK, what, &group, sizeof(group));
}

int nft_watch_pause(int fd, struct error *err)
{
	if (change_membership(fd, NETLINK_DROP_MEMBERSHIP) < 0)
		return error_set_errno(err, errno, "stop listening for nftables changes");
	return 0;
}

int nft_watch_resume(int fd, struct error *err)
{
	if (change_membership(fd, NETLINK_ADD_MEMBERSHIP) < 0)
		return error_set_errno(err, errno, "listen for nftables changes again");
	return 0;
}

int nft_watch_open(struct error *err)
{
	cleanup_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
	struct sockaddr_nl here = {.nl_family = AF_NETLINK};

	if (fd < 0 || let_through_generations(fd) < 0 || bind(fd, (struct sockaddr *)&here, sizeof(here)) < 0 ||
	    change_membership(fd, NETLINK_ADD_MEMBERSHIP) < 0)
		return error_set_errno(err, errno, "listen for nftables changes");
	return TAKE_FD(fd);
}

static bool is_foreign(const struct nlmsghdr *message)
{
	const struct nlattr *attr;

	MNL_ATTR_FOREACH (attr, message, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(attr) == NFTA_GEN_PROC_PID)
			return ntohl(mnl_attr_get_u32(attr)) != (uint32_t)getpid();
	return true;
}

bool nft_watch_drain(int fd)
{
	char buffer[4096] __attribute__((aligned(8)));
	bool foreign = false;

	for (;;) {
		ssize_t len = recv(fd, buffer, sizeof(buffer), 0);
		const struct nlmsghdr *message = (const void *)buffer;
		int left = (int)len;

		if (len < 0 && errno == EINTR)
			continue;
		/* ENOBUFS: messages were lost, so anyone may have changed anything. */
		if (len < 0 && errno == ENOBUFS) {
			foreign = true;
			continue;
		}
		if (len < 0)
			return foreign;
		for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
			foreign |= is_foreign(message);
	}
}
