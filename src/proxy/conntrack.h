/*
 * Deleting connection tracking entries of UDP that lead where no endpoint is any more.
 *
 * UDP has no end of a connection: an entry lives as long as a client goes on sending, and while it does, its packets go
 * to the old endpoint, or, when the service had none, nowhere.  TCP needs no such care: the endpoint's end ends it.
 */
#ifndef WHERRY_PROXY_CONNTRACK_H
#define WHERRY_PROXY_CONNTRACK_H

#include "proxy/plan.h"

/* Does the plan change anything about a UDP front end? */
bool proxy_conntrack_concerns(const struct proxy_plan *plan);
/*
 * Is an entry stale whose client sent to @to:@to_port and is answered by @from:@from_port?  @wanted is what is in the
 * kernel now, @plan what was changed just now (its deleted front ends' entries are stale as well).  @to_is_local: an
 * address of this host, where a node port may be.
 */
bool proxy_conntrack_is_stale(const struct proxy_elements *wanted, const struct proxy_plan *plan,
			      const struct ip_address *to, uint16_t to_port, bool to_is_local,
			      const struct ip_address *from, uint16_t from_port);
/* Deletes the stale ones of @family in the calling thread's namespace; *ret_deleted says how many. */
int proxy_conntrack_clean(const struct proxy_elements *wanted, const struct proxy_plan *plan, enum ip_family family,
			  size_t *ret_deleted, struct error *err) MUST_CHECK;

#endif
