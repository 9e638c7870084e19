/* The table of actions and its look-up; see action.h. */
#include "apiserver/actions.h"

#include "apiserver/server.h"
#include "apiserver/stored.h"
#include "base/limits.h"

static const struct action *const actions[] = {
#define X(name) &action_##name,
	ACTIONS(X)
#undef X
};

const struct action *action_find(const struct resource *resource, struct str subresource, unsigned verb)
{
	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		const struct action *action = actions[i];

		/* A plural of "*" is any resource that has the subresource. */
		if (!str_eq(action->subresource, subresource))
			continue;
		if (!(action->verbs & verb) && !action->any_method)
			continue;
		if (str_eq(action->plural, STR("*")) ||
		    (str_eq(action->plural, resource->plural) && str_eq(action->group, resource->group)))
			return action;
	}
	return NULL;
}

int write_object(struct request *request, const struct resource *resource, const void *data, uint64_t revision,
		 struct store_write *write, struct error *err)
{
	const struct schema *schema = stored_schema(resource);
	const struct meta_v1_object_meta *meta = object_meta_of(schema, data);
	struct buf cleanup_buf value, cleanup_buf header;
	struct object *object;
	int result;

	buf_init(&value, 2 * LIMIT_OBJECT);
	buf_init(&header, LIMIT_OBJECT);
	stored_encode(schema, strategy_find(resource), data, &request->arena, &value, &header);
	object = object_publish(schema, data);
	*write = (struct store_write){
		.op = STORE_UPDATE,
		.key = stored_key(resource, meta->namespace, meta->name, &request->arena),
		.expected_revision = revision,
		.topic = stored_topic(resource, data, &request->arena),
		.header = buf_view(&header),
		.value = buf_view(&value),
		.object = object,
	};
	result = store_commit(request->server->store, write, err);
	object_unref(object);
	return result;
}
