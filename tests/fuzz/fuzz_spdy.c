/*
 * SPDY frames from a client, in pieces whose size the first byte says.  The owner answers all, so that what is written
 * is exercised too.  It must neither crash nor leak, and never tell of a stream that is not there.
 */
#include "fuzz.h"

#include "base/limits.h"
#include "net/spdy.h"

struct owner {
	struct spdy *spdy;
	size_t open;
};

static void on_opened(void *data, uint32_t stream, struct http_headers headers)
{
	struct owner *owner = data;

	FUZZ_CHECK(stream % 2 == 1 && headers.len <= LIMIT_SPDY_FIELDS);
	if (headers.len > 4) {
		spdy_reset(owner->spdy, stream, SPDY_CANCEL);
		return;
	}
	owner->open++;
	FUZZ_CHECK(owner->open <= LIMIT_SPDY_STREAMS);
	spdy_hang(owner->spdy, stream, owner);
	spdy_reply(owner->spdy, stream);
}

static void on_bytes(void *data, uint32_t stream, void *hung, struct str bytes)
{
	struct owner *owner = data;

	FUZZ_CHECK(hung == owner && bytes.len > 0);
	spdy_write(owner->spdy, stream, bytes);
}

static void on_finished(void *data, uint32_t stream, void *hung)
{
	struct owner *owner = data;

	FUZZ_CHECK(hung == owner && owner->open > 0);
	owner->open--;
	spdy_finish(owner->spdy, stream);
}

static void on_reset(void *data, uint32_t stream UNUSED, void *hung)
{
	struct owner *owner = data;

	FUZZ_CHECK(hung == owner && owner->open > 0);
	owner->open--;
}

static void on_left(void *data UNUSED)
{
}

static void on_send(void *data UNUSED, struct str bytes)
{
	FUZZ_CHECK(bytes.len >= 8);
}

static const struct spdy_ops ops = {.opened = on_opened,
				    .bytes = on_bytes,
				    .finished = on_finished,
				    .reset = on_reset,
				    .left = on_left,
				    .send = on_send};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct owner owner = {0};
	struct error err = {0};
	size_t piece = size && data[0] ? data[0] : 4096;
	int result = 0;

	owner.spdy = spdy_new(&ops, &owner);
	for (size_t at = 1; at < size && result == 0; at += piece)
		result = spdy_feed(owner.spdy,
				   (struct str){(const char *)data + at, piece < size - at ? piece : size - at}, &err);
	spdy_free(owner.spdy);
	return 0;
}
