/* What several strategies share; see common.h. */
#include "apiserver/registry/common.h"

#include "base/limits.h"
#include "base/map.h"
#include "types/codec.h"
#include "types/quantity.h"
#include "types/selector.h"

struct str str_lower(struct str text, struct arena *arena)
{
	char *out = arena_memdup(arena, text.data, text.len);

	for (size_t i = 0; i < text.len; i++)
		if (out[i] >= 'A' && out[i] <= 'Z')
			out[i] = (char)(out[i] - 'A' + 'a');
	return (struct str){out, text.len};
}

void cell_printf(struct table_row *row, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	table_cell_str(row, arena_vprintf(row->arena, format, args));
	va_end(args);
}

void cell_containers(struct table_row *row, const struct core_v1_container_slice *containers)
{
	struct str names = STR_EMPTY, images = STR_EMPTY;

	SLICE_FOREACH (container, *containers) {
		const char *comma = container == containers->items ? "" : ",";

		names = arena_printf(row->arena, STR_FMT "%s" STR_FMT, STR_ARG(names), comma, STR_ARG(container->name));
		images = arena_printf(row->arena, STR_FMT "%s" STR_FMT, STR_ARG(images), comma,
				      STR_ARG(container->image));
	}
	table_cell_str(row, names);
	table_cell_str(row, images);
}

void cell_selector(struct table_row *row, const struct meta_v1_label_selector *selector, const char *everything)
{
	struct selector parsed;
	struct error err = {0};
	struct str text;

	if (!selector) {
		table_cell_str(row, str_from(everything));
		return;
	}
	if (selector_from_label_selector(selector, row->arena, &parsed, &err) < 0) {
		table_cell_str(row, STR("<error>"));
		return;
	}
	text = selector_format(&parsed, row->arena);
	table_cell_str(row, str_or(text, everything));
}

static struct str join(const struct str *items, size_t len, const char *separator, struct arena *arena)
{
	struct str text = STR_EMPTY;

	for (size_t i = 0; i < len; i++)
		text = arena_printf(arena, STR_FMT "%s" STR_FMT, STR_ARG(text), i ? separator : "", STR_ARG(items[i]));
	return text;
}

void cell_list(struct table_row *row, const struct str_slice *list, const char *separator, const char *empty)
{
	table_cell_str(row, str_or(join(list->items, list->len, separator, row->arena), empty));
}

void cell_bool_or(struct table_row *row, const bool *value, bool absent)
{
	table_cell_bool(row, value ? *value : absent);
}

void cell_first_three(struct table_row *row, const struct str *items, size_t len, const char *empty)
{
	struct str text = join(items, MIN(len, (size_t)3), ",", row->arena);

	if (len > 3)
		text = arena_printf(row->arena, STR_FMT " + %zu more...", STR_ARG(text), len - 3);
	table_cell_str(row, str_or(text, empty));
}

void cell_access_modes(struct table_row *row, const struct str_slice *modes)
{
	static const char *const known[][2] = {{"ReadWriteOnce", "RWO"},
					       {"ReadOnlyMany", "ROX"},
					       {"ReadWriteMany", "RWX"},
					       {"ReadWriteOncePod", "RWOP"}};
	struct str shorts[ARRAY_LEN(known)];
	size_t len = 0;

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		SLICE_FOREACH (mode, *modes)
			if (str_eq_c(*mode, known[i][0])) {
				shorts[len++] = str_from(known[i][1]);
				break;
			}
	table_cell_str(row, join(shorts, len, ",", row->arena));
}

const struct quantity *quantity_map_get(const struct quantity_map *map, struct str key)
{
	SLICE_FOREACH (pair, *map)
		if (str_eq(pair->key, key))
			return &pair->value;
	return NULL;
}

void cell_quantity(struct table_row *row, const struct quantity_map *map, const char *key)
{
	const struct quantity *quantity = quantity_map_get(map, str_from(key));

	table_cell_str(row, quantity ? quantity_format(quantity, row->arena) : STR("0"));
}

void bump_generation(struct meta_v1_object_meta *meta, const struct meta_v1_object_meta *old, bool changed)
{
	meta->generation = old->generation + changed;
}

struct field_value field_value_struct(const struct schema *schema, const void *data, struct arena *arena)
{
	cleanup_buf struct buf out;

	buf_init(&out, LIMIT_OBJECT);
	if (!data)
		return VALUE_NULL;
	encode_json(schema, data, ENCODE_UNTAGGED, &out);
	return field_value_json(arena_str(arena, buf_view(&out)));
}

void check_immutable(struct field_errors *errors, const struct path *path, const struct schema *schema, const void *now,
		     const void *old)
{
	if ((!now || !old) ? now == old : equal_struct(schema, now, old))
		return;
	field_invalid(errors, path, field_value_struct(schema, now, errors->arena), "field is immutable");
}

const bool *mark_repeated(const void *first, size_t stride, size_t len, struct arena *arena)
{
	bool *repeated = ARENA_NEW_N(arena, bool, len);
	struct map seen = {0};

	for (size_t i = 0; i < len; i++) {
		struct str text = *(const struct str *)(const void *)((const char *)first + i * stride);

		repeated[i] = map_set(&seen, text, repeated) != NULL;
	}
	map_release(&seen);
	return repeated;
}

bool is_one_of(struct str word, ...)
{
	const char *candidate;
	bool found = false;
	va_list args;

	va_start(args, word);
	while (!found && (candidate = va_arg(args, const char *)) != NULL)
		found = str_eq_c(word, candidate);
	va_end(args);
	return found;
}
