/*
 * Addresses and node ports of services: picks free ones, and turns away asked-for ones that are not free.
 *
 * What is taken is read from the stored services at every allocation, so nothing has to be released and nothing can
 * leak.  Between a pick and the write that stores it, the pick is a reservation, which lives as long as the request's
 * arena.  No value is given twice: an allocation runs under one lock; it sees the reservations of all requests under
 * way, and a request that has ended has committed (or failed) before its reservation went, so a view taken under the
 * lock shows its service.
 *
 * Any thread; may take some milliseconds where there are thousands of services.
 */
#ifndef WHERRY_APISERVER_ALLOCATOR_H
#define WHERRY_APISERVER_ALLOCATOR_H

#include "apiserver/strategy.h"
#include "base/address.h"
#include "store/store.h"
#include "types/gen/core_v1.h"

struct allocator;

struct allocator_config {
	struct ip_prefix range; /* one family; 10.96.0.0/16 */
	uint16_t node_port_min, node_port_max;
};

/* @store stays the caller's and outlives it. */
struct allocator *allocator_new(const struct allocator_config *config, struct store *store);
/* Takes NULL; returns NULL. */
struct allocator *allocator_free(struct allocator *allocator);

/* The families of cluster addresses: "IPv4" or "IPv6". */
struct str_slice allocator_families(const struct allocator *allocator);

/*
 * Fills in what @service, whose families are set, has not got: cluster addresses, node ports, the health check's port.
 * What its own stored form has is not taken from it.
 */
void allocator_allocate(struct allocator *allocator, struct arena *arena, struct core_v1_service *service,
			struct field_errors *errors);

#endif
