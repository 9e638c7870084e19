/* Image names, by the grammar and normalisation of github.com/distribution/reference; see image.h. */
#include <ctype.h>

#include "base/limits.h"
#include "runtime/image.h"

static bool is_lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* [a-z0-9]+ separated by one '.', one or two '_', or any number of '-'. */
static bool valid_component(struct str s)
{
	size_t i = 0;

	if (s.len == 0 || !is_lower_alnum(s.data[0]) || !is_lower_alnum(s.data[s.len - 1]))
		return false;
	while (i < s.len) {
		char separator = s.data[i];
		size_t run = 0;

		if (is_lower_alnum(separator)) {
			i++;
			continue;
		}
		while (i < s.len && s.data[i] == separator) {
			run++;
			i++;
		}
		if (!((separator == '.' && run == 1) || (separator == '_' && run <= 2) || separator == '-'))
			return false;
		if (i < s.len && !is_lower_alnum(s.data[i]))
			return false;
	}
	return true;
}

static bool valid_path(struct str path)
{
	struct str component;
	bool more = true;

	while (more) {
		more = str_cut(path, '/', &component, &path);
		if (!valid_component(component))
			return false;
	}
	return true;
}

static bool valid_port(struct str port)
{
	uint64_t n;

	return port.len > 0 && str_parse_uint64(port, &n) == 0;
}

/* A host name, an IPv4 address or a bracketed IPv6 address, and a port perhaps. */
static bool valid_domain(struct str domain)
{
	struct str host, port;

	if (domain.len && domain.data[0] == '[') {
		ptrdiff_t end = str_index(domain, ']');
		struct ip_address address;

		if (end < 0 || ip_parse(str_sub(domain, 1, (size_t)end - 1), &address) < 0)
			return false;
		port = str_from_at(domain, (size_t)end + 1);
		return port.len == 0 || (port.data[0] == ':' && valid_port(str_from_at(port, 1)));
	}
	if (str_cut(domain, ':', &host, &port) && !valid_port(port))
		return false;
	if (host.len == 0)
		return false;
	for (size_t i = 0; i < host.len; i++) {
		char before = i ? host.data[i - 1] : '.', c = host.data[i];

		if (!isalnum((unsigned char)c) && c != '-' && c != '.')
			return false;
		if ((c == '.' || c == '-') && before == '.')
			return false;
	}
	return isalnum((unsigned char)host.data[host.len - 1]) != 0;
}

static bool valid_tag(struct str tag)
{
	if (tag.len == 0 || tag.len > 128 || tag.data[0] == '.' || tag.data[0] == '-')
		return false;
	for (size_t i = 0; i < tag.len; i++)
		if (!isalnum((unsigned char)tag.data[i]) && !memchr("_.-", tag.data[i], 3))
			return false;
	return true;
}

bool image_digest_valid(struct str digest)
{
	if (digest.len != 7 + 64 || !str_has_prefix(digest, STR("sha256:")))
		return false;
	for (size_t i = 7; i < digest.len; i++)
		if (!isdigit((unsigned char)digest.data[i]) && !(digest.data[i] >= 'a' && digest.data[i] <= 'f'))
			return false;
	return true;
}

static bool has_upper(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (isupper((unsigned char)s.data[i]))
			return true;
	return false;
}

/* Is the first part of a name a host?  Only then has it a dot or a port, or is it "localhost". */
static bool is_domain(struct str first)
{
	return str_index(first, '.') >= 0 || str_index(first, ':') >= 0 || str_eq_c(first, "localhost") ||
	       has_upper(first);
}

int image_name_parse(struct str text, struct arena *arena, struct image_name *ret, struct error *err)
{
	struct image_name name = {.domain = STR("docker.io")};
	struct str rest = text, first, after;
	ptrdiff_t at, colon;

	if (text.len == 0 || text.len > LIMIT_IMAGE_NAME)
		return error_set(err, ERR_INVALID, "invalid reference format");
	at = str_index(rest, '@');
	if (at >= 0) {
		name.digest = str_from_at(rest, (size_t)at + 1);
		rest = str_sub(rest, 0, (size_t)at);
		if (!image_digest_valid(name.digest))
			return error_set(err, ERR_INVALID, "invalid reference format");
	}
	colon = str_last_index(rest, ':');
	if (colon >= 0 && str_index(str_from_at(rest, (size_t)colon), '/') < 0) {
		name.tag = str_from_at(rest, (size_t)colon + 1);
		rest = str_sub(rest, 0, (size_t)colon);
		if (!valid_tag(name.tag))
			return error_set(err, ERR_INVALID, "invalid reference format");
	}
	if (str_cut(rest, '/', &first, &after) && is_domain(first)) {
		name.domain = first;
		rest = after;
	}
	if (str_eq_c(name.domain, "index.docker.io"))
		name.domain = STR("docker.io");
	if (has_upper(rest))
		return error_set(err, ERR_INVALID,
				 "invalid reference format: repository name (" STR_FMT ") must be lowercase",
				 STR_ARG(rest));
	if (!valid_domain(name.domain) || !valid_path(rest))
		return error_set(err, ERR_INVALID, "invalid reference format");
	name.domain = arena_str(arena, name.domain);
	name.path = str_eq_c(name.domain, "docker.io") && str_index(rest, '/') < 0
			    ? arena_concat(arena, STR("library/"), rest)
			    : arena_str(arena, rest);
	if (name.tag.data)
		name.tag = arena_str(arena, name.tag);
	if (name.digest.data)
		name.digest = arena_str(arena, name.digest);
	else if (!name.tag.data)
		name.tag = STR("latest");
	*ret = name;
	return 0;
}

struct str image_name_repository(const struct image_name *name, struct arena *arena)
{
	return arena_printf(arena, STR_FMT "/" STR_FMT, STR_ARG(name->domain), STR_ARG(name->path));
}

struct str image_name_format(const struct image_name *name, struct arena *arena)
{
	struct str text = image_name_repository(name, arena);

	/* With both, the digest alone decides what it is. */
	if (name->digest.data)
		return arena_printf(arena, STR_FMT "@" STR_FMT, STR_ARG(text), STR_ARG(name->digest));
	return arena_printf(arena, STR_FMT ":" STR_FMT, STR_ARG(text), STR_ARG(name->tag));
}
