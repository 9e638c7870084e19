/* What a pod's resolv.conf says; see dns_config.h.  Limits and rules: facts/node.txt, `dns`. */
#include "kubelet/dns_config.h"

#include <fcntl.h>

#define NAMESERVERS_MAX 3
#define SEARCHES_MAX	32
#define RESOLV_CONF_MAX 16384

struct lists {
	VEC_OF(struct str) servers, searches, options;
};

static void add_once(struct arena *arena, struct str **items, size_t *len, size_t *cap, struct str s)
{
	VEC_OF(struct str) list = {*items, *len, *cap};

	for (size_t i = 0; i < list.len; i++)
		if (str_eq(list.items[i], s))
			return;
	vec_push(arena, &list, s);
	*items = list.items;
	*len = list.len;
	*cap = list.cap;
}

#define ADD(arena, list, s) add_once((arena), &(list).items, &(list).len, &(list).cap, (s))

static struct runtime_dns_config finish(const struct lists *lists)
{
	return (struct runtime_dns_config){
		.servers = {lists->servers.items, MIN(lists->servers.len, (size_t)NAMESERVERS_MAX)},
		.searches = {lists->searches.items, MIN(lists->searches.len, (size_t)SEARCHES_MAX)},
		.options = {lists->options.items, lists->options.len},
	};
}

static bool next_word(struct str *rest, struct str *ret)
{
	struct str trimmed = str_trim(*rest);
	size_t len = 0;

	while (len < trimmed.len && trimmed.data[len] != ' ' && trimmed.data[len] != '\t')
		len++;
	*ret = str_sub(trimmed, 0, len);
	*rest = str_from_at(trimmed, len);
	return len > 0;
}

static void parse_line(struct str line, struct arena *arena, struct lists *lists)
{
	struct str keyword, word;

	if (!next_word(&line, &keyword) || keyword.data[0] == '#' || keyword.data[0] == ';')
		return;
	if (str_eq(keyword, STR("search")))
		lists->searches.len = 0; /* the last line counts */
	while (next_word(&line, &word)) {
		if (str_eq(keyword, STR("nameserver")))
			ADD(arena, lists->servers, arena_str(arena, word));
		else if (str_eq(keyword, STR("search")))
			ADD(arena, lists->searches, arena_str(arena, word));
		else if (str_eq(keyword, STR("options")))
			ADD(arena, lists->options, arena_str(arena, word));
	}
}

static void parse(struct str text, struct arena *arena, struct lists *lists)
{
	while (text.len) {
		struct str line;

		str_cut(text, '\n', &line, &text);
		parse_line(line, arena, lists);
	}
}

struct runtime_dns_config resolv_conf_parse(struct str text, struct arena *arena)
{
	struct lists lists = {0};

	parse(text, arena, &lists);
	return finish(&lists);
}

static int read_node(const struct kubelet_context *context, struct arena *arena, struct lists *lists, struct error *err)
{
	cleanup_close int fd = open(str_c(context->config->resolv_conf), O_RDONLY | O_CLOEXEC);
	char text[RESOLV_CONF_MAX];
	ssize_t len;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return error_set_errno(err, errno, "open %s", str_c(context->config->resolv_conf));
	len = read(fd, text, sizeof(text));
	if (len < 0)
		return error_set_errno(err, errno, "read %s", str_c(context->config->resolv_conf));
	parse((struct str){text, (size_t)len}, arena, lists);
	return 0;
}

static void add_cluster(const struct kubelet_context *context, const struct core_v1_pod *pod, struct arena *arena,
			struct lists *lists)
{
	const struct kubelet_config *config = context->config;
	struct lists node = *lists;

	*lists = (struct lists){0};
	for (size_t i = 0; i < config->cluster_dns.len; i++) {
		char text[IP_TEXT_SIZE];

		ip_format(&config->cluster_dns.items[i], text);
		ADD(arena, lists->servers, arena_str_c(arena, text));
	}
	if (config->cluster_domain.len) {
		ADD(arena, lists->searches,
		    arena_printf(arena, STR_FMT ".svc." STR_FMT, STR_ARG(pod->metadata.namespace),
				 STR_ARG(config->cluster_domain)));
		ADD(arena, lists->searches, arena_printf(arena, "svc." STR_FMT, STR_ARG(config->cluster_domain)));
		ADD(arena, lists->searches, config->cluster_domain);
	}
	for (size_t i = 0; i < node.searches.len; i++)
		ADD(arena, lists->searches, node.searches.items[i]);
	ADD(arena, lists->options, STR("ndots:5"));
}

/* An option replaces one of the same name ("ndots:5" by "ndots:2"). */
static void set_option(struct lists *lists, struct str option, struct arena *arena)
{
	struct str name, value, own, rest;

	str_cut(option, ':', &name, &value);
	for (size_t i = 0; i < lists->options.len; i++) {
		str_cut(lists->options.items[i], ':', &own, &rest);
		if (str_eq(own, name)) {
			lists->options.items[i] = option;
			return;
		}
	}
	vec_push(arena, &lists->options, option);
}

static void add_own(const struct core_v1_pod_dns_config *own, struct arena *arena, struct lists *lists)
{
	SLICE_FOREACH (server, own->nameservers)
		ADD(arena, lists->servers, *server);
	SLICE_FOREACH (search, own->searches)
		ADD(arena, lists->searches, *search);
	SLICE_FOREACH (option, own->options)
		set_option(lists,
			   option->value ? arena_printf(arena, STR_FMT ":" STR_FMT, STR_ARG(option->name),
							STR_ARG(*option->value))
					 : option->name,
			   arena);
}

int dns_config(const struct kubelet_context *context, const struct core_v1_pod *pod, struct arena *arena,
	       struct runtime_dns_config *ret, struct error *err)
{
	struct str policy = pod->spec.dns_policy;
	struct lists lists = {0};
	bool cluster = (str_eq(policy, STR("ClusterFirst")) && !pod->spec.host_network) ||
		       str_eq(policy, STR("ClusterFirstWithHostNet"));

	if (!str_eq(policy, STR("None")) && read_node(context, arena, &lists, err) < 0)
		return -(int)err->code;
	if (cluster && context->config->cluster_dns.len)
		add_cluster(context, pod, arena, &lists);
	if (pod->spec.dns_config)
		add_own(pod->spec.dns_config, arena, &lists);
	*ret = finish(&lists);
	return 0;
}
