/* What the cluster's DNS knows; see records.h. */
#include "dns/records.h"

#include "base/map.h"

struct entry {
	struct arena arena;
	struct str key; /* "namespace/name" */
	struct dns_service service;
};

struct owners {
	struct str key;
	char key_bytes[17];
	struct dns_owner *items;
	size_t len, cap;
};

struct dns_records {
	struct map namespaces; /* name -> its own heap copy */
	struct map services;   /* key -> struct entry */
	struct map owners;     /* family and bytes -> struct owners */
};

struct dns_records *dns_records_new(void)
{
	return XNEW(struct dns_records);
}

static void free_entry(struct entry *entry)
{
	arena_release(&entry->arena);
	free(entry);
}

static void free_owners(struct owners *owners)
{
	free(owners->items);
	free(owners);
}

struct dns_records *dns_records_free(struct dns_records *records)
{
	if (!records)
		return NULL;
	MAP_FOREACH (it, &records->namespaces)
		free(it->value);
	MAP_FOREACH (it, &records->services)
		free_entry(it->value);
	MAP_FOREACH (it, &records->owners)
		free_owners(it->value);
	map_release(&records->namespaces);
	map_release(&records->services);
	map_release(&records->owners);
	free(records);
	return NULL;
}

void dns_records_add_namespace(struct dns_records *records, struct str name)
{
	char *copy;

	if (name.len == 0 || map_get(&records->namespaces, name))
		return;
	copy = xmemdup(name.data, name.len);
	map_set(&records->namespaces, (struct str){copy, name.len}, copy);
}

void dns_records_remove_namespace(struct dns_records *records, struct str name)
{
	free(map_remove(&records->namespaces, name));
}

bool dns_records_has_namespace(const struct dns_records *records, struct str name)
{
	return map_get(&records->namespaces, name) != NULL;
}

static struct str address_key(const struct ip_address *address, char out[17])
{
	out[0] = (char)address->family;
	memcpy(out + 1, address->bytes, 16);
	return (struct str){out, 1 + ip_family_bits(address->family) / 8};
}

static void add_owner(struct dns_records *records, const struct ip_address *address, struct dns_owner owner)
{
	char bytes[17];
	struct owners *owners = map_get(&records->owners, address_key(address, bytes));

	if (!owners) {
		owners = XNEW(struct owners);
		owners->key = address_key(address, owners->key_bytes);
		map_set(&records->owners, owners->key, owners);
	}
	if (owners->len == owners->cap) {
		owners->cap = owners->cap ? owners->cap * 2 : 1;
		owners->items = xrealloc_array(owners->items, owners->cap, sizeof(*owners->items));
	}
	owners->items[owners->len++] = owner;
}

static void remove_owner(struct dns_records *records, const struct ip_address *address,
			 const struct dns_service *service)
{
	char bytes[17];
	struct owners *owners = map_get(&records->owners, address_key(address, bytes));
	size_t kept = 0;

	if (!owners)
		return;
	for (size_t i = 0; i < owners->len; i++)
		if (owners->items[i].service != service)
			owners->items[kept++] = owners->items[i];
	owners->len = kept;
	if (kept > 0)
		return;
	map_remove(&records->owners, owners->key);
	free_owners(owners);
}

static void index_service(struct dns_records *records, const struct dns_service *service, bool add)
{
	SLICE_FOREACH (address, service->cluster_ips) {
		if (add)
			add_owner(records, address, (struct dns_owner){service, NULL});
		else
			remove_owner(records, address, service);
	}
	if (!dns_service_is_headless(service))
		return;
	SLICE_FOREACH (endpoint, service->endpoints) {
		SLICE_FOREACH (address, endpoint->addresses) {
			if (add)
				add_owner(records, address, (struct dns_owner){service, endpoint});
			else
				remove_owner(records, address, service);
		}
	}
}

static struct dns_port_slice copy_ports(struct arena *arena, struct dns_port_slice ports)
{
	struct dns_port *items = ARENA_NEW_N(arena, struct dns_port, ports.len);

	for (size_t i = 0; i < ports.len; i++)
		items[i] = (struct dns_port){arena_str(arena, ports.items[i].name),
					     arena_str(arena, ports.items[i].protocol), ports.items[i].port};
	return (struct dns_port_slice){items, ports.len};
}

static struct dns_address_slice copy_addresses(struct arena *arena, struct dns_address_slice addresses)
{
	if (addresses.len == 0)
		return (struct dns_address_slice){0};
	return (struct dns_address_slice){
		arena_memdup(arena, addresses.items, addresses.len * sizeof(*addresses.items)), addresses.len};
}

static void copy_service(struct arena *arena, const struct dns_service *from, struct dns_service *to)
{
	struct dns_endpoint *endpoints = ARENA_NEW_N(arena, struct dns_endpoint, from->endpoints.len);

	for (size_t i = 0; i < from->endpoints.len; i++)
		endpoints[i] = (struct dns_endpoint){arena_str(arena, from->endpoints.items[i].hostname),
						     copy_addresses(arena, from->endpoints.items[i].addresses),
						     copy_ports(arena, from->endpoints.items[i].ports)};
	*to = (struct dns_service){.ns = arena_str(arena, from->ns),
				   .name = arena_str(arena, from->name),
				   .external_name = arena_str(arena, from->external_name),
				   .cluster_ips = copy_addresses(arena, from->cluster_ips),
				   .ports = copy_ports(arena, from->ports),
				   .endpoints = {endpoints, from->endpoints.len}};
}

static struct str service_key(struct arena *arena, struct str ns, struct str name)
{
	return arena_printf(arena, STR_FMT "/" STR_FMT, STR_ARG(ns), STR_ARG(name));
}

static struct entry *find(const struct dns_records *records, struct str ns, struct str name)
{
	char text[512];
	int len = snprintf(text, sizeof(text), STR_FMT "/" STR_FMT, STR_ARG(ns), STR_ARG(name));

	if (len < 0 || (size_t)len >= sizeof(text))
		return NULL;
	return map_get(&records->services, (struct str){text, (size_t)len});
}

void dns_records_remove_service(struct dns_records *records, struct str ns, struct str name)
{
	struct entry *entry = find(records, ns, name);

	if (!entry)
		return;
	index_service(records, &entry->service, false);
	map_remove(&records->services, entry->key);
	free_entry(entry);
}

void dns_records_put_service(struct dns_records *records, const struct dns_service *service)
{
	struct entry *entry = XNEW(struct entry);

	copy_service(&entry->arena, service, &entry->service);
	entry->key = service_key(&entry->arena, service->ns, service->name);
	dns_records_remove_service(records, service->ns, service->name);
	map_set(&records->services, entry->key, entry);
	index_service(records, &entry->service, true);
}

const struct dns_service *dns_records_service(const struct dns_records *records, struct str ns, struct str name)
{
	struct entry *entry = find(records, ns, name);

	return entry ? &entry->service : NULL;
}

struct dns_owner_slice dns_records_owners(const struct dns_records *records, const struct ip_address *address)
{
	char bytes[17];
	struct owners *owners = map_get(&records->owners, address_key(address, bytes));

	return owners ? (struct dns_owner_slice){owners->items, owners->len} : (struct dns_owner_slice){0};
}
