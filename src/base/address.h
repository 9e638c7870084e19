/*
 * IP addresses, prefixes and endpoints of both families as one type.
 *
 * An IPv4 address is kept as itself, not mapped.  Lists of addresses are lists from the first day: one family is the
 * list of length one.
 */
#ifndef WHERRY_BASE_ADDRESS_H
#define WHERRY_BASE_ADDRESS_H

#include <sys/socket.h>

#include "base/str.h"

enum ip_family { IP_NONE, IP_V4, IP_V6 };

struct ip_address {
	enum ip_family family; /* IP_NONE: no address */
	uint8_t bytes[16];     /* network order; the first 4 for IPv4 */
};

struct ip_prefix {
	struct ip_address address;
	unsigned length; /* bits */
};

#define IP_TEXT_SIZE	    46
#define IP_PREFIX_TEXT_SIZE 50

/* Text to address: dotted quads without leading zeros (as Go's netip), RFC 4291 forms, no zone; 0 or -EINVAL. */
int ip_parse(struct str text, struct ip_address *ret) MUST_CHECK;
/* Canonical text (RFC 5952) with its NUL. */
void ip_format(const struct ip_address *address, char out[IP_TEXT_SIZE]);
bool ip_eq(const struct ip_address *a, const struct ip_address *b);
/* IPv4 before IPv6, then by bytes. */
int ip_cmp(const struct ip_address *a, const struct ip_address *b);
bool ip_is_loopback(const struct ip_address *address);
bool ip_is_unspecified(const struct ip_address *address);
unsigned ip_family_bits(enum ip_family family);
/* The address @n after @address; false when that leaves the family's space. */
bool ip_add(const struct ip_address *address, uint64_t n, struct ip_address *ret);

/* "10.0.0.0/8"; bits after the prefix may be set and are kept; 0 or -EINVAL. */
int ip_prefix_parse(struct str text, struct ip_prefix *ret) MUST_CHECK;
void ip_prefix_format(const struct ip_prefix *prefix, char out[IP_PREFIX_TEXT_SIZE]);
bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_address *address);
/* The prefix with the bits after it cleared. */
struct ip_prefix ip_prefix_masked(const struct ip_prefix *prefix);

/* For socket calls. */
socklen_t ip_to_sockaddr(const struct ip_address *address, uint16_t port, struct sockaddr_storage *ret);
bool ip_from_sockaddr(const struct sockaddr *sa, struct ip_address *ret_address, uint16_t *ret_port);

#endif
