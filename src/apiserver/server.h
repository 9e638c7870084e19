/*
 * The API server: what all requests share.
 *
 * Made once, by apiserver_new(); requests come in through http.c and local.c.  What requests read here is either fixed
 * after the start or an immutable snapshot.  Nothing is global: one process may have several.
 */
#ifndef WHERRY_APISERVER_SERVER_H
#define WHERRY_APISERVER_SERVER_H

#include <stdatomic.h>

#include "apiserver/authenticator.h"
#include "apiserver/authorizer.h"
#include "apiserver/service_token.h"
#include "base/address.h"
#include "store/store.h"

#define APISERVER_CHAIN_MAX 8

struct allocator;
struct discovery;
struct health;
struct kubelet_proxy;
struct metrics;
struct openapi_cache;
struct rbac;
struct request;
struct request_metrics;
struct store_metrics;
struct worker_pool;

/* What the server is told at its start; it copies nothing, so the strings live as long as it does. */
struct apiserver_config {
	struct str advertise_address; /* of the kubernetes Service's endpoints */
	uint16_t secure_port;
	struct ip_prefix service_range; /* 10.96.0.0/16 */
	struct ip_address cluster_dns;	/* at which nodes answer; outside the range, or IP_NONE: no Service is made */
	uint16_t node_port_min, node_port_max;
	struct service_token_issuer token_issuer; /* without a key there are no tokens of service accounts */
	bool anonymous;				  /* allow system:anonymous */
	/* How long a pod that says nothing of it stays on a node that is not ready, or unreachable. */
	int64_t default_not_ready_toleration_s, default_unreachable_toleration_s;
};

struct apiserver {
	struct apiserver_config config;
	struct store *store;	     /* borrowed */
	struct worker_pool *workers; /* handler threads */
	struct authenticator *authenticators[APISERVER_CHAIN_MAX];
	size_t authenticators_len;
	struct authorizer *authorizers[APISERVER_CHAIN_MAX];
	size_t authorizers_len;
	struct rbac *rbac; /* roles and bindings; NULL before the bootstrap */
	struct discovery *discovery;
	struct openapi_cache *openapi;
	struct kubelet_proxy *kubelet_proxy; /* NULL: no kubelet can be reached */
	struct allocator *allocator;
	struct metrics *metrics; /* borrowed */
	struct request_metrics *request_metrics;
	struct store_metrics *store_metrics;
	struct health *health; /* borrowed */
	atomic_bool ready;     /* bootstrap objects are there */
	atomic_bool stopping;
};

/* @store, @metrics and @health stay the caller's and outlive the server, after which nobody writes the metrics. */
struct apiserver *apiserver_new(const struct apiserver_config *config, struct store *store, struct metrics *metrics,
				struct health *health);
/* Waits for handler threads; no request may be under way at an I/O thread.  Takes NULL; returns NULL. */
struct apiserver *apiserver_free(struct apiserver *server);
/* Adds to the end of the chain; the server frees it. */
void apiserver_add_authenticator(struct apiserver *server, struct authenticator *authenticator);
void apiserver_add_authorizer(struct apiserver *server, struct authorizer *authorizer);
/*
 * Asks the chain.  Also for those who must know what somebody may do: access reviews, escalation checks, admission.
 * Without any opinion the answer is AUTHORIZATION_NO_OPINION, to be treated as a denial.
 */
enum authorization_decision apiserver_authorize(struct apiserver *server, const struct authorization_attributes *asked,
						struct arena *arena, struct str *ret_reason);
/* Makes the objects every cluster has; any thread that may block. Then the server is ready. */
int apiserver_bootstrap(struct apiserver *server, struct error *err) MUST_CHECK;

/* How the store counts and stamps our objects. */
extern const struct store_objects apiserver_store_objects;

#endif
