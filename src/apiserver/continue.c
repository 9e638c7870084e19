/* Continue tokens; see continue.h. */
#include "apiserver/continue.h"

#include "base/buf.h"
#include "base/limits.h"
#include "codec/base64.h"
#include "codec/json.h"

#define TOKEN_VERSION "meta.k8s.io/v1"

static struct str encode(long long revision, struct str start, struct arena *arena)
{
	struct buf cleanup_buf json, cleanup_buf text;

	buf_init(&json, 64 * KIB);
	buf_init(&text, 128 * KIB);
	buf_printf(&json, "{\"v\":\"" TOKEN_VERSION "\",\"rv\":%lld,\"start\":", revision);
	json_write_str(start, &json);
	buf_char(&json, '}');
	base64_url_encode((struct bytes){(const uint8_t *)json.data, json.len}, &text);
	return arena_str(arena, buf_view(&text));
}

struct str continue_token_make(uint64_t revision, struct str last, struct arena *arena)
{
	/* The key right after @last. */
	return encode((long long)revision, arena_concat(arena, last, (struct str){"", 1}), arena);
}

struct str continue_token_restart(struct str start, struct arena *arena)
{
	return encode(-1, start, arena);
}

int continue_token_parse(struct str text, struct arena *arena, struct continue_token *ret, struct error *err)
{
	struct value *tree;
	struct bytes json;
	struct error ignored = {0};
	struct str start;
	int64_t revision;

	if (base64_url_decode(text, arena, &json, &ignored) < 0)
		return error_set(err, ERR_BAD_REQUEST,
				 "invalid continue token: continue key is not valid: illegal base64 "
				 "data");
	if (json_parse((struct str){(const char *)json.data, json.len}, arena, NULL, &tree, err) < 0) {
		err->code = ERR_BAD_REQUEST;
		return error_wrap(err, "invalid continue token: continue key is not valid");
	}
	if (!str_eq(value_get_str(value_get(tree, STR("v")), STR_EMPTY), STR(TOKEN_VERSION)))
		return error_set(err, ERR_BAD_REQUEST,
				 "invalid continue token: continue key is not valid: server does not "
				 "recognize this encoded version");
	revision = value_get_int(value_get(tree, STR("rv")), 0);
	if (revision == 0)
		return error_set(err, ERR_BAD_REQUEST,
				 "invalid continue token: continue key is not valid: incorrect "
				 "encoded start resourceVersion (version " TOKEN_VERSION ")");
	start = value_get_str(value_get(tree, STR("start")), STR_EMPTY);
	if (start.len == 0)
		return error_set(err, ERR_BAD_REQUEST,
				 "invalid continue token: continue key is not valid: encoded start "
				 "key empty (version " TOKEN_VERSION ")");
	/* It must not climb out of the scope. */
	if (start.data[0] == '/' || str_contains(start, STR("../")))
		return error_set(err, ERR_BAD_REQUEST, "invalid continue token: continue key is not valid: " STR_FMT,
				 STR_ARG(start));
	ret->revision = revision > 0 ? (uint64_t)revision : 0;
	ret->start = start;
	return 0;
}
