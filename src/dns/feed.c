/* Frames between the node and the DNS process; see feed.h. */
#include "dns/feed.h"

#include <arpa/inet.h>

#include "base/limits.h"

static void put_u16(struct buf *buf, size_t value)
{
	uint16_t number = htons((uint16_t)value);

	buf_append(buf, &number, sizeof(number));
}

static void put_str(struct buf *buf, struct str s)
{
	assert(s.len <= UINT16_MAX);
	put_u16(buf, s.len);
	buf_str(buf, s);
}

/* A frame whose length is written when its body is; the place of that length. */
static size_t begin_frame(struct buf *buf, enum dns_frame type)
{
	size_t at = buf->len;

	buf_append(buf, "\0\0\0", 4);
	buf_char(buf, (char)type);
	return at;
}

static void end_frame(struct buf *buf, size_t at)
{
	uint32_t len = htonl((uint32_t)(buf->len - at - 4));

	if (!buf->overflow)
		memcpy(buf->data + at, &len, sizeof(len));
}

void dns_feed_begin(struct buf *buf)
{
	end_frame(buf, begin_frame(buf, DNS_BEGIN));
}

void dns_feed_end(struct buf *buf)
{
	end_frame(buf, begin_frame(buf, DNS_END));
}

void dns_feed_namespace(struct buf *buf, struct str name, bool gone)
{
	size_t at = begin_frame(buf, gone ? DNS_NAMESPACE_GONE : DNS_NAMESPACE);

	put_str(buf, name);
	end_frame(buf, at);
}

void dns_feed_service_gone(struct buf *buf, struct str ns, struct str name)
{
	size_t at = begin_frame(buf, DNS_SERVICE_GONE);

	put_str(buf, ns);
	put_str(buf, name);
	end_frame(buf, at);
}

static void put_addresses(struct buf *buf, struct dns_address_slice addresses)
{
	put_u16(buf, addresses.len);
	SLICE_FOREACH (address, addresses)
		put_str(buf, (struct str){(const char *)address->bytes, ip_family_bits(address->family) / 8});
}

static void put_ports(struct buf *buf, struct dns_port_slice ports)
{
	put_u16(buf, ports.len);
	SLICE_FOREACH (port, ports) {
		put_str(buf, port->name);
		put_str(buf, port->protocol);
		put_u16(buf, port->port);
	}
}

void dns_feed_service(struct buf *buf, const struct dns_service *service)
{
	size_t at = begin_frame(buf, DNS_SERVICE);

	put_str(buf, service->ns);
	put_str(buf, service->name);
	put_str(buf, service->external_name);
	put_addresses(buf, service->cluster_ips);
	put_ports(buf, service->ports);
	put_u16(buf, service->endpoints.len);
	SLICE_FOREACH (endpoint, service->endpoints) {
		put_str(buf, endpoint->hostname);
		put_addresses(buf, endpoint->addresses);
		put_ports(buf, endpoint->ports);
	}
	end_frame(buf, at);
}

/* A frame's body being read; once `bad`, everything reads as empty. */
struct body {
	const uint8_t *at, *end;
	bool bad;
	struct arena *arena;
};

static uint16_t get_u16(struct body *body)
{
	uint16_t number;

	if (body->bad || body->end - body->at < 2) {
		body->bad = true;
		return 0;
	}
	memcpy(&number, body->at, sizeof(number));
	body->at += 2;
	return ntohs(number);
}

static struct str get_str(struct body *body)
{
	size_t len = get_u16(body);
	struct str s = {(const char *)body->at, len};

	if (body->bad || (size_t)(body->end - body->at) < len) {
		body->bad = true;
		return STR_EMPTY;
	}
	body->at += len;
	return s;
}

static struct dns_address_slice get_addresses(struct body *body)
{
	size_t len = get_u16(body);
	struct ip_address *items;

	/* Each takes bytes of the frame, so a number that is too large is noticed before memory is taken for it. */
	if ((size_t)(body->end - body->at) < len * 6)
		body->bad = true;
	if (body->bad)
		return (struct dns_address_slice){0};
	items = ARENA_NEW_N(body->arena, struct ip_address, len);
	for (size_t i = 0; i < len; i++) {
		struct str bytes = get_str(body);

		if (bytes.len != 4 && bytes.len != 16) {
			body->bad = true;
			return (struct dns_address_slice){0};
		}
		items[i].family = bytes.len == 4 ? IP_V4 : IP_V6;
		memcpy(items[i].bytes, bytes.data, bytes.len);
	}
	return (struct dns_address_slice){items, len};
}

static struct dns_port_slice get_ports(struct body *body)
{
	size_t len = get_u16(body);
	struct dns_port *items;

	if ((size_t)(body->end - body->at) < len * 6)
		body->bad = true;
	if (body->bad)
		return (struct dns_port_slice){0};
	items = ARENA_NEW_N(body->arena, struct dns_port, len);
	for (size_t i = 0; i < len; i++) {
		items[i].name = get_str(body);
		items[i].protocol = get_str(body);
		items[i].port = get_u16(body);
	}
	return (struct dns_port_slice){items, len};
}

static struct dns_service get_service(struct body *body)
{
	struct dns_service service = {.ns = get_str(body)};
	struct dns_endpoint *endpoints;
	size_t len;

	service.name = get_str(body);
	service.external_name = get_str(body);
	service.cluster_ips = get_addresses(body);
	service.ports = get_ports(body);
	len = get_u16(body);
	if ((size_t)(body->end - body->at) < len * 6)
		body->bad = true;
	if (body->bad)
		return service;
	endpoints = ARENA_NEW_N(body->arena, struct dns_endpoint, len);
	for (size_t i = 0; i < len; i++) {
		endpoints[i].hostname = get_str(body);
		endpoints[i].addresses = get_addresses(body);
		endpoints[i].ports = get_ports(body);
	}
	service.endpoints = (struct dns_endpoint_slice){endpoints, len};
	return service;
}

void dns_feed_init(struct dns_feed *feed)
{
	*feed = (struct dns_feed){0};
	/* One frame, and what a read brought of the next. */
	buf_init(&feed->buf, (size_t)LIMIT_DNS_FRAME + MIB);
}

void dns_feed_release(struct dns_feed *feed)
{
	buf_release(&feed->buf);
	feed->next = dns_records_free(feed->next);
}

static void change(struct body *body, enum dns_frame type, struct dns_records *records)
{
	struct dns_service service;
	struct str name = STR_EMPTY, ns = STR_EMPTY;

	switch (type) {
	case DNS_NAMESPACE:
	case DNS_NAMESPACE_GONE:
		name = get_str(body);
		if (body->bad)
			return;
		if (type == DNS_NAMESPACE)
			dns_records_add_namespace(records, name);
		else
			dns_records_remove_namespace(records, name);
		return;
	case DNS_SERVICE:
		service = get_service(body);
		if (!body->bad)
			dns_records_put_service(records, &service);
		return;
	case DNS_SERVICE_GONE:
		ns = get_str(body);
		name = get_str(body);
		if (!body->bad)
			dns_records_remove_service(records, ns, name);
		return;
	default:
		return;
	}
}

/* False: malformed. */
static bool take_frame(struct dns_feed *feed, const uint8_t *frame, size_t len, struct dns_records **records)
{
	struct arena cleanup_arena arena = {0};
	struct body body = {frame + 1, frame + len, false, &arena};
	enum dns_frame type = frame[0];
	struct dns_records *target = feed->next ? feed->next : *records;

	if (type == DNS_BEGIN) {
		dns_records_free(feed->next);
		feed->next = dns_records_new();
	} else if (type == DNS_END) {
		if (!feed->next)
			return false;
		dns_records_free(*records);
		*records = TAKE_PTR(feed->next);
	} else if (type < DNS_FRAME_MAX && type > 0) {
		if (!target)
			return false;
		change(&body, type, target);
	}
	return !body.bad;
}

int dns_feed_take(struct dns_feed *feed, const void *data, size_t size, struct dns_records **records, struct error *err)
{
	size_t done = 0;

	buf_append(&feed->buf, data, size);
	if (feed->buf.overflow)
		return error_set(err, ERR_BAD_REQUEST, "DNS feed: more than a frame at once");
	while (feed->buf.len - done >= 4) {
		uint32_t len;

		memcpy(&len, feed->buf.data + done, sizeof(len));
		len = ntohl(len);
		if (len == 0 || len > LIMIT_DNS_FRAME)
			return error_set(err, ERR_BAD_REQUEST, "DNS feed: a frame of %u bytes", len);
		if (feed->buf.len - done - 4 < len)
			break;
		if (!take_frame(feed, (const uint8_t *)feed->buf.data + done + 4, len, records))
			return error_set(err, ERR_BAD_REQUEST, "DNS feed: a malformed frame");
		done += 4 + (size_t)len;
	}
	buf_consume(&feed->buf, done);
	return 0;
}
