/* Names for what is made of a template; see template_hash.h. */
#include "controllers/template_hash.h"

#include "base/limits.h"
#include "types/codec.h"

#define FNV_OFFSET UINT32_C(2166136261)
#define FNV_PRIME  UINT32_C(16777619)

static uint32_t fnv(uint32_t hash, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)data[i]) * FNV_PRIME;
	return hash;
}

struct str template_hash(const struct core_v1_pod_template_spec *template, int32_t collision_count, struct arena *arena)
{
	static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
	struct buf cleanup_buf json;
	uint32_t hash;
	char digits[16];
	int len;

	buf_init(&json, LIMIT_OBJECT);
	encode_json(&schema_core_v1_pod_template_spec, template, 0, &json);
	hash = fnv(FNV_OFFSET, json.data, json.len);
	if (collision_count)
		hash = fnv(hash, (const char *)&collision_count, sizeof(collision_count));
	len = snprintf(digits, sizeof(digits), "%u", hash);
	for (int i = 0; i < len; i++)
		digits[i] = letters[(unsigned char)digits[i] % (sizeof(letters) - 1)];
	return arena_str(arena, (struct str){digits, (size_t)len});
}

struct str template_hash_name(struct str parent, size_t parent_max, struct str hash, struct arena *arena)
{
	return arena_printf(arena, STR_FMT "-" STR_FMT, STR_ARG(str_sub(parent, 0, parent_max)), STR_ARG(hash));
}
