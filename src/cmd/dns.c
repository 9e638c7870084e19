/* wherry dns: the cluster's DNS server as a process without rights; the node starts it and feeds it. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/command.h"
#include "cmd/node_dns.h"
#include "cmd/rights.h"
#include "component/flags.h"
#include "dns/dns.h"

#define RECORD_TTL 5 /* seconds, as the cluster addon's */

struct dns_options {
	struct str zone;
};

#define OPTION(member) offsetof(struct dns_options, member)

static const struct flag flags[] = {
	{"zone", 0, FLAG_STRING, OPTION(zone), "NAME", "domain of the cluster's names"},
};

/* The node left its sockets open for us at known places. */
static int check_descriptors(struct error *err)
{
	for (int fd = DNS_FD_UDP; fd <= DNS_FD_FEED; fd++) {
		int type;
		socklen_t size = sizeof(type);

		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
			return error_set(err, ERR_BAD_REQUEST, "it is started by a node, not by hand");
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
			return error_set_errno(err, errno, "fcntl");
	}
	return 0;
}

static int drop_rights(struct error *err)
{
	cleanup_close int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct rights rights;

	if (rights_find(&rights, err) < 0)
		return -(int)err->code;
	return rights_drop(&rights, root, err);
}

static int serve(const struct dns_options *options, struct error *err)
{
	const int udp = DNS_FD_UDP, tcp = DNS_FD_TCP;
	const struct dns_config config = {
		.zone = options->zone,
		.udp_fds = {&udp, 1},
		.tcp_fds = {&tcp, 1},
		.feed_fd = DNS_FD_FEED,
		.stop_fd = -1,
		.ttl = RECORD_TTL,
		.resolv_conf = "/etc/resolv.conf",
	};

	if (check_descriptors(err) < 0 || (geteuid() == 0 && drop_rights(err) < 0))
		return -(int)err->code;
	prctl(PR_SET_NAME, "dns", 0, 0, 0);
	log_set_component("dns");
	return dns_server_run(&config, err);
}

int command_dns(int argc, char **argv)
{
	struct dns_options options = {.zone = STR("cluster.local")};
	const struct dns_options defaults = options;
	struct error err = {0};
	bool help;
	int words = flags_parse(flags, ARRAY_LEN(flags), argc, argv, &options, &help, &err);

	if (words >= 0 && help) {
		printf("Answers the cluster's names; a node starts it and gives it sockets and names.\n\nFlags:\n");
		flags_usage(flags, ARRAY_LEN(flags), &defaults, stdout);
		return 0;
	}
	if (err.code || serve(&options, &err) < 0) {
		fprintf(stderr, "wherry dns: %s\n", err.message);
		return err.code == ERR_BAD_REQUEST ? 2 : 1;
	}
	return 0;
}
