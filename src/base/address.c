/* IP addresses of both families as one type; see address.h. */
#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

int ip_parse(struct str text, struct ip_address *ret)
{
	char copy[IP_TEXT_SIZE];
	struct ip_address address = {0};

	if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.data, '\0', text.len))
		return -EINVAL;
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	address.family = strchr(copy, ':') ? IP_V6 : IP_V4;
	if (inet_pton(address.family == IP_V6 ? AF_INET6 : AF_INET, copy, address.bytes) != 1)
		return -EINVAL;
	*ret = address;
	return 0;
}

void ip_format(const struct ip_address *address, char out[IP_TEXT_SIZE])
{
	out[0] = '\0';
	if (address->family != IP_NONE)
		(void)inet_ntop(address->family == IP_V6 ? AF_INET6 : AF_INET, address->bytes, out, IP_TEXT_SIZE);
}

unsigned ip_family_bits(enum ip_family family)
{
	return family == IP_V6 ? 128 : family == IP_V4 ? 32 : 0;
}

int ip_cmp(const struct ip_address *a, const struct ip_address *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, ip_family_bits(a->family) / 8);
}

bool ip_eq(const struct ip_address *a, const struct ip_address *b)
{
	return ip_cmp(a, b) == 0;
}

bool ip_is_loopback(const struct ip_address *address)
{
	static const uint8_t v6[16] = {[15] = 1};

	return address->family == IP_V4 ? address->bytes[0] == 127
					: address->family == IP_V6 && memcmp(address->bytes, v6, sizeof(v6)) == 0;
}

bool ip_is_unspecified(const struct ip_address *address)
{
	static const uint8_t zero[16];

	return memcmp(address->bytes, zero, ip_family_bits(address->family) / 8) == 0;
}

bool ip_add(const struct ip_address *address, uint64_t n, struct ip_address *ret)
{
	struct ip_address sum = *address;
	uint64_t carry = n;

	for (int i = (int)ip_family_bits(address->family) / 8 - 1; i >= 0; i--) {
		uint64_t digit = sum.bytes[i] + (carry & 0xff);

		sum.bytes[i] = (uint8_t)digit;
		carry = (carry >> 8) + (digit >> 8);
	}
	if (carry)
		return false;
	*ret = sum;
	return true;
}

int ip_prefix_parse(struct str text, struct ip_prefix *ret)
{
	struct str address, length;
	struct ip_prefix prefix;
	uint64_t n;

	if (!str_cut(text, '/', &address, &length) || ip_parse(address, &prefix.address) < 0)
		return -EINVAL;
	if (str_parse_uint64(length, &n) < 0 || (length.len > 1 && length.data[0] == '0') ||
	    n > ip_family_bits(prefix.address.family))
		return -EINVAL;
	prefix.length = (unsigned)n;
	*ret = prefix;
	return 0;
}

void ip_prefix_format(const struct ip_prefix *prefix, char out[IP_PREFIX_TEXT_SIZE])
{
	char address[IP_TEXT_SIZE];

	ip_format(&prefix->address, address);
	snprintf(out, IP_PREFIX_TEXT_SIZE, "%s/%u", address, prefix->length);
}

struct ip_prefix ip_prefix_masked(const struct ip_prefix *prefix)
{
	struct ip_prefix masked = *prefix;

	for (unsigned bit = prefix->length; bit < ip_family_bits(prefix->address.family); bit++)
		masked.address.bytes[bit / 8] &= (uint8_t) ~(0x80u >> (bit % 8));
	return masked;
}

bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_address *address)
{
	struct ip_prefix own = ip_prefix_masked(prefix);
	struct ip_prefix other = ip_prefix_masked(&(struct ip_prefix){*address, prefix->length});

	return prefix->address.family == address->family && ip_eq(&own.address, &other.address);
}

socklen_t ip_to_sockaddr(const struct ip_address *address, uint16_t port, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (address->family == IP_V6) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;

		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		memcpy(&in6->sin6_addr, address->bytes, 16);
		return sizeof(*in6);
	}
	struct sockaddr_in *in4 = (struct sockaddr_in *)ret;

	in4->sin_family = AF_INET;
	in4->sin_port = htons(port);
	memcpy(&in4->sin_addr, address->bytes, 4);
	return sizeof(*in4);
}

bool ip_from_sockaddr(const struct sockaddr *sa, struct ip_address *ret_address, uint16_t *ret_port)
{
	*ret_address = (struct ip_address){0};
	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in4 = (const struct sockaddr_in *)(const void *)sa;

		ret_address->family = IP_V4;
		memcpy(ret_address->bytes, &in4->sin_addr, 4);
		*ret_port = ntohs(in4->sin_port);
		return true;
	}
	if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)sa;

		ret_address->family = IP_V6;
		memcpy(ret_address->bytes, &in6->sin6_addr, 16);
		*ret_port = ntohs(in6->sin6_port);
		return true;
	}
	return false;
}
