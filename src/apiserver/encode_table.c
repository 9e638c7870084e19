/* Tables: the rows kubectl prints, made by the kind's strategy; see encode.h. */
#include "apiserver/encode.h"
#include "codec/json.h"

static const struct table_column default_columns[] = {
	{STR_INIT("Name"), STR_INIT("string"), STR_INIT("name"), STR_INIT("Name of the object."), 0},
	{STR_INIT("Created At"), STR_INIT("date"), STR_INIT(""), STR_INIT("When the object was created."), 0},
};

static void column_json(const struct table_column *column, struct buf *out)
{
	buf_c(out, "{\"name\":");
	json_write_str(column->name, out);
	buf_c(out, ",\"type\":");
	json_write_str(column->type, out);
	buf_c(out, ",\"format\":");
	json_write_str(column->format, out);
	buf_c(out, ",\"description\":");
	json_write_str(column->description, out);
	buf_printf(out, ",\"priority\":%d}", column->priority);
}

void table_begin(struct request *request, uint64_t revision, struct str continue_token, int64_t remaining, bool headers,
		 struct buf *out)
{
	const struct strategy *strategy = request->strategy;
	const struct table_column *columns = strategy->columns ? strategy->columns : default_columns;
	size_t len = strategy->columns ? strategy->columns_len : ARRAY_LEN(default_columns);

	buf_c(out, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/");
	buf_str(out, request->accepted.kind_version);
	buf_printf(out, "\",\"metadata\":{\"resourceVersion\":\"%llu\"", (unsigned long long)revision);
	if (continue_token.len) {
		buf_c(out, ",\"continue\":");
		json_write_str(continue_token, out);
	}
	if (remaining > 0)
		buf_printf(out, ",\"remainingItemCount\":%lld", (long long)remaining);
	if (!headers) {
		buf_c(out, "},\"columnDefinitions\":null,\"rows\":[");
		return;
	}
	buf_c(out, "},\"columnDefinitions\":[");
	for (size_t i = 0; i < len; i++) {
		if (i)
			buf_char(out, ',');
		column_json(&columns[i], out);
	}
	buf_c(out, "],\"rows\":[");
}

static void default_cells(struct table_row *row, const struct meta_v1_object_meta *meta)
{
	char text[32] = "";
	time_t seconds = meta->creation_timestamp.seconds;
	struct tm tm;

	table_cell_str(row, meta->name);
	if (meta->creation_timestamp.is_set && gmtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	table_cell_str(row, arena_str_c(row->arena, text));
}

void table_row_json(struct request *request, const struct object *object, bool first, struct buf *out)
{
	struct arena cleanup_arena arena = {0};
	struct table_row row = {.arena = &arena, .now = request->now, .cells = value_array(&arena)};
	struct str include = request->options.include_object;

	if (request->strategy->cells && object->data)
		request->strategy->cells(&row, object->data);
	else
		default_cells(&row, object->meta);
	buf_c(out, first ? "{\"cells\":" : ",{\"cells\":");
	json_write(row.cells, out);
	if (row.conditions) {
		buf_c(out, ",\"conditions\":");
		json_write(row.conditions, out);
	}
	buf_c(out, ",\"object\":");
	if (str_eq(include, STR("None")))
		buf_c(out, "null");
	else if (str_eq(include, STR("Object")))
		encode_json(request->resource->schema, request_version_of(request, object->data),
			    ENCODE_KIND | ENCODE_NESTED_KIND, out);
	else
		partial_json(request, object, out);
	buf_char(out, '}');
}

void table_end(struct buf *out)
{
	buf_c(out, "]}");
}
