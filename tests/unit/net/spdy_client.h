/* The client's side of SPDY for tests: frames into a buffer, header blocks compressed as one connection's are. */
#ifndef WHERRY_TESTS_NET_SPDY_CLIENT_H
#define WHERRY_TESTS_NET_SPDY_CLIENT_H

#include <zlib.h>

#include "base/limits.h"
#include "net/spdy_headers.h"

struct spdy_client {
	z_stream deflate;
	struct buf out;
};

static inline void spdy_client_init(struct spdy_client *client)
{
	struct str dictionary = spdy_dictionary();

	*client = (struct spdy_client){0};
	buf_init(&client->out, 16 * MIB);
	if (deflateInit(&client->deflate, Z_DEFAULT_COMPRESSION) != Z_OK ||
	    deflateSetDictionary(&client->deflate, (const Bytef *)dictionary.data, (uInt)dictionary.len) != Z_OK)
		abort();
}

static inline void spdy_client_release(struct spdy_client *client)
{
	deflateEnd(&client->deflate);
	buf_release(&client->out);
}

static inline void spdy_put_number(struct buf *out, uint32_t number)
{
	const unsigned char bytes[] = {(unsigned char)(number >> 24), (unsigned char)(number >> 16),
				       (unsigned char)(number >> 8), (unsigned char)number};

	buf_append(out, bytes, sizeof(bytes));
}

static inline void spdy_client_data(struct spdy_client *client, uint32_t stream, unsigned flags, struct str bytes)
{
	spdy_put_number(&client->out, stream);
	spdy_put_number(&client->out, flags << 24 | (uint32_t)bytes.len);
	buf_str(&client->out, bytes);
}

static inline void spdy_client_control(struct spdy_client *client, unsigned type, unsigned flags, struct str payload)
{
	spdy_put_number(&client->out, 0x80030000U | type);
	spdy_put_number(&client->out, flags << 24 | (uint32_t)payload.len);
	buf_str(&client->out, payload);
}

/* A control frame of numbers alone. */
static inline void spdy_client_numbers(struct spdy_client *client, unsigned type, const uint32_t *numbers, size_t len)
{
	struct buf cleanup_buf payload;

	buf_init(&payload, KIB);
	for (size_t i = 0; i < len; i++)
		spdy_put_number(&payload, numbers[i]);
	spdy_client_control(client, type, 0, buf_view(&payload));
}

/* Compresses @plain as the next block of the connection. */
static inline void spdy_client_block(struct spdy_client *client, struct str plain, struct buf *out)
{
	unsigned char bytes[4096];

	client->deflate.next_in = UNCONST(Bytef *, plain.data);
	client->deflate.avail_in = (uInt)plain.len;
	do {
		client->deflate.next_out = bytes;
		client->deflate.avail_out = sizeof(bytes);
		deflate(&client->deflate, Z_SYNC_FLUSH);
		buf_append(out, bytes, sizeof(bytes) - client->deflate.avail_out);
	} while (!client->deflate.avail_out);
}

static inline void spdy_client_plain(struct http_headers headers, struct buf *out)
{
	spdy_put_number(out, (uint32_t)headers.len);
	for (size_t i = 0; i < headers.len; i++) {
		spdy_put_number(out, (uint32_t)headers.items[i].name.len);
		buf_str(out, headers.items[i].name);
		spdy_put_number(out, (uint32_t)headers.items[i].value.len);
		buf_str(out, headers.items[i].value);
	}
}

/* SYN_STREAM with a block of these plain bytes. */
static inline void spdy_client_open_plain(struct spdy_client *client, uint32_t stream, unsigned flags, struct str plain)
{
	struct buf cleanup_buf payload;

	buf_init(&payload, 4 * MIB);
	spdy_put_number(&payload, stream);
	spdy_put_number(&payload, 0);
	buf_append(&payload, "\0\0", 2);
	spdy_client_block(client, plain, &payload);
	spdy_client_control(client, 1, flags, buf_view(&payload));
}

static inline void spdy_client_open(struct spdy_client *client, uint32_t stream, unsigned flags,
				    struct http_headers headers)
{
	struct buf cleanup_buf plain;

	buf_init(&plain, 4 * MIB);
	spdy_client_plain(headers, &plain);
	spdy_client_open_plain(client, stream, flags, buf_view(&plain));
}

#endif
