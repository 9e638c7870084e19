/*
 * The driver's commands for the service proxy:
 *
 *	proxy-open NODE CLUSTERCIDRS
 *	sync FILE		ok ADDED DELETED CONNTRACK REBUILT
 *	heal SECONDS		waits for a change by somebody else, then heals; the same answer
 *	load SERVICES ENDPOINTS CHANGED		made-up services, one of them changed; ok and milliseconds
 *	proxy-close
 *	proxy-reset NODE
 *
 * A file for sync has a line per service, followed by its endpoints:
 *
 *	service NAME PROTOCOL PORT CLUSTERIPS [external=ADDRESSES] [node=PORT] [affinity=SECONDS] [etp=local]
 *[itp=local] endpoint ADDRESS PORT [local] [notready] [terminating]
 */
#include <fcntl.h>
#include <poll.h>

#include "base/clock.h"
#include "net_driver.h"
#include "proxy/proxy.h"

#define FILE_MAX_SIZE (16 * 1024 * 1024)

static struct proxy *proxy;

struct service_list {
	VEC_OF(struct proxy_service) services;
	VEC_OF(struct proxy_endpoint) endpoints; /* of the last service */
};

static int check_open(struct error *err)
{
	return proxy ? 0 : error_set(err, ERR_INVALID, "proxy is not open");
}

static int open_proxy(const struct call *call, struct error *err)
{
	struct proxy_config config = {.node_name = call->words[0]};

	if (parse_prefixes(call, call->words[1], &config.cluster_cidrs, &config.cluster_cidrs_len, err) < 0)
		return -1;
	return proxy_open(&config, &proxy, err);
}

static int close_proxy(const struct call *call UNUSED, struct error *err UNUSED)
{
	proxy = proxy_close(proxy);
	return 0;
}

static int parse_option(const struct call *call, const char *word, struct proxy_service *service, struct error *err)
{
	struct str key, value;
	uint64_t seconds;

	str_cut(str_from(word), '=', &key, &value);
	if (str_eq_c(key, "external"))
		return parse_addresses(call, str_c(value), &service->external_ips.items, &service->external_ips.len,
				       err);
	if (str_eq_c(key, "node"))
		return parse_port(str_c(value), &service->node_port, err);
	if (str_eq_c(key, "affinity") && str_parse_uint64(value, &seconds) == 0) {
		service->affinity_seconds = (uint32_t)seconds;
		return 0;
	}
	if (strcmp(word, "etp=local") == 0)
		service->external_policy = PROXY_LOCAL;
	else if (strcmp(word, "itp=local") == 0)
		service->internal_policy = PROXY_LOCAL;
	else
		return error_set(err, ERR_INVALID, "bad option %s", word);
	return 0;
}

static int parse_service(const struct call *call, const char *const *words, size_t len, struct service_list *list,
			 struct error *err)
{
	struct proxy_service service = {0};

	if (len < 5)
		return error_set(err, ERR_INVALID, "a service needs name, protocol, port and addresses");
	service.name = str_from(words[1]);
	if (parse_protocol(words[2], &service.protocol, err) < 0 || parse_port(words[3], &service.port, err) < 0 ||
	    parse_addresses(call, words[4], &service.cluster_ips.items, &service.cluster_ips.len, err) < 0)
		return -1;
	for (size_t i = 5; i < len; i++)
		if (parse_option(call, words[i], &service, err) < 0)
			return -1;
	vec_push(call->arena, &list->services, service);
	list->endpoints.items = NULL;
	list->endpoints.len = list->endpoints.cap = 0;
	return 0;
}

static int parse_endpoint(const struct call *call, const char *const *words, size_t len, struct service_list *list,
			  struct error *err)
{
	struct proxy_endpoint endpoint = {.ready = true, .serving = true};
	struct proxy_service *service;

	if (len < 3 || list->services.len == 0 || ip_parse(str_from(words[1]), &endpoint.address) < 0)
		return error_set(err, ERR_INVALID, "an endpoint needs a service before it, an address and a port");
	if (parse_port(words[2], &endpoint.port, err) < 0)
		return -1;
	for (size_t i = 3; i < len; i++) {
		endpoint.local |= strcmp(words[i], "local") == 0;
		endpoint.terminating |= strcmp(words[i], "terminating") == 0;
		if (strcmp(words[i], "notready") == 0)
			endpoint.ready = endpoint.serving = false;
	}
	endpoint.ready &= !endpoint.terminating;
	vec_push(call->arena, &list->endpoints, endpoint);
	service = &list->services.items[list->services.len - 1];
	service->endpoints = list->endpoints.items;
	service->endpoints_len = list->endpoints.len;
	return 0;
}

static int parse_services(const struct call *call, struct str text, struct service_list *list, struct error *err)
{
	while (text.len > 0) {
		const char *const *words;
		struct str line;
		size_t len;
		int result = 0;

		str_cut(text, '\n', &line, &text);
		len = split_words(call->arena, line, &words);
		if (len > 0 && strcmp(words[0], "service") == 0)
			result = parse_service(call, words, len, list, err);
		else if (len > 0)
			result = parse_endpoint(call, words, len, list, err);
		if (result < 0)
			return result;
	}
	return 0;
}

static int read_file(const struct call *call, const char *path, struct str *ret, struct error *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = arena_alloc(call->arena, FILE_MAX_SIZE);
	ssize_t len = fd < 0 ? -1 : read(fd, text, FILE_MAX_SIZE);

	if (len < 0)
		return error_set_errno(err, errno, "read %s", path);
	*ret = (struct str){text, (size_t)len};
	return 0;
}

static void put_result(const struct call *call, const struct proxy_result *result)
{
	buf_printf(call->out, " %zu %zu %zu %d", result->added, result->deleted, result->conntrack_deleted,
		   result->rebuilt);
}

static int sync_file(const struct call *call, struct error *err)
{
	struct service_list list = {0};
	struct proxy_result result;
	struct str text;

	if (check_open(err) < 0 || read_file(call, call->words[0], &text, err) < 0 ||
	    parse_services(call, text, &list, err) < 0 ||
	    proxy_sync(proxy, list.services.items, list.services.len, &result, err) < 0)
		return -1;
	put_result(call, &result);
	return 0;
}

static int heal(const struct call *call, struct error *err)
{
	struct pollfd pollfd = {.events = POLLIN};
	struct proxy_result result;
	uint64_t seconds;

	if (check_open(err) < 0 || str_parse_uint64(str_from(call->words[0]), &seconds) < 0)
		return error_set(err, ERR_INVALID, "not open, or bad seconds");
	pollfd.fd = proxy_watch_fd(proxy);
	if (poll(&pollfd, 1, (int)seconds * 1000) != 1)
		return error_set(err, ERR_TIMEOUT, "nothing changed");
	if (proxy_heal(proxy, &result, err) < 0)
		return -1;
	put_result(call, &result);
	return 0;
}

/* Service @i has address 10.96+i and endpoints 10.128+i*n. */
static struct proxy_service made_up(const struct call *call, uint64_t i, uint64_t endpoints)
{
	struct ip_address *address = ARENA_NEW(call->arena, struct ip_address);
	struct proxy_endpoint *list = ARENA_NEW_N(call->arena, struct proxy_endpoint, endpoints);
	struct ip_address first = {.family = IP_V4, .bytes = {10, 96, 0, 1}},
			  pod = {.family = IP_V4, .bytes = {10, 128, 0, 1}};
	struct proxy_service service = {.protocol = 6, .port = 80, .endpoints = list, .endpoints_len = endpoints};

	if (!ip_add(&first, i, address))
		abort();
	for (uint64_t e = 0; e < endpoints; e++) {
		list[e] = (struct proxy_endpoint){.port = 8080, .ready = true, .serving = true};
		if (!ip_add(&pod, i * endpoints + e, &list[e].address))
			abort();
	}
	service.name = arena_printf(call->arena, "default/s%06u:", (unsigned)i);
	service.cluster_ips = (struct proxy_address_slice){address, 1};
	return service;
}

static int load(const struct call *call, struct error *err)
{
	VEC_OF(struct proxy_service) services = {0};
	uint64_t len, endpoints, changed;
	struct proxy_result result;
	int64_t began;

	if (check_open(err) < 0 || str_parse_uint64(str_from(call->words[0]), &len) < 0 ||
	    str_parse_uint64(str_from(call->words[1]), &endpoints) < 0 ||
	    str_parse_uint64(str_from(call->words[2]), &changed) < 0)
		return error_set(err, ERR_INVALID, "not open, or bad numbers");
	for (uint64_t i = 0; i < len; i++)
		vec_push(call->arena, &services, made_up(call, i, i == changed ? endpoints + 1 : endpoints));
	began = clock_monotonic_ns();
	if (proxy_sync(proxy, services.items, services.len, &result, err) < 0)
		return -1;
	buf_printf(call->out, " %.1f", (double)(clock_monotonic_ns() - began) / (double)NS_PER_MS);
	return 0;
}

static int reset(const struct call *call, struct error *err)
{
	proxy = proxy_close(proxy);
	return proxy_reset(call->words[0], err);
}

const struct command proxy_commands[] = {
	{"proxy-open", 2, open_proxy},
	{"sync", 1, sync_file},
	{"heal", 1, heal},
	{"load", 3, load},
	{"proxy-close", 0, close_proxy},
	{"proxy-reset", 1, reset},
	{0},
};
