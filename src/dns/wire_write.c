/* Writing DNS messages; see wire.h. */
#include <arpa/inet.h>

#include "dns/wire.h"

#define OPT_SIZE 11

static bool room(struct dns_writer *w, size_t size)
{
	if (w->truncated || w->limit - w->len < size) {
		w->truncated = true;
		return false;
	}
	return true;
}

static void put(struct dns_writer *w, const void *data, size_t size)
{
	if (!room(w, size))
		return;
	memcpy(w->data + w->len, data, size);
	w->len += size;
}

static void put_u16(struct dns_writer *w, uint16_t value)
{
	uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};

	put(w, bytes, sizeof(bytes));
}

static void put_u32(struct dns_writer *w, uint32_t value)
{
	put_u16(w, (uint16_t)(value >> 16));
	put_u16(w, (uint16_t)value);
}

/* Is the name written at @at (which may end in a pointer) the same as this suffix, letter for letter? */
static bool suffix_matches(const struct dns_writer *w, size_t at, const uint8_t *suffix)
{
	for (;;) {
		while ((w->data[at] & 0xc0) == 0xc0)
			at = (size_t)(w->data[at] & 0x3f) << 8 | w->data[at + 1];
		if (w->data[at] != suffix[0] || memcmp(w->data + at + 1, suffix + 1, suffix[0]) != 0)
			return false;
		if (suffix[0] == 0)
			return true;
		at += 1U + suffix[0];
		suffix += 1U + suffix[0];
	}
}

static uint16_t find_suffix(const struct dns_writer *w, size_t known, const uint8_t *suffix)
{
	for (size_t i = 0; i < known; i++)
		if (suffix_matches(w, w->suffixes[i], suffix))
			return w->suffixes[i];
	return 0;
}

/*
 * Labels until one is met whose rest was written before.  A suffix is known only when its whole name is written:
 * matched against a name still being written, a suffix could run into bytes that are not there yet.
 */
static void put_name(struct dns_writer *w, const struct dns_name *name, bool compress)
{
	const uint8_t *label = name->wire;
	size_t known = w->suffixes_len;

	for (; label[0] != 0; label += 1U + label[0]) {
		uint16_t at = compress ? find_suffix(w, known, label) : 0;

		if (at) {
			put_u16(w, (uint16_t)(0xc000 | at));
			return;
		}
		if (!room(w, 1U + label[0]))
			return;
		if (w->suffixes_len < DNS_SUFFIXES && w->len < 0x4000)
			w->suffixes[w->suffixes_len++] = (uint16_t)w->len;
		put(w, label, 1U + label[0]);
	}
	put(w, label, 1);
}

void dns_writer_init(struct dns_writer *w, uint8_t *data, size_t limit, const struct dns_question *question)
{
	*w = (struct dns_writer){
		.data = data, .limit = limit - (question->edns ? OPT_SIZE : 0), .len = DNS_HEADER_SIZE};
	memset(data, 0, DNS_HEADER_SIZE);
	if (question->name.len == 0)
		return;
	put_name(w, &question->name, true);
	put_u16(w, question->type);
	put_u16(w, question->klass);
	w->counts[0] = 1;
}

/* A record begun can be undone: what did not fit, and suffixes in it, were never there. */
struct mark {
	size_t len, suffixes_len, length_at;
};

static struct mark begin_record(struct dns_writer *w, const struct dns_name *name, uint16_t type, uint32_t ttl)
{
	struct mark mark = {w->len, w->suffixes_len, 0};

	put_name(w, name, true);
	put_u16(w, type);
	put_u16(w, DNS_IN);
	put_u32(w, ttl);
	mark.length_at = w->len;
	put_u16(w, 0);
	return mark;
}

static void end_record(struct dns_writer *w, const struct mark *mark, enum dns_section section)
{
	size_t len = w->len - mark->length_at - 2;

	if (w->truncated) {
		w->len = mark->len;
		w->suffixes_len = mark->suffixes_len;
		/* Additional records are a courtesy: without them the answer is still whole (RFC 2181, 9). */
		if (section == DNS_ADDITIONAL)
			w->truncated = false;
		return;
	}
	w->data[mark->length_at] = (uint8_t)(len >> 8);
	w->data[mark->length_at + 1] = (uint8_t)len;
	w->counts[section]++;
}

void dns_write_address(struct dns_writer *w, enum dns_section section, const struct dns_name *name, uint32_t ttl,
		       const struct ip_address *address)
{
	struct mark mark = begin_record(w, name, address->family == IP_V6 ? DNS_AAAA : DNS_A, ttl);

	put(w, address->bytes, ip_family_bits(address->family) / 8);
	end_record(w, &mark, section);
}

void dns_write_name(struct dns_writer *w, enum dns_section section, const struct dns_name *name, uint16_t type,
		    uint32_t ttl, const struct dns_name *target)
{
	struct mark mark = begin_record(w, name, type, ttl);

	put_name(w, target, true);
	end_record(w, &mark, section);
}

void dns_write_srv(struct dns_writer *w, const struct dns_name *name, uint32_t ttl, uint16_t priority, uint16_t weight,
		   uint16_t port, const struct dns_name *target)
{
	struct mark mark = begin_record(w, name, DNS_SRV, ttl);

	put_u16(w, priority);
	put_u16(w, weight);
	put_u16(w, port);
	put_name(w, target, false);
	end_record(w, &mark, DNS_ANSWER);
}

void dns_write_txt(struct dns_writer *w, const struct dns_name *name, uint32_t ttl, struct str text)
{
	struct mark mark = begin_record(w, name, DNS_TXT, ttl);
	uint8_t len = (uint8_t)MIN(text.len, (size_t)255);

	put(w, &len, 1);
	put(w, text.data, len);
	end_record(w, &mark, DNS_ANSWER);
}

void dns_write_soa(struct dns_writer *w, enum dns_section section, const struct dns_name *name, uint32_t ttl,
		   const struct dns_soa *soa)
{
	struct mark mark = begin_record(w, name, DNS_SOA, ttl);

	put_name(w, &soa->mname, true);
	put_name(w, &soa->rname, true);
	put_u32(w, soa->serial);
	put_u32(w, soa->refresh);
	put_u32(w, soa->retry);
	put_u32(w, soa->expire);
	put_u32(w, soa->minimum);
	end_record(w, &mark, section);
}

static void put_opt(struct dns_writer *w, const struct dns_question *question, enum dns_rcode rcode)
{
	uint8_t root = 0;

	w->limit += OPT_SIZE;
	w->truncated = false;
	put(w, &root, 1);
	put_u16(w, DNS_OPT);
	put_u16(w, DNS_EDNS_SIZE);
	put_u32(w, (uint32_t)rcode >> 4 << 24 | (question->dnssec ? 0x8000 : 0));
	put_u16(w, 0);
	w->counts[DNS_ADDITIONAL]++;
}

size_t dns_writer_finish(struct dns_writer *w, const struct dns_question *question, enum dns_rcode rcode,
			 uint16_t flags)
{
	uint16_t word = (uint16_t)(DNS_QR | flags | (question->flags & (0x7800 | DNS_RD | DNS_CD)) | (rcode & 0xf));
	uint16_t header[6];

	if (w->truncated)
		word |= DNS_TC;
	if (question->edns)
		put_opt(w, question, rcode);
	header[0] = htons(question->id);
	header[1] = htons(word);
	for (size_t i = 0; i < 4; i++)
		header[2 + i] = htons(w->counts[i]);
	memcpy(w->data, header, sizeof(header));
	return w->len;
}

size_t dns_query_write(uint8_t *out, uint16_t id, const struct dns_question *question)
{
	struct dns_question query = *question;
	struct dns_writer w;
	uint16_t header[2];
	size_t size;

	dns_writer_init(&w, out, DNS_QUERY_SIZE, &query);
	size = dns_writer_finish(&w, &query, DNS_NOERROR, 0);
	header[0] = htons(id);
	header[1] = htons((uint16_t)(DNS_RD | (question->flags & DNS_CD)));
	memcpy(out, header, sizeof(header));
	return size;
}
