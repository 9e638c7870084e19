/* The API server as a whole; see server.h. */
#include "apiserver/server.h"

#include "apiserver/allocator.h"
#include "apiserver/kubelet_proxy.h"
#include "apiserver/openapi.h"
#include "apiserver/rbac.h"
#include "apiserver/request.h"
#include "apiserver/request_metrics.h"
#include "apiserver/store_metrics.h"
#include "base/limits.h"
#include "sys/thread.h"
#include "types/object.h"

static void ref_object(void *object)
{
	object_ref(object);
}

static void unref_object(void *object)
{
	object_unref(object);
}

static void stamp_object(void *object, uint64_t revision)
{
	object_set_revision(object, revision);
}

static size_t object_size(const void *object)
{
	return ((const struct object *)object)->arena.size;
}

const struct store_objects apiserver_store_objects = {
	.ref = ref_object,
	.unref = unref_object,
	.stamp = stamp_object,
	.size = object_size,
};

struct apiserver *apiserver_new(const struct apiserver_config *config, struct store *store, struct metrics *metrics,
				struct health *health)
{
	struct apiserver *server = XNEW(struct apiserver);

	server->config = *config;
	server->store = store;
	server->metrics = metrics;
	server->request_metrics = request_metrics_new(metrics);
	server->store_metrics = store_metrics_new(metrics, store);
	server->health = health;
	server->openapi = openapi_cache_new();
	server->allocator = allocator_new(
		&(struct allocator_config){config->service_range, config->node_port_min, config->node_port_max}, store);
	server->workers = worker_pool_new("apiserver", LIMIT_HANDLER_THREADS);
	apiserver_add_authenticator(server, authenticator_new_certificate());
	if (config->token_issuer.key)
		apiserver_add_authenticator(
			server, authenticator_new_service_token(&server->config.token_issuer, server->store));
	apiserver_add_authorizer(server, authorizer_new_open_paths());
	apiserver_add_authorizer(server, authorizer_new_masters());
	apiserver_add_authorizer(server, authorizer_new_node(store));
	return server;
}

struct apiserver *apiserver_free(struct apiserver *server)
{
	if (!server)
		return NULL;
	worker_pool_free(server->workers);
	for (size_t i = 0; i < server->authenticators_len; i++)
		server->authenticators[i]->free(server->authenticators[i]);
	for (size_t i = 0; i < server->authorizers_len; i++)
		server->authorizers[i]->free(server->authorizers[i]);
	openapi_cache_free(server->openapi);
	kubelet_proxy_free(server->kubelet_proxy);
	allocator_free(server->allocator);
	rbac_free(server->rbac);
	store_metrics_free(server->store_metrics);
	request_metrics_free(server->request_metrics);
	free(server);
	return NULL;
}

void apiserver_add_authenticator(struct apiserver *server, struct authenticator *authenticator)
{
	assert(server->authenticators_len < APISERVER_CHAIN_MAX);
	server->authenticators[server->authenticators_len++] = authenticator;
}

void apiserver_add_authorizer(struct apiserver *server, struct authorizer *authorizer)
{
	assert(server->authorizers_len < APISERVER_CHAIN_MAX);
	server->authorizers[server->authorizers_len++] = authorizer;
}
