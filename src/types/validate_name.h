/*
 * What names must look like, with upstream's sentences for what is wrong.
 *
 * Each name_ function returns the problems it finds, usually none; the sentences are literals.  check_ functions add
 * them to a list of field errors as `Invalid value: "x": sentence`.
 */
#ifndef WHERRY_TYPES_VALIDATE_NAME_H
#define WHERRY_TYPES_VALIDATE_NAME_H

#include "base/address.h"
#include "types/field_error.h"

struct name_problems {
	const char *items[5];
	size_t len;
};

/* RFC 1123: at most 63 characters of [a-z0-9-]; dots between such: at most 253. */
struct name_problems name_is_dns_label(struct str name);
struct name_problems name_is_dns_subdomain(struct str name);
/* The same, `_` allowed as upstream's relaxed DNS search paths have it. */
struct name_problems name_is_dns_subdomain_underscore(struct str name);
struct name_problems name_is_wildcard_subdomain(struct str name);
/* RFC 1035: a label that starts with a letter. */
struct name_problems name_is_dns1035_label(struct str name);
/* [prefix/]name: keys of labels, finalizers, resource names. */
struct name_problems name_is_qualified(struct str name);
struct name_problems name_is_label_value(struct str value);
/* Anything that fits a URL's path segment: not "." or "..", no "/" and no "%". */
struct name_problems name_is_path_segment(struct str name);
struct name_problems name_is_c_identifier(struct str name);
struct name_problems name_is_port(struct str name);
/* Printable ASCII without "=". */
struct name_problems name_is_env_var(struct str name);
struct name_problems name_is_config_key(struct str name);
struct name_problems name_is_percent(struct str text);
struct name_problems name_is_http_header(struct str name);

static inline bool name_ok(struct name_problems problems)
{
	return problems.len == 0;
}
/* `a; b` */
struct str name_problems_join(struct name_problems problems, const char *separator, struct arena *arena);

/* Adds each problem as an invalid @value at @path. */
void check_name(struct field_errors *errors, const struct path *path, struct str value, struct name_problems problems);

/* "acme.io/foo": a subdomain, and a path below it. */
void check_domain_path(struct field_errors *errors, const struct path *path, struct str text);
/* Names made of at least two, or three, labels; of two, a dot may end them. */
void check_domain_of_two(struct field_errors *errors, const struct path *path, struct str name);
void check_domain_of_three(struct field_errors *errors, const struct path *path, struct str name);

/* The numbers in "must be between 1 and 65535, inclusive". */
void check_range(struct field_errors *errors, const struct path *path, int64_t value, int64_t min, int64_t max);
void check_not_negative(struct field_errors *errors, const struct path *path, int64_t value);
void check_port_number(struct field_errors *errors, const struct path *path, int64_t port);
/* User and group ids: 0 to 2^31-1. */
void check_id(struct field_errors *errors, const struct path *path, int64_t id);

/*
 * Addresses and prefixes.  Fields that are older than strict parsing accept what Go once did, leading zeros and mapped
 * addresses; new ones want the canonical form.
 */
void check_ip(struct field_errors *errors, const struct path *path, struct str text);
void check_legacy_ip(struct field_errors *errors, const struct path *path, struct str text);
void check_cidr(struct field_errors *errors, const struct path *path, struct str text);
void check_legacy_cidr(struct field_errors *errors, const struct path *path, struct str text);
/* Like ip_parse(), but leading zeros are let pass and a mapped address is its IPv4 one; 0 or -EINVAL. */
int ip_parse_sloppy(struct str text, struct ip_address *ret) MUST_CHECK;

#endif
