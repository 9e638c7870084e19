/* ControllerRevisions of an owner; see history.h. */
#include "controllers/history.h"

#include "base/limits.h"
#include "client/informer_set.h"
#include "codec/json.h"
#include "controllers/pod_control.h"
#include "controllers/template_hash.h"
#include "logic/owner.h"
#include "types/codec.h"
#include "types/copy.h"

#define PARENT_MAX 223 /* of the owner's name in a revision's, as upstream */

static struct str parent_value(struct str namespace, struct str parent, struct arena *arena)
{
	return arena_printf(arena, STR_FMT "/" STR_FMT, STR_ARG(namespace), STR_ARG(str_sub(parent, 0, PARENT_MAX)));
}

/* The name without its hash, which has no '-' in it. */
static void index_parent(const struct object *revision, struct informer_keys *values)
{
	ptrdiff_t dash = str_last_index(revision->meta->name, '-');

	if (dash > 0)
		informer_keys_add(values, parent_value(revision->meta->namespace,
						       str_sub(revision->meta->name, 0, (size_t)dash), values->arena));
}

void history_source_init(struct history_source *source, struct informer_set *informers)
{
	source->revisions = client_resource("apps", "v1", "controllerrevisions");
	source->informer = informer_set_get(informers, source->revisions);
	source->by_owner = informer_set_index(informers, source->revisions, pod_control_index_owner);
	source->by_parent = informer_set_index(informers, source->revisions, index_parent);
}

struct history_inputs history_gather(const struct history_source *source, const struct meta_v1_object_meta *owner,
				     struct arena *arena)
{
	return (struct history_inputs){
		.revisions = source->revisions,
		.candidates = pod_control_candidates(arena, source->informer, source->by_owner, owner),
		.named = reconciler_hold_indexed(arena, source->informer, source->by_parent,
						 parent_value(owner->namespace, owner->name, arena)),
	};
}

static int by_number(const void *a, const void *b)
{
	const struct apps_v1_controller_revision *x = *(const struct apps_v1_controller_revision *const *)a,
						 *y = *(const struct apps_v1_controller_revision *const *)b;
	int64_t made = x->metadata.creation_timestamp.seconds - y->metadata.creation_timestamp.seconds;

	if (x->revision != y->revision)
		return x->revision < y->revision ? -1 : 1;
	return made ? (made < 0 ? -1 : 1) : str_cmp(x->metadata.name, y->metadata.name);
}

void history_open(struct history *history, struct plan *plan, const struct history_inputs *inputs, struct object *owner,
		  const struct selector *selector, const char *hash_label)
{
	struct object_slice candidates = inputs->candidates;

	*history = (struct history){.plan = plan,
				    .revisions = inputs->revisions,
				    .owner = owner,
				    .named = inputs->named,
				    .hash_label = hash_label};
	history->items = ARENA_NEW_N(plan->arena, const struct apps_v1_controller_revision *, candidates.len + 1);
	for (size_t i = 0; i < candidates.len; i++)
		if (pod_control_claims(plan, inputs->revisions, owner, selector, candidates.items[i]))
			history->items[history->len++] = OBJECT_AS(apps_v1_controller_revision, candidates.items[i]);
	qsort(history->items, history->len, sizeof(*history->items), by_number);
}

const struct core_v1_pod_template_spec *history_template(const struct apps_v1_controller_revision *revision,
							 struct arena *arena)
{
	struct error ignored = {0};
	struct value *tree, *template;
	void *data;

	if (json_parse(revision->data.text, arena, NULL, &tree, &ignored) < 0)
		return NULL;
	template = value_find(tree, "spec", "template", NULL);
	if (!template || template->kind != VALUE_OBJECT)
		return NULL;
	value_remove(template, STR("$patch"));
	if (decode_value(&schema_core_v1_pod_template_spec, template, arena, NULL, &data, &ignored) < 0)
		return NULL;
	return data;
}

const struct apps_v1_controller_revision *history_find(const struct history *history,
						       const struct core_v1_pod_template_spec *template)
{
	for (size_t i = history->len; i-- > 0;) {
		const struct core_v1_pod_template_spec *held =
			history_template(history->items[i], history->plan->arena);

		if (held && equal_struct(&schema_core_v1_pod_template_spec, held, template))
			return history->items[i];
	}
	return NULL;
}

/* {"spec":{"template":{"$patch":"replace",...}}}, members sorted as Go sorts those of a map. */
static struct str patch_of(const struct core_v1_pod_template_spec *template, struct arena *arena)
{
	struct value *tree = value_object(arena), *spec = value_object(arena);
	struct value *value = encode_value(&schema_core_v1_pod_template_spec, template, 0, arena);
	struct buf cleanup_buf text;

	buf_init(&text, LIMIT_OBJECT);
	value_set(arena, value, STR("$patch"), value_string(arena, STR("replace")));
	value_set(arena, spec, STR("template"), value);
	value_set(arena, tree, STR("spec"), spec);
	value_sort(tree);
	json_write(tree, &text);
	return arena_str(arena, buf_view(&text));
}

static bool taken(const struct history *history, struct str name)
{
	for (size_t i = 0; i < history->named.len; i++)
		if (str_eq(history->named.items[i]->meta->name, name))
			return true;
	return false;
}

static const struct apps_v1_controller_revision *make(struct history *history,
						      const struct core_v1_pod_template_spec *template, int64_t number)
{
	struct arena *arena = history->plan->arena;
	struct apps_v1_controller_revision *made = ARENA_NEW(arena, struct apps_v1_controller_revision);
	struct meta_v1_owner_reference *owner = ARENA_NEW(arena, struct meta_v1_owner_reference);
	struct str hash = template_hash(template, history->collision_count, arena), name;

	while (name = template_hash_name(history->owner->meta->name, PARENT_MAX, hash, arena), taken(history, name))
		hash = template_hash(template, ++history->collision_count, arena);
	*owner = owner_reference(history->owner);
	made->metadata = (struct meta_v1_object_meta){
		.name = name,
		.namespace = history->owner->meta->namespace,
		.labels = str_map_set(&template->metadata.labels, str_from(history->hash_label), hash, arena),
		.annotations = history->owner->meta->annotations,
		.owner_references = {owner, 1},
	};
	made->data.text = patch_of(template, arena);
	made->revision = number;
	plan_create(history->plan, history->revisions, made);
	return made;
}

void history_take(struct history *history, const struct core_v1_pod_template_spec *template,
		  const int32_t *collision_count)
{
	const struct apps_v1_controller_revision *found = history_find(history, template), *last;
	struct apps_v1_controller_revision *next;

	history->collision_count = collision_count ? *collision_count : 0;
	last = history->len ? history->items[history->len - 1] : NULL;
	if (!found) {
		history->current = make(history, template, last ? last->revision + 1 : 1);
		return;
	}
	history->current = found;
	if (found == last)
		return;
	next = ARENA_DUP(history->plan->arena, struct apps_v1_controller_revision, found);
	next->revision = last->revision + 1;
	plan_diff(history->plan, history->revisions, found, next, NULL, NULL);
}

void history_forget(const struct history *history, size_t count, const bool *live)
{
	for (size_t i = 0; i < history->len && count; i++) {
		if (live[i])
			continue;
		plan_delete(history->plan, history->revisions, &history->items[i]->metadata)->independent = true;
		count--;
	}
}
