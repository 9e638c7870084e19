/* The rtnetlink socket itself, and work inside another network namespace; see netlink.h. */
#include "sys/netlink.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>

#include "sys/netlink_internal.h"

int netlink_open(struct netlink **ret, struct error *err)
{
	struct netlink *nl = XNEW(struct netlink);

	nl->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!nl->socket || mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		int error = errno;

		netlink_close(nl);
		return error_set_errno(err, error, "open a netlink socket");
	}
	nl->port = mnl_socket_get_portid(nl->socket);
	*ret = nl;
	return 0;
}

static int open_here(void *data, struct error *err)
{
	return netlink_open(data, err);
}

int netlink_open_in(int netns_fd, struct netlink **ret, struct error *err)
{
	return netns_call(netns_fd, open_here, ret, err);
}

struct netlink *netlink_close(struct netlink *nl)
{
	if (nl && nl->socket)
		mnl_socket_close(nl->socket);
	free(nl);
	return NULL;
}

struct nlmsghdr *netlink_start(struct netlink *nl, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(nl->buffer);

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | flags;
	request->nlmsg_seq = ++nl->sequence;
	return request;
}

int netlink_talk(struct netlink *nl, struct nlmsghdr *request, mnl_cb_t each, void *data)
{
	unsigned sequence = request->nlmsg_seq;

	if (mnl_socket_sendto(nl->socket, request, request->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		ssize_t len = mnl_socket_recvfrom(nl->socket, nl->buffer, sizeof(nl->buffer));
		int result;

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return -errno;
		result = mnl_cb_run(nl->buffer, (size_t)len, sequence, nl->port, each, data);
		if (result < 0)
			return -errno;
		if (result == MNL_CB_STOP)
			return 0;
	}
}

int netlink_family(const struct ip_address *address)
{
	return address->family == IP_V6 ? AF_INET6 : AF_INET;
}

void netlink_put_address(struct nlmsghdr *request, uint16_t type, const struct ip_address *address)
{
	mnl_attr_put(request, type, address->family == IP_V6 ? 16 : 4, address->bytes);
}

int netns_call(int netns_fd, int (*run)(void *data, struct error *err), void *data, struct error *err)
{
	cleanup_close int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int result;

	if (home < 0)
		return error_set_errno(err, errno, "open own network namespace");
	if (setns(netns_fd, CLONE_NEWNET) < 0)
		return error_set_errno(err, errno, "enter network namespace");
	result = run(data, err);
	/* A thread left in a pod's namespace would do the next pod's work there: no state to go on from. */
	if (setns(home, CLONE_NEWNET) < 0)
		abort();
	return result;
}

struct sysctl {
	const char *path;
	const char *value;
};

static int write_sysctl(void *data, struct error *err)
{
	const struct sysctl *sysctl = data;
	char path[256], old[64] = "";
	size_t len = strlen(sysctl->value);
	cleanup_close int fd = -1;
	ssize_t got;

	snprintf(path, sizeof(path), "/proc/sys/net/%s", sysctl->path);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0) {
		/* A read-only /proc is fine as long as the value is right already. */
		int error = errno;

		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return error_set_errno(err, error, "open %s", path);
	}
	got = pread(fd, old, sizeof(old) - 1, 0);
	if (got == (ssize_t)len + 1 && memcmp(old, sysctl->value, len) == 0)
		return 1;
	if (pwrite(fd, sysctl->value, len, 0) != (ssize_t)len)
		return error_set_errno(err, errno, "write %s", path);
	return 1;
}

int netns_sysctl(int netns_fd, const char *path, const char *value, struct error *err)
{
	struct sysctl sysctl = {path, value};

	if (netns_fd < 0)
		return write_sysctl(&sysctl, err);
	return netns_call(netns_fd, write_sysctl, &sysctl, err);
}
