/* Header blocks of SPDY/3; see spdy_headers.h.  The dictionary is that of the protocol's third draft, section 2.6.10.1.
 */
#include "net/spdy_headers.h"

#include <zlib.h>

#include "base/limits.h"

/* A word after its length in four bytes. */
#define WORD(len, word) "\0\0\0" len word

/* clang-format off */
static const char dictionary[] =
	WORD("\7", "options") WORD("\4", "head") WORD("\4", "post") WORD("\3", "put") WORD("\6", "delete")
	WORD("\5", "trace") WORD("\6", "accept") WORD("\16", "accept-charset") WORD("\17", "accept-encoding")
	WORD("\17", "accept-language") WORD("\15", "accept-ranges") WORD("\3", "age") WORD("\5", "allow")
	WORD("\15", "authorization") WORD("\15", "cache-control") WORD("\12", "connection")
	WORD("\14", "content-base") WORD("\20", "content-encoding") WORD("\20", "content-language")
	WORD("\16", "content-length") WORD("\20", "content-location") WORD("\13", "content-md5")
	WORD("\15", "content-range") WORD("\14", "content-type") WORD("\4", "date") WORD("\4", "etag")
	WORD("\6", "expect") WORD("\7", "expires") WORD("\4", "from") WORD("\4", "host") WORD("\10", "if-match")
	WORD("\21", "if-modified-since") WORD("\15", "if-none-match") WORD("\10", "if-range")
	WORD("\23", "if-unmodified-since") WORD("\15", "last-modified") WORD("\10", "location")
	WORD("\14", "max-forwards") WORD("\6", "pragma") WORD("\22", "proxy-authenticate")
	WORD("\23", "proxy-authorization") WORD("\5", "range") WORD("\7", "referer") WORD("\13", "retry-after")
	WORD("\6", "server") WORD("\2", "te") WORD("\7", "trailer") WORD("\21", "transfer-encoding")
	WORD("\7", "upgrade") WORD("\12", "user-agent") WORD("\4", "vary") WORD("\3", "via") WORD("\7", "warning")
	WORD("\20", "www-authenticate") WORD("\6", "method") WORD("\3", "get") WORD("\6", "status")
	WORD("\6", "200 OK") WORD("\7", "version") WORD("\10", "HTTP/1.1") WORD("\3", "url") WORD("\6", "public")
	WORD("\12", "set-cookie") WORD("\12", "keep-alive") WORD("\6", "origin")
	"100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 "
	"Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 "
	"Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service "
	"UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, "
	"Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,"
	"application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,"
	"sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";
/* clang-format on */

#define DICTIONARY_SIZE (sizeof(dictionary) - 1)

_Static_assert(DICTIONARY_SIZE == 1423, "the dictionary is not the protocol's");

struct spdy_headers {
	z_stream in, out;
};

struct str spdy_dictionary(void)
{
	return (struct str){dictionary, DICTIONARY_SIZE};
}

/* zlib fails here only for want of memory, and its sizes are its own. */
static void must(int result)
{
	if (result != Z_OK)
		abort();
}

struct spdy_headers *spdy_headers_new(void)
{
	struct spdy_headers *headers = XNEW(struct spdy_headers);

	must(inflateInit(&headers->in));
	must(deflateInit(&headers->out, Z_DEFAULT_COMPRESSION));
	must(deflateSetDictionary(&headers->out, (const Bytef *)dictionary, DICTIONARY_SIZE));
	return headers;
}

struct spdy_headers *spdy_headers_free(struct spdy_headers *headers)
{
	if (!headers)
		return NULL;
	inflateEnd(&headers->in);
	deflateEnd(&headers->out);
	free(headers);
	return NULL;
}

/* --- Reading ----------------------------------------------------------------------------------------------------- */

static int bad(struct error *err, const char *why)
{
	return error_set(err, ERR_BAD_REQUEST, "SPDY header block: %s", why);
}

/* All of @block, or nothing that can be used. */
static int inflate_block(z_stream *in, struct str block, char *out, size_t size, size_t *ret_size, struct error *err)
{
	int result;

	in->next_in = UNCONST(Bytef *, block.data); /* zlib's next_in is not const */
	in->avail_in = (uInt)block.len;
	in->next_out = (Bytef *)out;
	in->avail_out = (uInt)size;
	result = inflate(in, Z_SYNC_FLUSH);
	if (result == Z_NEED_DICT) {
		if (inflateSetDictionary(in, (const Bytef *)dictionary, DICTIONARY_SIZE) != Z_OK)
			return bad(err, "another dictionary");
		result = inflate(in, Z_SYNC_FLUSH);
	}
	if (result != Z_OK && result != Z_BUF_ERROR)
		return bad(err, "it cannot be decompressed");
	if (in->avail_in || !in->avail_out)
		return bad(err, "it is too large");
	*ret_size = size - in->avail_out;
	return 0;
}

static bool take_number(struct str *rest, uint32_t *ret)
{
	const unsigned char *bytes = (const unsigned char *)rest->data;

	if (rest->len < 4)
		return false;
	*ret = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
	*rest = str_from_at(*rest, 4);
	return true;
}

static bool take_text(struct str *rest, struct str *ret)
{
	uint32_t len;

	if (!take_number(rest, &len) || len > rest->len)
		return false;
	*ret = str_sub(*rest, 0, len);
	*rest = str_from_at(*rest, len);
	return true;
}

static bool is_name(struct str name)
{
	for (size_t i = 0; i < name.len; i++)
		if ((name.data[i] >= 'A' && name.data[i] <= 'Z') || name.data[i] == '\0')
			return false;
	return name.len > 0;
}

static bool has_name(const struct http_header *items, size_t len, struct str name)
{
	for (size_t i = 0; i < len; i++)
		if (str_eq(items[i].name, name))
			return true;
	return false;
}

static int parse_fields(struct str rest, struct arena *arena, struct http_headers *ret, struct error *err)
{
	VEC_OF(struct http_header) fields = {0};
	struct str name, values, value;
	uint32_t count;

	if (!take_number(&rest, &count) || count > LIMIT_SPDY_FIELDS)
		return bad(err, "too many fields, or none");
	for (uint32_t i = 0; i < count; i++) {
		if (!take_text(&rest, &name) || !take_text(&rest, &values))
			return bad(err, "it is cut off");
		if (!is_name(name) || has_name(fields.items, fields.len, name))
			return bad(err, "a name that is none, or comes twice");
		do {
			str_cut(values, '\0', &value, &values);
			if (fields.len == LIMIT_SPDY_FIELDS)
				return bad(err, "too many values");
			vec_push(arena, &fields, (struct http_header){name, value});
		} while (values.len);
	}
	if (rest.len)
		return bad(err, "bytes after its end");
	*ret = (struct http_headers){fields.items, fields.len};
	return 0;
}

int spdy_headers_read(struct spdy_headers *headers, struct str block, struct arena *arena, struct http_headers *ret,
		      struct error *err)
{
	/* One more byte than there may be tells that there are more. */
	char *text = arena_alloc(arena, LIMIT_SPDY_HEADERS + 1);
	size_t size = 0;
	int result = inflate_block(&headers->in, block, text, LIMIT_SPDY_HEADERS + 1, &size, err);

	return result < 0 ? result : parse_fields((struct str){text, size}, arena, ret, err);
}

/* --- Writing ----------------------------------------------------------------------------------------------------- */

void spdy_headers_write_none(struct spdy_headers *headers, struct buf *out)
{
	static const char none[4] = {0};
	char bytes[64]; /* more than four bytes can become, with zlib's head before the first */

	headers->out.next_in = UNCONST(Bytef *, none); /* zlib's next_in is not const */
	headers->out.avail_in = sizeof(none);
	headers->out.next_out = (Bytef *)bytes;
	headers->out.avail_out = sizeof(bytes);
	must(deflate(&headers->out, Z_SYNC_FLUSH));
	buf_append(out, bytes, sizeof(bytes) - headers->out.avail_out);
}
