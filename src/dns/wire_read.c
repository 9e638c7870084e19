/* Reading DNS messages, and names; see wire.h. */
#include <arpa/inet.h>

#include "dns/wire.h"

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

void dns_name_root(struct dns_name *name)
{
	name->len = 1;
	name->wire[0] = 0;
}

bool dns_name_prepend(struct dns_name *name, struct str label)
{
	if (label.len == 0 || label.len > DNS_LABEL_SIZE || name->len + label.len + 1 > DNS_NAME_SIZE)
		return false;
	memmove(name->wire + label.len + 1, name->wire, name->len);
	name->wire[0] = (uint8_t)label.len;
	memcpy(name->wire + 1, label.data, label.len);
	name->len = (uint8_t)(name->len + label.len + 1);
	return true;
}

int dns_name_parse(struct str text, struct dns_name *ret)
{
	struct dns_name name;

	if (text.len > 0 && text.data[text.len - 1] == '.')
		text.len--;
	dns_name_root(&name);
	while (text.len > 0) {
		ptrdiff_t dot = str_last_index(text, '.');

		if (!dns_name_prepend(&name, str_from_at(text, (size_t)(dot + 1))))
			return -EINVAL;
		if (dot == 0)
			return -EINVAL;
		text.len = dot < 0 ? 0 : (size_t)dot;
	}
	*ret = name;
	return 0;
}

bool dns_name_eq(const struct dns_name *a, const struct dns_name *b)
{
	if (a->len != b->len)
		return false;
	/* Lengths of labels are below 'A', so all bytes may be lowered. */
	for (size_t i = 0; i < a->len; i++)
		if (lower(a->wire[i]) != lower(b->wire[i]))
			return false;
	return true;
}

void dns_labels_of(const struct dns_name *name, struct dns_labels *ret)
{
	size_t at = 0;

	ret->len = 0;
	for (size_t i = 0; i < name->len; i++)
		ret->text[i] = (char)lower(name->wire[i]);
	while (at < name->len && name->wire[at] != 0 && ret->len < DNS_LABELS) {
		ret->items[ret->len++] = (struct str){ret->text + at + 1, name->wire[at]};
		at += 1U + name->wire[at];
	}
}

int dns_read_u16(struct dns_reader *reader, uint16_t *ret)
{
	if (reader->size - reader->at < 2)
		return -EBADMSG;
	*ret = (uint16_t)(reader->data[reader->at] << 8 | reader->data[reader->at + 1]);
	reader->at += 2;
	return 0;
}

int dns_read_u32(struct dns_reader *reader, uint32_t *ret)
{
	uint16_t high, low;

	if (dns_read_u16(reader, &high) < 0 || dns_read_u16(reader, &low) < 0)
		return -EBADMSG;
	*ret = (uint32_t)high << 16 | low;
	return 0;
}

int dns_read_name(struct dns_reader *reader, struct dns_name *ret)
{
	size_t at = reader->at, after = 0, bound = reader->at;
	struct dns_name name = {0};

	for (;;) {
		uint8_t len;

		if (at >= reader->size)
			return -EBADMSG;
		len = reader->data[at];
		if ((len & 0xc0) == 0xc0) {
			size_t target;

			if (reader->size - at < 2)
				return -EBADMSG;
			target = (size_t)(len & 0x3f) << 8 | reader->data[at + 1];
			if (after == 0)
				after = at + 2;
			/* Strictly before everything followed so far: no loops. */
			if (target >= bound)
				return -EBADMSG;
			bound = at = target;
			continue;
		}
		if (len > DNS_LABEL_SIZE || reader->size - at < 1U + len || name.len + 1U + len > DNS_NAME_SIZE)
			return -EBADMSG;
		memcpy(name.wire + name.len, reader->data + at, 1U + len);
		name.len = (uint8_t)(name.len + 1U + len);
		at += 1U + len;
		if (len == 0)
			break;
	}
	reader->at = after ? after : at;
	if (ret)
		*ret = name;
	return 0;
}

int dns_read_record(struct dns_reader *reader, struct dns_record *ret)
{
	struct dns_reader next = *reader;
	struct dns_record record;

	if (dns_read_name(&next, &record.name) < 0 || dns_read_u16(&next, &record.type) < 0 ||
	    dns_read_u16(&next, &record.klass) < 0)
		return -EBADMSG;
	record.ttl_at = next.at;
	if (dns_read_u32(&next, &record.ttl) < 0 || dns_read_u16(&next, &record.rdata_len) < 0 ||
	    next.size - next.at < record.rdata_len)
		return -EBADMSG;
	record.rdata_at = next.at;
	next.at += record.rdata_len;
	*reader = next;
	*ret = record;
	return 0;
}

static int take_opt(const struct dns_record *record, struct dns_question *ret)
{
	/* A second OPT record, or one with a name (RFC 6891, 6.1.1). */
	if (ret->edns || record->name.len != 1)
		return DNS_FORMERR;
	ret->edns = true;
	ret->dnssec = record->ttl & 0x8000;
	ret->udp_size = MIN(MAX(record->klass, (uint16_t)DNS_UDP_SIZE), (uint16_t)DNS_EDNS_SIZE);
	return (record->ttl >> 16 & 0xff) != 0 ? DNS_BADVERS : DNS_NOERROR;
}

int dns_question_parse(const uint8_t *data, size_t size, struct dns_question *ret)
{
	struct dns_reader reader = {data, size, 0};
	uint16_t counts[4];
	unsigned records;

	memset(ret, 0, sizeof(*ret));
	ret->udp_size = DNS_UDP_SIZE;
	if (dns_read_u16(&reader, &ret->id) < 0 || dns_read_u16(&reader, &ret->flags) < 0)
		return -EBADMSG;
	for (size_t i = 0; i < 4; i++)
		if (dns_read_u16(&reader, &counts[i]) < 0)
			return -EBADMSG;
	if (ret->flags & DNS_QR)
		return -EBADMSG;
	if ((ret->flags >> 11 & 0xf) != 0)
		return DNS_NOTIMP;
	if (counts[0] != 1 || dns_read_name(&reader, &ret->name) < 0 || dns_read_u16(&reader, &ret->type) < 0 ||
	    dns_read_u16(&reader, &ret->klass) < 0) {
		ret->name.len = 0;
		return DNS_FORMERR;
	}
	records = (unsigned)counts[1] + counts[2] + counts[3];
	for (unsigned i = 0; i < records; i++) {
		struct dns_record record;
		int result;

		if (dns_read_record(&reader, &record) < 0)
			return DNS_FORMERR;
		result = record.type == DNS_OPT ? take_opt(&record, ret) : DNS_NOERROR;
		if (result)
			return result;
	}
	return DNS_NOERROR;
}
