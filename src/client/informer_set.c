/* The informers of one loop, shared; see informer_set.h. */
#include "client/informer_set.h"

struct shared {
	struct informer *informer;
	informer_index_fn **indexes; /* in the order of their numbers */
	size_t indexes_len;
};

struct informer_set {
	struct loop *loop;
	struct transport *transport;
	struct shared *items;
	size_t len;
	bool started;
};

struct informer_set *informer_set_new(struct loop *loop, struct transport *transport)
{
	struct informer_set *set = XNEW(struct informer_set);

	set->loop = loop;
	set->transport = transport;
	return set;
}

struct informer_set *informer_set_free(struct informer_set *set)
{
	if (!set)
		return NULL;
	for (size_t i = 0; i < set->len; i++) {
		informer_free(set->items[i].informer);
		free(set->items[i].indexes);
	}
	free(set->items);
	free(set);
	return NULL;
}

static struct shared *shared_of(struct informer_set *set, const struct resource *resource, struct str field_selector)
{
	struct shared *shared;

	for (size_t i = 0; i < set->len; i++) {
		const struct informer_config *config = informer_config(set->items[i].informer);

		if (config->resource == resource && str_eq(config->field_selector, field_selector))
			return &set->items[i];
	}
	set->items = xrealloc_array(set->items, set->len + 1, sizeof(*set->items));
	shared = &set->items[set->len++];
	*shared = (struct shared){.informer = informer_new(&(struct informer_config){.loop = set->loop,
										     .transport = set->transport,
										     .resource = resource,
										     .field_selector = field_selector,
										     .metadata_only = true})};
	return shared;
}

struct informer *informer_set_get(struct informer_set *set, const struct resource *resource)
{
	return informer_set_get_selected(set, resource, STR_EMPTY);
}

struct informer *informer_set_get_selected(struct informer_set *set, const struct resource *resource,
					   struct str field_selector)
{
	struct informer *informer = shared_of(set, resource, field_selector)->informer;

	assert(!set->started);
	informer_keep_whole(informer);
	return informer;
}

struct informer *informer_set_get_metadata(struct informer_set *set, const struct resource *resource)
{
	assert(!set->started);
	return shared_of(set, resource, STR_EMPTY)->informer;
}

int informer_set_index(struct informer_set *set, const struct resource *resource, informer_index_fn *index)
{
	struct shared *shared = shared_of(set, resource, STR_EMPTY);

	assert(!set->started);
	for (size_t i = 0; i < shared->indexes_len; i++)
		if (shared->indexes[i] == index)
			return (int)i;
	shared->indexes = xrealloc_array(shared->indexes, shared->indexes_len + 1, sizeof(*shared->indexes));
	shared->indexes[shared->indexes_len++] = index;
	return informer_add_index(shared->informer, index);
}

void informer_set_start(struct informer_set *set)
{
	set->started = true;
	for (size_t i = 0; i < set->len; i++)
		informer_start(set->items[i].informer);
}

bool informer_set_synced(const struct informer_set *set)
{
	for (size_t i = 0; i < set->len; i++)
		if (!informer_synced(set->items[i].informer))
			return false;
	return true;
}
