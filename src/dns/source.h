/*
 * The node's end of the DNS feed: watches namespaces, services and endpoint slices and writes frames.
 *
 * It lives on its owner's loop and shares the loop's informers.  dns_source_attach() begins with a whole snapshot, as
 * soon as the informers have synced, and goes on with one frame for each change; a DNS process that was restarted is
 * attached anew.  When the other end closes, or does not read for so long that LIMIT_DNS_BACKLOG bytes wait for it,
 * `closed` is called and nothing more is written.
 */
#ifndef WHERRY_DNS_SOURCE_H
#define WHERRY_DNS_SOURCE_H

#include "client/informer_set.h"
#include "dns/records.h"
#include "types/gen/core_v1.h"
#include "types/gen/discovery_v1.h"

struct loop;
struct dns_source;

struct dns_source_config {
	struct loop *loop;
	struct informer_set *informers; /* not started yet */
	void (*closed)(void *data);	/* may be NULL */
	void *data;
};

struct dns_source *dns_source_new(const struct dns_source_config *config) __attribute__((returns_nonnull));
/* After the informers were freed and before the loop is; NULL is fine; returns NULL. */
struct dns_source *dns_source_free(struct dns_source *source);
/* Writes to @fd from now on, which stays the caller's and must stay open until `closed`, detach or free. */
int dns_source_attach(struct dns_source *source, int fd, struct error *err) MUST_CHECK;
void dns_source_detach(struct dns_source *source);

/*
 * The pure part: a service with its slices as DNS knows it, in @arena, whose strings point into the objects.  Of
 * endpoints only those that may be named: ready ones (of a service that publishes unready ones all are said to be).
 */
struct dns_service dns_service_from(struct arena *arena, const struct core_v1_service *service,
				    const struct discovery_v1_endpoint_slice *const *slices, size_t slices_len);

#endif
