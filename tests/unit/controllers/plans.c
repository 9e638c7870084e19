/* Plans of controllers as text; see plans.h. */
#include "unit.h"

#include "plans.h"

#include "base/limits.h"
#include "types/codec.h"

static void drop(void *object)
{
	object_unref(object);
}

struct object *planned_object(struct planned *planned, const char *group, const char *plural, const char *yaml)
{
	const struct schema *schema = client_resource(group, "v1", plural)->schema;
	struct error err = {0};
	struct object *object;
	void *data;

	if (decode_yaml(schema, str_from(yaml), &planned->arena, NULL, &data, &err) < 0)
		fail_msg("%s: %s", err.message, yaml);
	object = object_publish(schema, data);
	arena_defer(&planned->arena, drop, object);
	return object;
}

struct object *planned_objectf(struct planned *planned, const char *group, const char *plural, const char *format, ...)
{
	struct str yaml;
	va_list args;

	va_start(args, format);
	yaml = arena_vprintf(&planned->arena, format, args);
	va_end(args);
	return planned_object(planned, group, plural, str_c(yaml));
}

struct plan *planned_begin(struct planned *planned)
{
	planned->plan = (struct plan){.arena = &planned->arena};
	return &planned->plan;
}

static void write_place(const struct api_request *request, struct buf *out)
{
	static const char *const names[API_OPERATION_MAX] = {
		[API_CREATE] = "create", [API_UPDATE] = "update", [API_PATCH] = "patch", [API_DELETE] = "delete"};
	struct str name = request->name;

	if (request->operation == API_CREATE) {
		const struct meta_v1_object_meta *meta = object_meta_of(request->body_schema, request->body);

		name = meta->name.len ? meta->name : meta->generate_name;
	}
	buf_printf(out, "%s " STR_FMT "%s" STR_FMT " " STR_FMT "%s" STR_FMT, names[request->operation],
		   STR_ARG(request->resource->plural), request->subresource.len ? "/" : "",
		   STR_ARG(request->subresource), STR_ARG(request->namespace), request->namespace.len ? "/" : "",
		   STR_ARG(name));
}

static const char *write_plan(struct planned *planned, const char *plural, bool bodies)
{
	struct buf cleanup_buf out = {0};

	buf_init(&out, 16 * MIB);
	SLICE_FOREACH (change, planned->plan.changes) {
		const struct api_request *request = &change->request;

		if (plural && !str_eq_c(request->resource->plural, plural))
			continue;
		write_place(request, &out);
		if (bodies && (request->operation == API_CREATE || request->operation == API_UPDATE)) {
			buf_char(&out, ' ');
			encode_json(request->body_schema, request->body, 0, &out);
		} else if (bodies && request->operation == API_PATCH) {
			buf_char(&out, ' ');
			buf_str(&out, request->patch);
		}
		buf_char(&out, '\n');
	}
	for (size_t i = 0; !plural && i < planned->plan.events.len; i++) {
		const struct event_record *event = &planned->plan.events.items[i];

		buf_printf(&out, "event " STR_FMT " " STR_FMT " " STR_FMT "\n", STR_ARG(event->type),
			   STR_ARG(event->reason), STR_ARG(event->message));
	}
	return str_c(arena_str(&planned->arena, buf_view(&out)));
}

const char *planned_text(struct planned *planned)
{
	return write_plan(planned, NULL, true);
}

const char *planned_outline(struct planned *planned, const char *plural)
{
	return write_plan(planned, plural, false);
}

void planned_release(struct planned *planned)
{
	arena_release(&planned->arena);
}
