/* The three files every pod has: hosts, resolv.conf and hostname, in its run folder; see builtin_internal.h. */
#include <fcntl.h>

#include "base/limits.h"
#include "runtime/builtin_internal.h"
#include "sys/path.h"

struct str sandbox_hostname(const struct sandbox *sandbox, struct arena *arena)
{
	char host[256];

	if (sandbox->record.config.hostname.len)
		return sandbox->record.config.hostname;
	if (gethostname(host, sizeof(host)) < 0)
		return STR("localhost");
	host[sizeof(host) - 1] = '\0';
	return arena_str_c(arena, host);
}

static int put_file(struct sandbox *sandbox, const char *name, struct buf *text, struct error *err)
{
	cleanup_close int dir = open(sandbox->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = dir < 0 ? -errno : text->overflow ? -EFBIG : path_write_atomic(dir, name, buf_view(text), 0644, false);

	return r < 0 ? error_set_errno(err, -r, "write %s/%s", sandbox->run_dir, name) : 0;
}

static void put_hosts(struct sandbox *sandbox, struct str hostname, struct buf *out)
{
	const struct runtime_sandbox_config *config = &sandbox->record.config;

	if (config->namespaces.network == RUNTIME_NAMESPACE_NODE && path_read(AT_FDCWD, "/etc/hosts", out) == 0)
		return;
	buf_c(out, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\n"
		   "fe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n");
	SLICE_FOREACH (ip, sandbox->record.ips) {
		char text[IP_TEXT_SIZE];

		ip_format(ip, text);
		buf_printf(out, "%s\t" STR_FMT "\n", text, STR_ARG(hostname));
	}
	SLICE_FOREACH (line, config->extra_hosts)
		buf_printf(out, STR_FMT "\n", STR_ARG(*line));
}

static void put_joined(struct buf *out, const char *word, struct runtime_strs strs)
{
	if (strs.len == 0)
		return;
	buf_c(out, word);
	SLICE_FOREACH (s, strs)
		buf_printf(out, " " STR_FMT, STR_ARG(*s));
	buf_char(out, '\n');
}

static void put_resolv(struct sandbox *sandbox, struct buf *out)
{
	const struct runtime_dns_config *dns = &sandbox->record.config.dns_config;

	if (dns->servers.len == 0 && dns->searches.len == 0 && dns->options.len == 0) {
		/* A host without the file has no servers to name. */
		if (path_read(AT_FDCWD, "/etc/resolv.conf", out) < 0)
			buf_clear(out);
		return;
	}
	put_joined(out, "search", dns->searches);
	SLICE_FOREACH (server, dns->servers)
		buf_printf(out, "nameserver " STR_FMT "\n", STR_ARG(*server));
	put_joined(out, "options", dns->options);
}

int sandbox_write_files(struct sandbox *sandbox, struct error *err)
{
	struct arena cleanup_arena arena = {0};
	struct str hostname = sandbox_hostname(sandbox, &arena);
	struct buf cleanup_buf text;
	int r;

	buf_init(&text, MIB);
	put_hosts(sandbox, hostname, &text);
	r = put_file(sandbox, "hosts", &text, err);
	if (r < 0)
		return r;
	buf_clear(&text);
	put_resolv(sandbox, &text);
	r = put_file(sandbox, "resolv.conf", &text, err);
	if (r < 0)
		return r;
	buf_clear(&text);
	buf_printf(&text, STR_FMT "\n", STR_ARG(hostname));
	return put_file(sandbox, "hostname", &text, err);
}
