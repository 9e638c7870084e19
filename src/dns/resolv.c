/* The name servers of a resolv.conf; see resolv.h. */
#include "dns/resolv.h"

#include <fcntl.h>

#define RESOLV_SIZE 65536

static bool is_own(const struct ip_address *address, const struct ip_address *own, size_t own_len)
{
	for (size_t i = 0; i < own_len; i++)
		if (ip_eq(address, &own[i]))
			return true;
	return false;
}

/* The next word of @rest, which blanks separate. */
static struct str next_word(struct str *rest)
{
	struct str word;
	size_t len = 0;

	*rest = str_trim(*rest);
	while (len < rest->len && rest->data[len] != ' ' && rest->data[len] != '\t')
		len++;
	word = str_sub(*rest, 0, len);
	*rest = str_from_at(*rest, len);
	return word;
}

size_t dns_resolv_parse(struct str text, const struct ip_address *own, size_t own_len,
			struct dns_upstream ret[DNS_UPSTREAMS])
{
	size_t len = 0;

	while (text.len > 0 && len < DNS_UPSTREAMS) {
		struct ip_address address;
		struct str line;

		str_cut(text, '\n', &line, &text);
		if (!str_eq(next_word(&line), STR("nameserver")) || ip_parse(next_word(&line), &address) < 0 ||
		    is_own(&address, own, own_len))
			continue;
		ret[len++] = (struct dns_upstream){address, 53};
	}
	return len;
}

size_t dns_resolv_read(const char *path, const struct ip_address *own, size_t own_len,
		       struct dns_upstream ret[DNS_UPSTREAMS])
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	cleanup_free char *text = xmalloc(RESOLV_SIZE);
	ssize_t len = fd < 0 ? -1 : read(fd, text, RESOLV_SIZE);

	return len < 0 ? 0 : dns_resolv_parse((struct str){text, (size_t)len}, own, own_len, ret);
}
