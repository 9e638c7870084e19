/*
 * What the cluster's DNS knows: namespaces, services with their endpoints, and who has which address.
 *
 * A struct dns_records is a mutable index owned by one thread.  Services are put and removed whole; what is put is
 * copied.  Names are compared in lower case, as the API has them.
 */
#ifndef WHERRY_DNS_RECORDS_H
#define WHERRY_DNS_RECORDS_H

#include "base/address.h"
#include "base/arena.h"

struct dns_port {
	struct str name;     /* empty: unnamed, no SRV record */
	struct str protocol; /* "tcp", "udp", "sctp" */
	uint16_t port;
};
struct dns_port_slice {
	const struct dns_port *items;
	size_t len;
};
struct dns_address_slice {
	const struct ip_address *items;
	size_t len;
};

/* One endpoint that may be named: ready, or the service publishes those that are not. */
struct dns_endpoint {
	struct str hostname; /* empty: its address with dashes */
	struct dns_address_slice addresses;
	struct dns_port_slice ports;
};
struct dns_endpoint_slice {
	const struct dns_endpoint *items;
	size_t len;
};

struct dns_service {
	struct str ns;
	struct str name;
	/* An ExternalName service has the name and nothing else; a headless one has no cluster address. */
	struct str external_name;
	struct dns_address_slice cluster_ips;
	struct dns_port_slice ports;
	struct dns_endpoint_slice endpoints;
};

struct dns_records;

struct dns_records *dns_records_new(void);
struct dns_records *dns_records_free(struct dns_records *records);

void dns_records_add_namespace(struct dns_records *records, struct str name);
void dns_records_remove_namespace(struct dns_records *records, struct str name);
bool dns_records_has_namespace(const struct dns_records *records, struct str name);

/* Replaces the service of that namespace and name. */
void dns_records_put_service(struct dns_records *records, const struct dns_service *service);
void dns_records_remove_service(struct dns_records *records, struct str ns, struct str name);
/* NULL when there is none; valid until the records change. */
const struct dns_service *dns_records_service(const struct dns_records *records, struct str ns, struct str name);

/* One owner of an address: a service by its cluster address, or an endpoint of a headless one. */
struct dns_owner {
	const struct dns_service *service;
	const struct dns_endpoint *endpoint; /* NULL: the cluster address */
};
struct dns_owner_slice {
	const struct dns_owner *items;
	size_t len;
};
/* Who has @address; valid until the records change. */
struct dns_owner_slice dns_records_owners(const struct dns_records *records, const struct ip_address *address);

static inline bool dns_service_is_external(const struct dns_service *service)
{
	return service->external_name.len > 0;
}
static inline bool dns_service_is_headless(const struct dns_service *service)
{
	return service->external_name.len == 0 && service->cluster_ips.len == 0;
}

#endif
