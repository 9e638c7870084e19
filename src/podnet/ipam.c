/* Which address of a range is free; see ipam.h. */
#include "podnet/ipam.h"

#define FIRST 2 /* after the network's own address and the gateway */

int ipam_init(struct ipam *ipam, const struct ip_prefix *cidr, struct error *err)
{
	unsigned bits = ip_family_bits(cidr->address.family) - cidr->length;
	uint32_t size = bits >= 16 ? IPAM_SIZE_MAX : UINT32_C(1) << bits;
	char text[IP_PREFIX_TEXT_SIZE];

	/* An IPv4 broadcast address exists even where the range is wider than what we look after. */
	if (cidr->address.family == IP_V4 && bits <= 16)
		size--;
	if (bits < 2) {
		ip_prefix_format(cidr, text);
		return error_set(err, ERR_INVALID, "pod range %s has no room for a pod", text);
	}
	*ipam = (struct ipam){.cidr = ip_prefix_masked(cidr), .size = size, .next = FIRST};
	ipam->taken = xcalloc((size + 63) / 64, sizeof(*ipam->taken));
	return 0;
}

void ipam_release(struct ipam *ipam)
{
	free(ipam->taken);
	*ipam = (struct ipam){0};
}

static struct ip_address address_at(const struct ipam *ipam, uint32_t offset)
{
	struct ip_address address = ipam->cidr.address;

	if (!ip_add(&ipam->cidr.address, offset, &address))
		abort();
	return address;
}

struct ip_address ipam_gateway(const struct ipam *ipam)
{
	return address_at(ipam, 1);
}

static bool is_taken(const struct ipam *ipam, uint32_t offset)
{
	return ipam->taken[offset / 64] >> offset % 64 & 1;
}

int ipam_take(struct ipam *ipam, struct ip_address *ret)
{
	for (uint32_t i = FIRST; i < ipam->size; i++) {
		uint32_t offset = ipam->next;

		ipam->next = offset + 1 < ipam->size ? offset + 1 : FIRST;
		if (is_taken(ipam, offset))
			continue;
		ipam->taken[offset / 64] |= UINT64_C(1) << offset % 64;
		*ret = address_at(ipam, offset);
		return 0;
	}
	return -ENOSPC;
}

/* The place of @address in the range, or 0, which is nobody's. */
static uint32_t offset_of(const struct ipam *ipam, const struct ip_address *address)
{
	unsigned len = ip_family_bits(ipam->cidr.address.family) / 8;
	uint32_t offset;

	if (!ip_prefix_contains(&ipam->cidr, address))
		return 0;
	/* The size is at most 2^16, so only the last two bytes may differ from the network's. */
	if (memcmp(address->bytes, ipam->cidr.address.bytes, len - 2) != 0)
		return 0;
	offset = (uint32_t)(address->bytes[len - 2] << 8 | address->bytes[len - 1]) -
		 (uint32_t)(ipam->cidr.address.bytes[len - 2] << 8 | ipam->cidr.address.bytes[len - 1]);
	return offset < ipam->size ? offset : 0;
}

int ipam_claim(struct ipam *ipam, const struct ip_address *address)
{
	uint32_t offset = offset_of(ipam, address);

	if (offset < FIRST)
		return -ERANGE;
	if (is_taken(ipam, offset))
		return -EEXIST;
	ipam->taken[offset / 64] |= UINT64_C(1) << offset % 64;
	/* After a restart the search goes on behind what was given last, as nearly as one can tell. */
	if (offset >= ipam->next)
		ipam->next = offset + 1 < ipam->size ? offset + 1 : FIRST;
	return 0;
}

void ipam_give(struct ipam *ipam, const struct ip_address *address)
{
	uint32_t offset = offset_of(ipam, address);

	if (offset >= FIRST)
		ipam->taken[offset / 64] &= ~(UINT64_C(1) << offset % 64);
}
