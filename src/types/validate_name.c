/*
 * Names; see validate_name.h.
 *
 * The sentences quote upstream's regular expressions because clients see them; matching is by hand, a loop over the
 * characters.
 */
#include "types/validate_name.h"

#include <inttypes.h>
#include <stdio.h>

#define LABEL_RE     "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
#define LABEL_U_RE   "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
#define SUBDOMAIN_RE LABEL_RE "(\\." LABEL_RE ")*"
#define REGEX(re)    "regex used for validation is '" re "')"
#define SUBDOMAIN_PROBLEM                                                                                              \
	"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "     \
	"start and end with an alphanumeric character (e.g. 'example.com', " REGEX(SUBDOMAIN_RE)
#define QUALIFIED_RE "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
#define QUALIFIED_PROBLEM                                                                                              \
	"must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "       \
	"character (e.g. 'MyName',  or 'my.name',  or '123-abc', " REGEX(QUALIFIED_RE)

static void problem(struct name_problems *problems, const char *text)
{
	assert(problems->len < ARRAY_LEN(problems->items));
	problems->items[problems->len++] = text;
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_letter(char c)
{
	return is_lower(c) || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_lower_or_digit(char c)
{
	return is_lower(c) || is_digit(c);
}

static bool is_alphanumeric(char c)
{
	return is_letter(c) || is_digit(c);
}

/* All characters alphanumeric by @is or one of @others, the first and last alphanumeric. */
static bool matches_word(struct str s, bool (*is)(char c), const char *others)
{
	if (!s.len || !is(s.data[0]) || !is(s.data[s.len - 1]))
		return false;
	for (size_t i = 1; i < s.len; i++)
		if (!is(s.data[i]) && !(s.data[i] && strchr(others, s.data[i])))
			return false;
	return true;
}

static bool matches_label(struct str s)
{
	return matches_word(s, is_lower_or_digit, "-");
}

static bool matches_label_underscore(struct str s)
{
	if (s.len && s.data[0] == '_')
		s = str_from_at(s, 1);
	return matches_word(s, is_lower_or_digit, "-_");
}

static bool matches_labels(struct str s, bool (*label)(struct str s))
{
	struct str first;
	bool more;

	do {
		more = str_cut(s, '.', &first, &s);
		if (!label(first))
			return false;
	} while (more);
	return true;
}

/* Every character is alphanumeric or one of @others, and there is at least one. */
static bool matches_set(struct str s, const char *others)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_alphanumeric(s.data[i]) && !(s.data[i] && strchr(others, s.data[i])))
			return false;
	return s.len > 0;
}

struct name_problems name_is_dns_label(struct str name)
{
	struct name_problems problems = {.len = 0};

	if (name.len > 63)
		problem(&problems, "must be no more than 63 characters");
	if (matches_label(name))
		return problems;
	if (matches_labels(name, matches_label))
		problem(&problems, "must not contain dots");
	else
		problem(&problems,
			"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
			"must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', " REGEX(
				LABEL_RE));
	return problems;
}

struct name_problems name_is_dns_subdomain(struct str name)
{
	struct name_problems problems = {.len = 0};

	if (name.len > 253)
		problem(&problems, "must be no more than 253 characters");
	if (!matches_labels(name, matches_label))
		problem(&problems, SUBDOMAIN_PROBLEM);
	return problems;
}

struct name_problems name_is_dns_subdomain_underscore(struct str name)
{
	struct name_problems problems = {.len = 0};

	if (name.len > 253)
		problem(&problems, "must be no more than 253 characters");
	if (!matches_labels(name, matches_label_underscore))
		problem(&problems,
			"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' "
			"or '.', and must start and end with an alphanumeric character (e.g. 'example.com', " REGEX(
				LABEL_U_RE "(\\." LABEL_U_RE ")*"));
	return problems;
}

struct name_problems name_is_wildcard_subdomain(struct str name)
{
	struct name_problems problems = {.len = 0};

	if (name.len > 253)
		problem(&problems, "must be no more than 253 characters");
	if (!str_has_prefix(name, STR("*.")) || !matches_labels(str_from_at(name, 2), matches_label))
		problem(&problems,
			"a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which "
			"must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric "
			"character (e.g. '*.example.com', " REGEX("\\*\\." SUBDOMAIN_RE));
	return problems;
}

struct name_problems name_is_dns1035_label(struct str name)
{
	struct name_problems problems = {.len = 0};

	if (name.len > 63)
		problem(&problems, "must be no more than 63 characters");
	if (!matches_label(name) || !is_lower(name.data[0]))
		problem(&problems,
			"a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
			"alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or "
			"'abc-123', " REGEX("[a-z]([-a-z0-9]*[a-z0-9])?"));
	return problems;
}

struct name_problems name_is_qualified(struct str value)
{
	struct name_problems problems = {.len = 0};
	struct str prefix, name;
	bool has_prefix = str_cut(value, '/', &prefix, &name);

	if (!has_prefix) {
		name = value;
	} else if (str_index(name, '/') >= 0) {
		problem(&problems, "a valid label key " QUALIFIED_PROBLEM
				   " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')");
		return problems;
	} else if (!prefix.len) {
		problem(&problems, "prefix part must be non-empty");
	} else {
		if (prefix.len > 253)
			problem(&problems, "prefix part must be no more than 253 bytes");
		if (!matches_labels(prefix, matches_label))
			problem(&problems, "prefix part " SUBDOMAIN_PROBLEM);
	}
	if (!name.len)
		problem(&problems, "name part must be non-empty");
	else if (name.len > 63)
		problem(&problems, "name part must be no more than 63 bytes");
	if (!matches_word(name, is_alphanumeric, "-_."))
		problem(&problems, "name part " QUALIFIED_PROBLEM);
	return problems;
}

struct name_problems name_is_label_value(struct str value)
{
	struct name_problems problems = {.len = 0};

	if (value.len > 63)
		problem(&problems, "must be no more than 63 bytes");
	if (value.len && !matches_word(value, is_alphanumeric, "-_."))
		problem(&problems,
			"a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
			"'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or "
			"'my_value',  or '12345', " REGEX("(" QUALIFIED_RE ")?"));
	return problems;
}

struct name_problems name_is_path_segment(struct str name)
{
	struct name_problems problems = {.len = 0};

	if (str_eq_c(name, "."))
		problem(&problems, "may not be '.'");
	else if (str_eq_c(name, ".."))
		problem(&problems, "may not be '..'");
	if (str_index(name, '/') >= 0)
		problem(&problems, "may not contain '/'");
	if (str_index(name, '%') >= 0)
		problem(&problems, "may not contain '%'");
	return problems;
}

struct name_problems name_is_c_identifier(struct str name)
{
	struct name_problems problems = {.len = 0};

	if (!matches_set(name, "_") || is_digit(name.data[0]))
		problem(&problems,
			"a valid C identifier must start with alphabetic character or '_', followed by a string of "
			"alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', " REGEX(
				"[A-Za-z_][A-Za-z0-9_]*"));
	return problems;
}

struct name_problems name_is_port(struct str name)
{
	struct name_problems problems = {.len = 0};
	bool charset = name.len > 0, letter = false;

	for (size_t i = 0; i < name.len; i++) {
		charset = charset && (is_lower_or_digit(name.data[i]) || name.data[i] == '-');
		letter = letter || is_lower(name.data[i]);
	}
	if (name.len > 15)
		problem(&problems, "must be no more than 15 characters");
	if (!charset)
		problem(&problems, "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
	if (!letter)
		problem(&problems, "must contain at least one letter (a-z)");
	if (str_contains(name, STR("--")))
		problem(&problems, "must not contain consecutive hyphens");
	if (name.len && (name.data[0] == '-' || name.data[name.len - 1] == '-'))
		problem(&problems, "must not begin or end with a hyphen");
	return problems;
}

struct name_problems name_is_env_var(struct str name)
{
	struct name_problems problems = {.len = 0};

	if (!name.len)
		problem(&problems, "environment variable name must be non-empty");
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.data[i];

		if (c < ' ' || c > '~' || c == '=') {
			problem(&problems, "a valid environment variable name must consist only of printable ASCII "
					   "characters other than '='");
			break;
		}
	}
	return problems;
}

struct name_problems name_is_config_key(struct str name)
{
	struct name_problems problems = {.len = 0};

	if (name.len > 253)
		problem(&problems, "must be no more than 253 characters");
	if (!matches_set(name, "-._"))
		problem(&problems, "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "
				   "'key.name',  or 'KEY_NAME',  or 'key-name', " REGEX("[-._a-zA-Z0-9]+"));
	if (str_eq_c(name, "."))
		problem(&problems, "must not be '.'");
	else if (str_eq_c(name, ".."))
		problem(&problems, "must not be '..'");
	else if (str_has_prefix(name, STR("..")))
		problem(&problems, "must not start with '..'");
	return problems;
}

struct name_problems name_is_percent(struct str text)
{
	struct name_problems problems = {.len = 0};
	size_t digits = 0;

	while (digits < text.len && is_digit(text.data[digits]))
		digits++;
	if (!digits || digits + 1 != text.len || text.data[digits] != '%')
		problem(&problems, "a valid percent string must be a numeric string followed by an ending '%' (e.g. "
				   "'1%',  or '93%', " REGEX("[0-9]+%"));
	return problems;
}

struct name_problems name_is_http_header(struct str name)
{
	struct name_problems problems = {.len = 0};

	if (!matches_set(name, "-"))
		problem(&problems, "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. "
				   "'X-Header-Name', " REGEX("[-A-Za-z0-9]+"));
	return problems;
}

struct str name_problems_join(struct name_problems problems, const char *separator, struct arena *arena)
{
	struct str out = STR_EMPTY;

	for (size_t i = 0; i < problems.len; i++)
		out = arena_printf(arena, STR_FMT "%s%s", STR_ARG(out), i ? separator : "", problems.items[i]);
	return out;
}

void check_name(struct field_errors *errors, const struct path *path, struct str value, struct name_problems problems)
{
	for (size_t i = 0; i < problems.len; i++)
		field_invalid(errors, path, VALUE(value), "%s", problems.items[i]);
}

void check_domain_path(struct field_errors *errors, const struct path *path, struct str text)
{
	struct str domain, rest;

	if (!text.len) {
		field_required(errors, path, NULL);
		return;
	}
	if (!str_cut(text, '/', &domain, &rest) || !domain.len || !rest.len) {
		field_invalid(errors, path, VALUE(text), "must be a domain-prefixed path (such as \"acme.io/foo\")");
		return;
	}
	check_name(errors, path, domain, name_is_dns_subdomain(domain));
	if (!matches_set(rest, "/-._~%!$&'()*+,;=:"))
		field_invalid(errors, path, VALUE(rest), "Invalid path (%s", REGEX("[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+"));
}

static void check_domain(struct field_errors *errors, const struct path *path, struct str name, size_t dots,
			 const char *count)
{
	struct name_problems problems;

	if (!name.len) {
		field_required(errors, path, NULL);
		return;
	}
	problems = name_is_dns_subdomain(name);
	check_name(errors, path, name, problems);
	if (problems.len)
		return;
	for (size_t i = 0; i < name.len; i++)
		dots -= name.data[i] == '.' && dots;
	if (dots)
		field_invalid(errors, path, VALUE(name),
			      "should be a domain with at least %s segments separated by dots", count);
}

void check_domain_of_two(struct field_errors *errors, const struct path *path, struct str name)
{
	check_domain(errors, path, str_has_suffix(name, STR(".")) ? str_sub(name, 0, name.len - 1) : name, 1, "two");
}

void check_domain_of_three(struct field_errors *errors, const struct path *path, struct str name)
{
	check_domain(errors, path, name, 2, "three");
}

void check_range(struct field_errors *errors, const struct path *path, int64_t value, int64_t min, int64_t max)
{
	if (value < min || value > max)
		field_invalid(errors, path, VALUE(value), "must be between %" PRId64 " and %" PRId64 ", inclusive", min,
			      max);
}

void check_not_negative(struct field_errors *errors, const struct path *path, int64_t value)
{
	if (value < 0)
		field_invalid(errors, path, VALUE(value), "must be greater than or equal to 0");
}

void check_port_number(struct field_errors *errors, const struct path *path, int64_t port)
{
	check_range(errors, path, port, 1, 65535);
}

void check_id(struct field_errors *errors, const struct path *path, int64_t id)
{
	check_range(errors, path, id, 0, INT32_MAX);
}

/* The text with each decimal part's leading zeros taken away; IPv6 text is returned as it is. */
static struct str without_zeros(struct str text, char *room, size_t size)
{
	size_t len = 0;

	if (str_index(text, ':') >= 0 || text.len >= size)
		return text;
	for (size_t i = 0; i < text.len; i++) {
		bool start = i == 0 || text.data[i - 1] == '.';

		while (start && text.data[i] == '0' && i + 1 < text.len && is_digit(text.data[i + 1]))
			i++;
		room[len++] = text.data[i];
	}
	return (struct str){room, len};
}

static bool is_mapped(const struct ip_address *address)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return address->family == IP_V6 && memcmp(address->bytes, mapped, sizeof(mapped)) == 0;
}

int ip_parse_sloppy(struct str text, struct ip_address *ret)
{
	char room[64];
	struct ip_address address;

	if (ip_parse(without_zeros(text, room, sizeof(room)), &address) < 0)
		return -EINVAL;
	if (is_mapped(&address)) {
		address.family = IP_V4;
		memmove(address.bytes, address.bytes + 12, 4);
		memset(address.bytes + 4, 0, 12);
	}
	*ret = address;
	return 0;
}

#define IP_PROBLEM "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"

void check_ip(struct field_errors *errors, const struct path *path, struct str text)
{
	struct ip_address sloppy, strict;
	char canonical[IP_TEXT_SIZE];
	size_t before = errors->len;

	if (ip_parse_sloppy(text, &sloppy) < 0) {
		field_invalid(errors, path, VALUE(text), IP_PROBLEM);
		return;
	}
	if (ip_parse(text, &strict) < 0)
		field_invalid(errors, path, VALUE(text), "must not have leading 0s");
	else if (is_mapped(&strict))
		field_invalid(errors, path, VALUE(text), "must not be an IPv4-mapped IPv6 address");
	ip_format(&sloppy, canonical);
	if (errors->len == before && !str_eq_c(text, canonical))
		field_invalid(errors, path, VALUE(text), "must be in canonical form (\"%s\")", canonical);
}

void check_legacy_ip(struct field_errors *errors, const struct path *path, struct str text)
{
	struct ip_address address;

	if (ip_parse_sloppy(text, &address) < 0)
		field_invalid(errors, path, VALUE(text), IP_PROBLEM);
}

static int cidr_parse_sloppy(struct str text, struct ip_prefix *ret)
{
	struct str address, length;
	uint64_t bits;

	if (!str_cut(text, '/', &address, &length) || ip_parse_sloppy(address, &ret->address) < 0 ||
	    str_parse_uint64(length, &bits) < 0 || bits > ip_family_bits(ret->address.family))
		return -EINVAL;
	ret->length = (unsigned)bits;
	return 0;
}

void check_cidr(struct field_errors *errors, const struct path *path, struct str text)
{
	struct ip_prefix sloppy, strict, masked;
	char canonical[IP_PREFIX_TEXT_SIZE];
	size_t before = errors->len;

	if (cidr_parse_sloppy(text, &sloppy) < 0) {
		check_legacy_cidr(errors, path, text);
		return;
	}
	masked = ip_prefix_masked(&sloppy);
	if (ip_prefix_parse(text, &strict) < 0)
		field_invalid(errors, path, VALUE(text), "must not have leading 0s in IP or prefix length");
	else if (is_mapped(&strict.address))
		field_invalid(errors, path, VALUE(text), "must not have an IPv4-mapped IPv6 address");
	else if (!ip_eq(&masked.address, &sloppy.address))
		field_invalid(errors, path, VALUE(text), "must not have bits set beyond the prefix length");
	ip_prefix_format(&masked, canonical);
	if (errors->len == before && !str_eq_c(text, canonical))
		field_invalid(errors, path, VALUE(text), "must be in canonical form (\"%s\")", canonical);
}

void check_legacy_cidr(struct field_errors *errors, const struct path *path, struct str text)
{
	struct ip_prefix prefix;

	if (cidr_parse_sloppy(text, &prefix) < 0)
		field_invalid(errors, path, VALUE(text),
			      "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)");
}
