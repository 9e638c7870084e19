/* The /etc/hosts a pod's containers see; see hosts_file.h.  Text as upstream's (facts/node.txt: hosts). */
#include "kubelet/hosts_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "kubelet/pod_hostname.h"
#include "kubelet/volumes.h"

#define HOSTS_MAX (256 * 1024)

static void add_node_file(struct buf *out)
{
	cleanup_close int fd = open("/etc/hosts", O_RDONLY | O_CLOEXEC);
	ssize_t len;
	char *room;

	buf_c(out, "# Kubernetes-managed hosts file (host network).\n");
	while (fd >= 0 && (room = buf_reserve(out, 4096)) && (len = read(fd, room, 4096)) > 0)
		buf_advance(out, (size_t)len);
}

static void add_pod(const struct pod_view *view, const struct kubelet_config *config, struct arena *arena,
		    struct buf *out)
{
	struct pod_hostname host = pod_hostname(view->pod, config->cluster_domain, arena);

	buf_c(out, "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
		   "fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n");
	for (size_t i = 0; view->sandbox && i < view->sandbox->ips.len; i++) {
		char address[IP_TEXT_SIZE];

		ip_format(&view->sandbox->ips.items[i], address);
		buf_printf(out, "%s\t", address);
		if (host.domain.len)
			buf_printf(out, STR_FMT "." STR_FMT "\t", STR_ARG(host.name), STR_ARG(host.domain));
		buf_printf(out, STR_FMT "\n", STR_ARG(host.name));
	}
}

static void add_aliases(const struct core_v1_pod *pod, struct buf *out)
{
	if (!pod->spec.host_aliases.len)
		return;
	buf_c(out, "\n# Entries added by HostAliases.\n");
	SLICE_FOREACH (alias, pod->spec.host_aliases) {
		buf_str(out, alias->ip);
		SLICE_FOREACH (name, alias->hostnames)
			buf_printf(out, "\t" STR_FMT, STR_ARG(*name));
		buf_char(out, '\n');
	}
}

int hosts_file_write(const struct kubelet_context *context, const struct pod_view *view, struct arena *arena,
		     struct str *ret_path, struct error *err)
{
	struct str dir = pod_dir(context, view->pod->metadata.uid, arena);
	struct str path = arena_printf(arena, STR_FMT "/etc-hosts", STR_ARG(dir));
	struct buf cleanup_buf text;
	cleanup_close int fd = -1;

	buf_init(&text, HOSTS_MAX);
	if (view->pod->spec.host_network)
		add_node_file(&text);
	else
		add_pod(view, context->config, arena, &text);
	add_aliases(view->pod, &text);
	if (mkdir(str_c(dir), 0750) < 0 && errno != EEXIST)
		return error_set_errno(err, errno, "mkdir %s", str_c(dir));
	fd = open(str_c(path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0 || fchmod(fd, 0644) < 0 || write(fd, text.data, text.len) != (ssize_t)text.len)
		return error_set_errno(err, errno, "write %s", str_c(path));
	*ret_path = path;
	return 0;
}
