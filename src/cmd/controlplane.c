/* The control plane: makes the parts, joins them, and waits for the signal to stop; see controlplane.h. */
#include "cmd/controlplane.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>

#include "apiserver/http.h"
#include "apiserver/keys.h"
#include "apiserver/kubelet_proxy.h"
#include "apiserver/server.h"
#include "base/clock.h"
#include "base/log.h"
#include "cmd/components.h"
#include "cmd/handover.h"
#include "component/health.h"
#include "component/host.h"
#include "component/metrics.h"
#include "component/process_metrics.h"
#include "net/http_server.h"
#include "net/tls.h"
#include "sys/crash.h"
#include "sys/loop.h"
#include "sys/path.h"

#define RENEWAL_NS (30 * 24 * 3600 * NS_PER_SEC)
/* Upstream's usual name for who signs service accounts' tokens. */
#define TOKEN_ISSUER "https://kubernetes.default.svc"

struct controlplane {
	const struct controlplane_config *config;
	struct arena arena;
	int server_dir, pki_dir;
	struct loop *loop;		 /* of the signals */
	struct loop_timer renewal, hold; /* hold: runs while the components are held back */
	atomic_bool held;
	struct cluster_keys *keys;
	struct store *store;
	struct metrics *metrics;
	struct health *health;
	struct apiserver *apiserver;
	struct tls_context *tls;
	struct http_server *http;
	struct components *components;
	struct ip_address advertise_address;
};

static int open_folder(const char *path, int *ret, struct error *err)
{
	int result = path_make_dirs(AT_FDCWD, path, 0700), fd;

	if (result < 0)
		return error_set_errno(err, -result, "make folder %s", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(err, errno, "open folder %s", path);
	*ret = fd;
	return 0;
}

/* The address others reach this host by: told, or the bind address, or the first that is not loopback. */
static struct ip_address find_advertise_address(const struct controlplane_config *config)
{
	if (config->advertise_address.family != IP_NONE)
		return config->advertise_address;
	if (config->bind_address.family != IP_NONE && !ip_is_unspecified(&config->bind_address))
		return config->bind_address;
	return host_address();
}

static int open_keys(struct controlplane *plane, struct error *err)
{
	const struct controlplane_config *config = plane->config;
	struct ip_address addresses[5];
	struct cluster_keys_config keys = {
		.directory = plane->pki_dir,
		.names = config->certificate_names.items,
		.names_len = config->certificate_names.len,
		.addresses = addresses,
		.now = clock_wall_ns() / NS_PER_SEC,
	};

	(void)!ip_parse(STR("127.0.0.1"), &addresses[keys.addresses_len++]);
	(void)!ip_parse(STR("::1"), &addresses[keys.addresses_len++]);
	if (ip_add(&config->service_range.address, 1, &addresses[keys.addresses_len]))
		keys.addresses_len++;
	addresses[keys.addresses_len++] = plane->advertise_address;
	if (config->bind_address.family != IP_NONE && !ip_is_unspecified(&config->bind_address))
		addresses[keys.addresses_len++] = config->bind_address;
	return cluster_keys_open(&keys, &plane->keys, err);
}

static int open_store(struct controlplane *plane, struct error *err)
{
	static const struct store_options options = {.objects = &apiserver_store_objects};
	struct str path = arena_concat(&plane->arena, plane->config->data_dir, STR("/server/store"));

	if (plane->config->memory_store) {
		plane->store = store_open_memory(&options);
		return 0;
	}
	return store_open_embedded(str_c(path), &options, &plane->store, err);
}

static bool apiserver_ready(void *data)
{
	struct apiserver *server = data;

	return atomic_load(&server->ready) && !atomic_load(&server->stopping);
}

static bool store_well(void *data)
{
	struct store_stats stats;

	store_stats(data, &stats);
	return !stats.failed;
}

static bool components_free(void *data)
{
	struct controlplane *plane = data;

	return !atomic_load(&plane->held);
}

static void add_checks(struct controlplane *plane)
{
	health_add(plane->health, "ping", HEALTH_ANY | HEALTH_LIVE | HEALTH_READY, NULL, NULL);
	health_add(plane->health, "log", HEALTH_ANY | HEALTH_LIVE | HEALTH_READY, NULL, NULL);
	health_add(plane->health, "etcd", HEALTH_ANY | HEALTH_LIVE | HEALTH_READY, store_well, plane->store);
	health_add(plane->health, "poststarthook/start-system-namespaces-controller", HEALTH_ANY | HEALTH_READY,
		   apiserver_ready, plane->apiserver);
	health_add(plane->health, "components", HEALTH_READY, components_free, plane);
	health_explain(plane->health, "components",
		       "scheduler and controllers crashed again and again and are held back; the log names the object");
}

static int make_apiserver(struct controlplane *plane, struct error *err)
{
	char text[IP_TEXT_SIZE];
	struct apiserver_config config = {
		.secure_port = plane->config->secure_port,
		.service_range = plane->config->service_range,
		.cluster_dns = plane->config->cluster_dns,
		.node_port_min = 30000,
		.node_port_max = 32767,
		.token_issuer = {.name = STR(TOKEN_ISSUER), .key = plane->keys->token_key},
		.anonymous = true,
		.default_not_ready_toleration_s = plane->config->default_not_ready_toleration_s,
		.default_unreachable_toleration_s = plane->config->default_unreachable_toleration_s,
	};

	ip_format(&plane->advertise_address, text);
	config.advertise_address = arena_str_c(&plane->arena, text);
	plane->metrics = metrics_new();
	plane->health = health_new();
	plane->apiserver = apiserver_new(&config, plane->store, plane->metrics, plane->health);
	add_checks(plane);
	process_metrics_add(plane->metrics);
	return apiserver_bootstrap(plane->apiserver, err);
}

/* The server's own way to the nodes: a certificate the kubelets' client authority has signed. */
static int open_kubelets(struct controlplane *plane, struct error *err)
{
	static const struct str groups[] = {STR_INIT("system:masters")};
	struct tls_client_config tls = {.insecure = true}; /* kubelets sign their certificates themselves */
	struct tls_context *context;

	if (cluster_keys_sign_client(plane->keys, STR("kube-apiserver-kubelet-client"), groups, ARRAY_LEN(groups),
				     clock_wall_ns() / NS_PER_SEC, &plane->arena, &tls.certificate_pem, &tls.key_pem,
				     err) < 0 ||
	    tls_context_new_client(&tls, &context, err) < 0)
		return error_wrap(err, "the certificate for kubelets");
	plane->apiserver->kubelet_proxy = kubelet_proxy_new(context);
	tls_context_unref(context);
	return 0;
}

static int serve(struct controlplane *plane, struct error *err)
{
	const struct tls_server_config tls = {
		.certificate_pem = plane->keys->serving_pem,
		.key_pem = plane->keys->serving_key_pem,
		.client_ca_pem = plane->keys->ca_pem,
	};
	struct http_server_config http = {
		.address = plane->config->bind_address,
		.port = plane->config->secure_port,
		.name = "apiserver-io",
		.handle = apiserver_http_handle,
		.refuse = apiserver_http_refuse,
		.cookie = plane->apiserver,
	};

	if (tls_context_new_server(&tls, &plane->tls, err) < 0)
		return -(int)err->code;
	http.tls = plane->tls;
	return http_server_new(&http, &plane->http, err);
}

/* Where a client on this host finds the server. */
static struct str server_url(struct controlplane *plane)
{
	const struct ip_address *bind = &plane->config->bind_address;
	char text[IP_TEXT_SIZE];

	if (bind->family == IP_NONE || ip_is_unspecified(bind))
		ip_format(&plane->advertise_address, text);
	else
		ip_format(bind, text);
	return arena_printf(&plane->arena, strchr(text, ':') ? "https://[%s]:%u" : "https://%s:%u", text,
			    plane->config->secure_port);
}

/* A new certificate of the cluster's authority, as a kubeconfig. */
static int make_kubeconfig(struct controlplane *plane, struct str user, struct str group, struct arena *arena,
			   struct str *ret, struct error *err)
{
	struct str cert, key;

	if (cluster_keys_sign_client(plane->keys, user, &group, 1, clock_wall_ns() / NS_PER_SEC, arena, &cert, &key,
				     err) < 0)
		return -(int)err->code;
	*ret = kubeconfig_text(server_url(plane), plane->keys->ca_pem, user, cert, key, arena);
	return 0;
}

static int make_admin_kubeconfig(struct controlplane *plane, struct arena *arena, struct str *ret, struct error *err)
{
	return make_kubeconfig(plane, STR("kubernetes-admin"), STR("system:masters"), arena, ret, err);
}

/* The folder and the name in it. */
static int write_kubeconfig(struct controlplane *plane, struct error *err)
{
	struct arena cleanup_arena arena = {0};
	struct str path = plane->config->write_kubeconfig, text;
	ptrdiff_t slash = str_last_index(path, '/');
	cleanup_close int folder = -1;
	int result;

	if (path.len == 0)
		return 0;
	if (make_admin_kubeconfig(plane, &arena, &text, err) < 0)
		return -(int)err->code;
	folder = open(slash < 0 ? "." : str_c(arena_str(&arena, str_sub(path, 0, (size_t)slash + 1))),
		      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return error_set_errno(err, errno, "folder of " STR_FMT, STR_ARG(path));
	result = path_write_atomic(folder, str_c(str_from_at(path, (size_t)(slash + 1))), text, 0600, false);
	return result < 0 ? error_set_errno(err, -result, "write " STR_FMT, STR_ARG(path)) : 0;
}

/* Under a supervisor: it writes the files, which are root's. */
static int hand_over(struct controlplane *plane, struct error *err)
{
	struct arena cleanup_arena arena = {0};
	int pipe = plane->config->handover;
	struct str user = arena_concat(&arena, STR("system:node:"), plane->config->node_name), text;

	if (plane->config->write_kubeconfig.len && (make_admin_kubeconfig(plane, &arena, &text, err) < 0 ||
						    handover_send(pipe, HANDOVER_ADMIN_KUBECONFIG, text, err) < 0))
		return -(int)err->code;
	if (make_kubeconfig(plane, user, STR("system:nodes"), &arena, &text, err) < 0)
		return -(int)err->code;
	return handover_send(pipe, HANDOVER_NODE_KUBECONFIG, text, err);
}

static int give_kubeconfigs(struct controlplane *plane, struct error *err)
{
	return plane->config->handover < 0 ? write_kubeconfig(plane, err) : hand_over(plane, err);
}

/* Certificates are good for a year; whoever reads the files finds ones that are good for most of it. */
static void renew(struct loop_timer *timer)
{
	struct controlplane *plane = CONTAINER_OF(timer, struct controlplane, renewal);
	struct error err = {0};

	if (give_kubeconfigs(plane, &err) < 0)
		log_warn("kubeconfigs not renewed", "error=\"%s\"", err.message);
}

static int start_components(struct controlplane *plane, struct error *err)
{
	const struct components_config config = {
		.server = plane->apiserver,
		.cluster_ca = plane->keys->ca_pem,
		.cluster_cidr = plane->config->cluster_cidr,
		.node_monitor_period_ns = plane->config->node_monitor_period_ns,
		.node_monitor_grace_period_ns = plane->config->node_monitor_grace_period_ns,
		.no_scheduler = plane->config->disable_scheduler,
		.no_controllers = plane->config->disable_controller_manager,
	};

	return components_start(&config, &plane->components, err);
}

static void end_hold(struct loop_timer *timer)
{
	struct controlplane *plane = CONTAINER_OF(timer, struct controlplane, hold);
	struct error err = {0};

	atomic_store(&plane->held, false);
	log_info("components no longer held back", "port=%u", plane->config->secure_port);
	if (start_components(plane, &err) < 0) {
		log_error("components not started", "error=\"%s\"", err.message);
		loop_stop(plane->loop);
	}
}

/* After too many crashes the API alone, so that their cause can be looked at and deleted. */
static int start_or_hold_components(struct controlplane *plane, struct error *err)
{
	int64_t left = crash_hold_left(clock_monotonic_ns());

	if (left == 0)
		return start_components(plane, err);
	atomic_store(&plane->held, true);
	log_warn("components held back", "seconds=%lld", (long long)(left / NS_PER_SEC));
	loop_timer_start(&plane->hold, left, 0);
	return 0;
}

static void stop(void *data, int signal UNUSED)
{
	struct controlplane *plane = data;

	loop_stop(plane->loop);
}

static int start(struct controlplane *plane, struct error *err)
{
	const char *path = str_c(arena_concat(&plane->arena, plane->config->data_dir, STR("/server/pki")));
	const char *server = str_c(arena_concat(&plane->arena, plane->config->data_dir, STR("/server")));

	plane->advertise_address = find_advertise_address(plane->config);
	if (open_folder(server, &plane->server_dir, err) < 0 || open_folder(path, &plane->pki_dir, err) < 0 ||
	    open_keys(plane, err) < 0 || open_store(plane, err) < 0 || make_apiserver(plane, err) < 0 ||
	    open_kubelets(plane, err) < 0 || serve(plane, err) < 0 || give_kubeconfigs(plane, err) < 0 ||
	    start_or_hold_components(plane, err) < 0 ||
	    handover_send(plane->config->handover, HANDOVER_READY, STR_EMPTY, err) < 0)
		return -(int)err->code;
	return 0;
}

static void release(struct controlplane *plane)
{
	if (plane->apiserver)
		atomic_store(&plane->apiserver->stopping, true);
	components_stop(plane->components);
	http_server_free(plane->http);
	tls_context_unref(plane->tls);
	apiserver_free(plane->apiserver);
	store_close(plane->store);
	health_free(plane->health);
	metrics_free(plane->metrics);
	cluster_keys_free(plane->keys);
	close_fd(plane->pki_dir);
	close_fd(plane->server_dir);
	arena_release(&plane->arena);
}

int controlplane_run(const struct controlplane_config *config, struct error *err)
{
	struct controlplane plane = {.config = config, .server_dir = -1, .pki_dir = -1};
	int64_t began = clock_monotonic_ns();
	struct loop_signal *term, *interrupt;
	int result;

	log_set_component("apiserver");
	plane.loop = loop_new();
	term = loop_signal_new(plane.loop, SIGTERM, stop, &plane);
	interrupt = loop_signal_new(plane.loop, SIGINT, stop, &plane);
	loop_timer_init(&plane.renewal, plane.loop, renew);
	loop_timer_init(&plane.hold, plane.loop, end_hold);
	loop_timer_start(&plane.renewal, RENEWAL_NS, RENEWAL_NS);
	result = start(&plane, err);
	if (result == 0) {
		log_info("ready", "port=%u milliseconds=%lld", config->secure_port,
			 (long long)((clock_monotonic_ns() - began) / NS_PER_MS));
		loop_run(plane.loop);
		log_info("stopping", "port=%u", config->secure_port);
	}
	release(&plane);
	loop_signal_free(term);
	loop_signal_free(interrupt);
	loop_free(plane.loop);
	return result;
}
