/* Informers against a scripted watch: initial state, changes, resumption, and a start from nothing after 410. */
#include "unit.h"

#include "base/clock.h"
#include "base/limits.h"
#include "client/client.h"
#include "client/informer_set.h"
#include "fake_transport.h"
#include "sys/loop.h"
#include "types/gen/core_v1.h"

struct seen {
	struct informer_handler handler;
	char text[512];
	size_t len;
};

static void on_changed(struct informer_handler *handler, struct object *old, struct object *new_)
{
	struct seen *seen = CONTAINER_OF(handler, struct seen, handler);
	const struct object *object = new_ ? new_ : old;

	seen->len += (size_t)snprintf(seen->text + seen->len, sizeof(seen->text) - seen->len, "%c" STR_FMT " ",
				      !old    ? '+'
				      : !new_ ? '-'
					      : '~',
				      STR_ARG(object->meta->name));
}

/* One value for each letter of the object's data. */
static void index_by_letter(const struct object *object, struct informer_keys *values)
{
	struct str data = OBJECT_AS(core_v1_config_map, object)->data.items[0].value;

	for (size_t i = 0; i < data.len; i++)
		informer_keys_add(values, str_sub(data, i, 1));
}

static void index_by_data(const struct object *object, struct informer_keys *values)
{
	informer_keys_add(values, OBJECT_AS(core_v1_config_map, object)->data.items[0].value);
}

static void index_by_owner(const struct object *object, struct informer_keys *values)
{
	SLICE_FOREACH (owner, object->meta->owner_references)
		informer_keys_add(values, owner->uid);
}

struct fixture {
	struct loop *loop;
	struct fake_transport fake;
	struct informer *informer;
	int by_data, by_letter;
	struct seen seen;
};

static void setup(struct fixture *f)
{
	*f = (struct fixture){.loop = loop_new(), .seen = {.handler = {.changed = on_changed}}};
	fake_transport_init(&f->fake);
	f->informer = informer_new(&(struct informer_config){
		.loop = f->loop, .transport = &f->fake.transport, .resource = client_resource("", "v1", "configmaps")});
	f->by_data = informer_add_index(f->informer, index_by_data);
	f->by_letter = informer_add_index(f->informer, index_by_letter);
	informer_add_handler(f->informer, &f->seen.handler);
	informer_start(f->informer);
}

static void teardown(struct fixture *f)
{
	informer_free(f->informer);
	loop_free(f->loop);
}

static void stop_now(void *loop)
{
	loop_stop(loop);
}

/* Runs what was posted so far. */
static void settle(struct fixture *f)
{
	loop_post(f->loop, stop_now, f->loop);
	loop_run(f->loop);
}

static void wait_for_watch(struct fixture *f, unsigned watches)
{
	int64_t deadline = clock_monotonic_ns() + 5 * NS_PER_SEC;

	while (f->fake.watches < watches && clock_monotonic_ns() < deadline)
		settle(f);
	assert_int_equal(f->fake.watches, watches);
}

static void assert_seen(struct fixture *f, const char *expected)
{
	settle(f);
	assert_string_equal(f->seen.text, expected);
	f->seen.len = 0;
	f->seen.text[0] = '\0';
}

static void begin(struct fixture *f)
{
	fake_send(&f->fake, WATCH_ADDED, fake_config_map("ns", "a", "x", 3), 3, false);
	fake_send(&f->fake, WATCH_ADDED, fake_config_map("ns", "b", "x", 2), 2, false);
	fake_send(&f->fake, WATCH_BOOKMARK, NULL, 10, true);
	assert_seen(f, "+a +b ");
	assert_true(informer_synced(f->informer));
	assert_int_equal(informer_revision(f->informer), 10);
}

static size_t count_indexed(struct fixture *f, int index, const char *value)
{
	size_t n = 0;

	INFORMER_FOREACH_INDEXED(it, f->informer, index, str_from(value))
	n += it->object != NULL;
	return n;
}

static void test_changes_and_indexes(void **state UNUSED)
{
	struct fixture f;

	setup(&f);
	begin(&f);
	assert_int_equal(count_indexed(&f, f.by_data, "x"), 2);
	fake_send(&f.fake, WATCH_MODIFIED, fake_config_map("ns", "a", "y", 11), 11, false);
	fake_send(&f.fake, WATCH_DELETED, fake_config_map("ns", "b", "x", 12), 12, false);
	assert_seen(&f, "~a -b ");
	assert_int_equal(count_indexed(&f, f.by_data, "x"), 0);
	assert_int_equal(count_indexed(&f, f.by_data, "y"), 1);
	assert_int_equal(informer_revision(f.informer), 12);
	assert_non_null(informer_get_named(f.informer, STR("ns"), STR("a")));
	assert_null(informer_get(f.informer, STR("ns/b")));
	teardown(&f);
}

static void test_one_object_under_many_values(void **state UNUSED)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	struct fixture f;

	setup(&f);
	begin(&f);
	fake_send(&f.fake, WATCH_MODIFIED, fake_config_map("ns", "a", letters, 11), 11, false);
	settle(&f);
	for (size_t i = 0; i < sizeof(letters) - 1; i++)
		assert_int_equal(count_indexed(&f, f.by_letter, (char[]){letters[i], '\0'}), letters[i] == 'x' ? 2 : 1);
	fake_send(&f.fake, WATCH_DELETED, fake_config_map("ns", "a", letters, 12), 12, false);
	settle(&f);
	for (size_t i = 0; i < sizeof(letters) - 1; i++)
		assert_int_equal(count_indexed(&f, f.by_letter, (char[]){letters[i], '\0'}), letters[i] == 'x');
	teardown(&f);
}

static void test_keys_have_a_ceiling(void **state UNUSED)
{
	struct arena cleanup_arena arena = {0};
	struct informer_keys keys = {.arena = &arena};

	for (size_t i = 0; i < LIMIT_OBJECT_KEYS + 3; i++)
		informer_keys_add(&keys, STR("k"));
	assert_int_equal(keys.found.len, LIMIT_OBJECT_KEYS);
	assert_true(keys.full);
}

static void test_resumes(void **state UNUSED)
{
	struct fixture f;

	setup(&f);
	begin(&f);
	fake_close(&f.fake, ERR_CLOSED);
	wait_for_watch(&f, 2);
	assert_int_equal(f.fake.watch_revision, 10);
	fake_send(&f.fake, WATCH_MODIFIED, fake_config_map("ns", "a", "z", 13), 13, false);
	assert_seen(&f, "~a ");
	teardown(&f);
}

static void test_expired_tells_only_differences(void **state UNUSED)
{
	struct fixture f;

	setup(&f);
	begin(&f);
	fake_close(&f.fake, ERR_EXPIRED);
	wait_for_watch(&f, 2);
	assert_int_equal(f.fake.watch_revision, 0);
	fake_send(&f.fake, WATCH_ADDED, fake_config_map("ns", "a", "x", 3), 3, false);
	fake_send(&f.fake, WATCH_ADDED, fake_config_map("ns", "c", "x", 20), 20, false);
	assert_seen(&f, "+c ");
	assert_non_null(informer_get(f.informer, STR("ns/b"))); /* kept until the new state is whole */
	fake_send(&f.fake, WATCH_BOOKMARK, NULL, 21, true);
	assert_seen(&f, "-b ");
	assert_int_equal(informer_revision(f.informer), 21);
	teardown(&f);
}

struct waiter {
	struct informer_wait wait;
	unsigned *order; /* of all */
	unsigned shown;	 /* the place among those shown, from 1; 0: not yet */
};

static void on_shown(struct informer_wait *wait)
{
	struct waiter *waiter = CONTAINER_OF(wait, struct waiter, wait);

	assert_int_equal(waiter->shown, 0);
	waiter->shown = ++*waiter->order;
}

static void test_waits_for_revisions(void **state UNUSED)
{
	struct fixture f;
	unsigned order = 0;
	struct waiter waiters[] = {
		{{.shown = on_shown}, &order, 0}, {{.shown = on_shown}, &order, 0}, {{.shown = on_shown}, &order, 0}};

	setup(&f);
	begin(&f);
	assert_false(informer_wait_revision(f.informer, &waiters[0].wait, 10));
	assert_true(informer_wait_revision(f.informer, &waiters[0].wait, 30));
	assert_true(informer_wait_revision(f.informer, &waiters[1].wait, 12));
	assert_true(informer_wait_revision(f.informer, &waiters[2].wait, 13));
	fake_send(&f.fake, WATCH_MODIFIED, fake_config_map("ns", "a", "y", 11), 11, false);
	settle(&f);
	assert_int_equal(order, 0);
	fake_send(&f.fake, WATCH_MODIFIED, fake_config_map("ns", "a", "z", 14), 14, false);
	settle(&f);
	assert_int_equal(order, 2);
	assert_int_equal(waiters[1].shown, 1);
	assert_int_equal(waiters[2].shown, 2);
	/* A state that starts anew counts when it is whole. */
	fake_close(&f.fake, ERR_EXPIRED);
	wait_for_watch(&f, 2);
	fake_send(&f.fake, WATCH_ADDED, fake_config_map("ns", "a", "q", 40), 40, false);
	settle(&f);
	assert_int_equal(order, 2);
	fake_send(&f.fake, WATCH_BOOKMARK, NULL, 41, true);
	settle(&f);
	assert_int_equal(waiters[0].shown, 3);
	teardown(&f);
}

/* A deletion shows when the object is gone, when it is on its way, and when another has taken its name. */
static void test_waits_for_deletions(void **state UNUSED)
{
	struct fixture f;
	unsigned order = 0;
	struct waiter waiters[] = {
		{{.shown = on_shown}, &order, 0}, {{.shown = on_shown}, &order, 0}, {{.shown = on_shown}, &order, 0}};
	struct core_v1_config_map going = {.metadata = {.namespace = STR("ns"),
							.name = STR("a"),
							.uid = STR("a"),
							.deletion_timestamp = &(struct timestamp){.is_set = true}}};
	struct core_v1_config_map other = {
		.metadata = {.namespace = STR("ns"), .name = STR("b"), .uid = STR("another")},
		.data = {&(struct str_pair){STR("d"), STR("d")}, 1}};
	struct object *object;

	going.data = other.data;
	setup(&f);
	begin(&f);
	assert_false(informer_wait_deletion(f.informer, &waiters[0].wait, STR("ns/c"), STR_EMPTY));
	assert_false(informer_wait_deletion(f.informer, &waiters[0].wait, STR("ns/a"), STR("before")));
	assert_true(informer_wait_deletion(f.informer, &waiters[0].wait, STR("ns/a"), STR("a")));
	assert_true(informer_wait_deletion(f.informer, &waiters[1].wait, STR("ns/b"), STR("b")));
	assert_true(informer_wait_deletion(f.informer, &waiters[2].wait, STR("ns/b"), STR_EMPTY));
	fake_send(&f.fake, WATCH_MODIFIED, fake_config_map("ns", "a", "y", 11), 11, false);
	settle(&f);
	assert_int_equal(order, 0);
	object = object_publish(&schema_core_v1_config_map, &going);
	object_set_revision(object, 12);
	fake_send(&f.fake, WATCH_MODIFIED, object, 12, false);
	settle(&f);
	assert_int_equal(waiters[0].shown, 1);
	object = object_publish(&schema_core_v1_config_map, &other);
	object_set_revision(object, 13);
	fake_send(&f.fake, WATCH_MODIFIED, object, 13, false);
	settle(&f);
	assert_int_equal(waiters[1].shown, 2);
	assert_int_equal(waiters[2].shown, 0);
	fake_send(&f.fake, WATCH_DELETED, fake_config_map("ns", "b", "x", 14), 14, false);
	settle(&f);
	assert_int_equal(waiters[2].shown, 3);
	teardown(&f);
}

static void test_late_deliveries_are_dropped(void **state UNUSED)
{
	struct fixture f;

	setup(&f);
	begin(&f);
	fake_send(&f.fake, WATCH_MODIFIED, fake_config_map("ns", "a", "z", 13), 13, false);
	f.informer = informer_free(f.informer);
	assert_seen(&f, "");
	teardown(&f);
}

/* --- Metadata alone --- */

static void setup_metadata(struct fixture *f)
{
	*f = (struct fixture){.loop = loop_new(), .seen = {.handler = {.changed = on_changed}}};
	fake_transport_init(&f->fake);
	f->informer = informer_new(&(struct informer_config){.loop = f->loop,
							     .transport = &f->fake.transport,
							     .resource = client_resource("", "v1", "configmaps"),
							     .metadata_only = true});
	f->by_data = informer_add_index(f->informer, index_by_owner);
	informer_add_handler(f->informer, &f->seen.handler);
	informer_start(f->informer);
	assert_true(f->fake.metadata_only);
}

/* With all there is to its ties to others, and with much that is not kept. */
static struct object *tied(const char *name, uint64_t revision)
{
	static const bool yes = true;
	static const struct timestamp when = {1700000000, 0, true};
	static const struct str finalizers[] = {STR_INIT("orphan"), STR_INIT("example.com/a")};
	static const struct meta_v1_owner_reference owners[] = {
		{STR_INIT("apps/v1"), STR_INIT("ReplicaSet"), STR_INIT("rs"), STR_INIT("uid-of-rs"), &yes, NULL},
		{STR_INIT("v1"), STR_INIT("Node"), STR_INIT("n"), STR_INIT("uid-of-n"), NULL, &yes}};
	struct str_pair pair = {STR("k"), STR("v")};
	struct core_v1_config_map map = {.metadata = {.namespace = STR("ns"),
						      .name = str_from(name),
						      .uid = STR("0b0e2c9c-77c4-4a5e-9c8c-6a9d2f3c1e55"),
						      .generation = 7,
						      .labels = {&pair, 1},
						      .annotations = {&pair, 1},
						      .deletion_timestamp = &when,
						      .owner_references = {owners, 2},
						      .finalizers = {finalizers, 2}},
					 .data = {&pair, 1}};
	struct object *object = object_publish(&schema_core_v1_config_map, &map);

	object_set_revision(object, revision);
	return object;
}

static void assert_tied(const struct object *object, uint64_t revision)
{
	const struct meta_v1_object_meta *meta = object->meta;

	assert_ptr_equal(object->schema, &schema_meta_v1_partial_object_metadata);
	assert_int_equal(object->revision, revision);
	assert_str_equal(meta->namespace, "ns");
	assert_str_equal(meta->name, "b");
	assert_str_equal(meta->uid, "0b0e2c9c-77c4-4a5e-9c8c-6a9d2f3c1e55");
	assert_int_equal(meta->deletion_timestamp->seconds, 1700000000);
	assert_int_equal(meta->finalizers.len, 2);
	assert_str_equal(meta->finalizers.items[1], "example.com/a");
	assert_int_equal(meta->owner_references.len, 2);
	assert_str_equal(meta->owner_references.items[0].api_version, "apps/v1");
	assert_str_equal(meta->owner_references.items[0].kind, "ReplicaSet");
	assert_str_equal(meta->owner_references.items[0].name, "rs");
	assert_true(*meta->owner_references.items[0].controller);
	assert_null(meta->owner_references.items[0].block_owner_deletion);
	assert_str_equal(meta->owner_references.items[1].uid, "uid-of-n");
	assert_true(*meta->owner_references.items[1].block_owner_deletion);
	assert_int_equal(meta->labels.len, 0);
	assert_int_equal(meta->annotations.len, 0);
}

static void test_metadata_is_kept_packed(void **state UNUSED)
{
	struct object *held;
	struct fixture f;

	setup_metadata(&f);
	fake_send(&f.fake, WATCH_ADDED, fake_config_map("ns", "a", "x", 3), 3, false);
	fake_send(&f.fake, WATCH_ADDED, tied("b", 2), 2, false);
	fake_send(&f.fake, WATCH_BOOKMARK, NULL, 10, true);
	assert_seen(&f, "+a +b ");
	assert_str_equal(informer_get_named(f.informer, STR("ns"), STR("a"))->meta->uid, "a");
	held = object_ref(informer_get(f.informer, STR("ns/b")));
	assert_tied(held, 2);
	assert_int_equal(count_indexed(&f, f.by_data, "uid-of-n"), 1);
	assert_int_equal(count_indexed(&f, f.by_data, "nobody"), 0);
	/* What was lent goes when the loop turns, but for what is held. */
	settle(&f);
	assert_tied(held, 2);
	object_unref(held);
	INFORMER_FOREACH(it, f.informer)
	assert_non_null(it->object->data);
	/* Ties that go, and an object that goes. */
	fake_send(&f.fake, WATCH_MODIFIED, fake_config_map("ns", "b", "x", 11), 11, false);
	fake_send(&f.fake, WATCH_DELETED, fake_config_map("ns", "a", "x", 12), 12, false);
	assert_seen(&f, "~b -a ");
	assert_int_equal(count_indexed(&f, f.by_data, "uid-of-n"), 0);
	assert_null(informer_get(f.informer, STR("ns/b"))->meta->deletion_timestamp);
	assert_int_equal(informer_len(f.informer), 1);
	teardown(&f);
}

struct last_seen {
	struct informer_handler handler;
	struct object *old;
};

static void keep_old(struct informer_handler *handler, struct object *old, struct object *new_)
{
	struct last_seen *last = CONTAINER_OF(handler, struct last_seen, handler);

	if (!new_)
		last->old = object_ref(old);
}

/* Handlers are told what was known of an object that went unseen, and waits for its deletion end with it. */
static void test_metadata_tells_what_went_unseen(void **state UNUSED)
{
	struct last_seen last = {.handler = {.changed = keep_old}};
	unsigned order = 0;
	struct waiter waiter = {{.shown = on_shown}, &order, 0};
	struct fixture f;

	setup_metadata(&f);
	informer_add_handler(f.informer, &last.handler);
	fake_send(&f.fake, WATCH_ADDED, fake_config_map("ns", "a", "x", 3), 3, false);
	fake_send(&f.fake, WATCH_ADDED, tied("b", 2), 2, false);
	fake_send(&f.fake, WATCH_BOOKMARK, NULL, 10, true);
	settle(&f);
	assert_true(informer_wait_deletion(f.informer, &waiter.wait, STR("ns/a"), STR("a")));
	assert_false(informer_wait_deletion(f.informer, &waiter.wait, STR("ns/b"), STR_EMPTY)); /* it is going */
	fake_send(&f.fake, WATCH_MODIFIED, fake_config_map("ns", "a", "y", 11), 11, false);
	settle(&f);
	assert_int_equal(waiter.shown, 0);
	fake_close(&f.fake, ERR_EXPIRED);
	wait_for_watch(&f, 2);
	fake_send(&f.fake, WATCH_ADDED, fake_config_map("ns", "a", "y", 11), 11, false);
	fake_send(&f.fake, WATCH_BOOKMARK, NULL, 20, true);
	settle(&f);
	assert_tied(last.old, 2);
	last.old = object_unref(last.old);
	assert_int_equal(waiter.shown, 0);
	fake_send(&f.fake, WATCH_DELETED, fake_config_map("ns", "a", "y", 21), 21, false);
	settle(&f);
	assert_int_equal(waiter.shown, 1);
	assert_str_equal(last.old->meta->uid, "a");
	object_unref(last.old);
	teardown(&f);
}

/* In a set a resource is held once: whole as soon as one wants it so, whatever the order. */
static void test_set_settles_what_is_held(void **state UNUSED)
{
	const struct resource *maps = client_resource("", "v1", "configmaps"),
			      *secrets = client_resource("", "v1", "secrets"),
			      *pods = client_resource("", "v1", "pods");
	struct loop *loop = loop_new();
	struct fake_transport fake;
	struct informer_set *set;
	struct informer *informer;

	fake_transport_init(&fake);
	set = informer_set_new(loop, &fake.transport);
	informer = informer_set_get_metadata(set, maps);
	assert_ptr_equal(informer_set_get(set, maps), informer);
	assert_ptr_equal(informer_set_get_metadata(set, maps), informer);
	assert_ptr_equal(informer_set_get(set, pods), informer_set_get_metadata(set, pods));
	assert_ptr_not_equal(informer_set_get_selected(set, secrets, STR("metadata.name=a")),
			     informer_set_get_metadata(set, secrets));
	assert_false(informer_config(informer_set_get_metadata(set, maps))->metadata_only);
	assert_false(informer_config(informer_set_get_metadata(set, pods))->metadata_only);
	assert_true(informer_config(informer_set_get_metadata(set, secrets))->metadata_only);
	assert_false(informer_config(informer_set_get_selected(set, secrets, STR("metadata.name=a")))->metadata_only);
	informer_set_start(set);
	assert_int_equal(fake.watches, 4);
	informer_set_free(set);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes_and_indexes),
		cmocka_unit_test(test_one_object_under_many_values),
		cmocka_unit_test(test_keys_have_a_ceiling),
		cmocka_unit_test(test_resumes),
		cmocka_unit_test(test_expired_tells_only_differences),
		cmocka_unit_test(test_waits_for_revisions),
		cmocka_unit_test(test_waits_for_deletions),
		cmocka_unit_test(test_late_deliveries_are_dropped),
		cmocka_unit_test(test_metadata_is_kept_packed),
		cmocka_unit_test(test_metadata_tells_what_went_unseen),
		cmocka_unit_test(test_set_settles_what_is_held),
	};

	return cmocka_run_group_tests_name("informer", tests, NULL, NULL);
}
