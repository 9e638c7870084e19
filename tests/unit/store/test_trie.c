/*
 * The persistent index against a slow twin: a sorted array.  Keys are drawn from tiny sets so that they collide, share
 * prefixes and are prefixes of each other.  Old roots are kept and compared again after later changes.
 */
#include "unit.h"

#include "base/random.h"
#include "store/record.h"
#include "store/trie.h"

#define KEYS 4096

/* Old roots still show the records that newer ones have lost: they go at the end. */
static const struct store_record *lost[1 << 16];
static size_t lost_len;

struct twin {
	const struct store_record *records[KEYS];
	size_t len;
};

static const struct trie_block *retired[1 << 20];
static size_t retired_len;

static void retire(void *data UNUSED, const struct trie_block *block)
{
	assert_true(retired_len < ARRAY_LEN(retired));
	retired[retired_len++] = block;
}

static size_t twin_place(const struct twin *twin, struct str key)
{
	size_t i = 0;

	while (i < twin->len && str_cmp(store_record_key(twin->records[i]), key) < 0)
		i++;
	return i;
}

static struct str random_key(struct random_source *random, char *out)
{
	static const char letters[] = "ab/\xff\0p";
	size_t len = random_source_below(random, 7);

	for (size_t i = 0; i < len; i++)
		out[i] = letters[random_source_below(random, sizeof(letters) - 1)];
	return (struct str){out, len};
}

struct collected {
	const struct twin *twin;
	struct str prefix;
	size_t at;
	uint64_t live;
};

static bool collect(void *data, const struct store_record *record)
{
	struct collected *c = data;

	assert_true(c->at < c->twin->len);
	assert_ptr_equal(record, c->twin->records[c->at]);
	c->at++;
	c->live += !record->deleted;
	return true;
}

static void compare_range(const struct trie *trie, const struct twin *twin, struct str prefix, struct str start)
{
	struct collected c = {.twin = twin, .prefix = prefix};
	size_t end;

	c.at = twin_place(twin, str_cmp(prefix, start) > 0 ? prefix : start);
	for (end = c.at; end < twin->len && str_has_prefix(store_record_key(twin->records[end]), prefix);)
		end++;
	assert_true(trie_scan(trie, prefix, start, collect, &c));
	assert_int_equal(c.at, end);
	assert_int_equal(trie_count_from(trie, prefix, start), c.live);
}

static void compare(const struct trie *trie, const struct twin *twin, struct random_source *random)
{
	char a[8], b[8];

	compare_range(trie, twin, STR_EMPTY, STR_EMPTY);
	for (int i = 0; i < 8; i++) {
		struct str key = random_key(random, a), start = random_key(random, b);
		size_t place = twin_place(twin, key);
		const struct store_record *expected = NULL;

		if (place < twin->len && str_eq(store_record_key(twin->records[place]), key))
			expected = twin->records[place];
		assert_ptr_equal(trie_get(trie, key), expected);
		compare_range(trie, twin, key, STR_EMPTY);
		compare_range(trie, twin, STR_EMPTY, start);
		compare_range(trie, twin, key, start);
	}
}

static void twin_put(struct twin *twin, const struct store_record *record, const struct store_record *replaced)
{
	size_t place = twin_place(twin, store_record_key(record));

	if (place < twin->len && str_eq(store_record_key(twin->records[place]), store_record_key(record))) {
		assert_ptr_equal(replaced, twin->records[place]);
	} else {
		assert_null(replaced);
		memmove(twin->records + place + 1, twin->records + place,
			(twin->len - place) * sizeof(twin->records[0]));
		twin->len++;
	}
	twin->records[place] = record;
}

static void step(struct trie_transaction *t, struct twin *twin, struct random_source *random)
{
	char bytes[8];
	struct str key = random_key(random, bytes);

	if (random_source_below(random, 3)) {
		struct store_record_parts parts = {.key = key, .deleted = random_source_below(random, 4) == 0};
		struct store_record *record = store_record_new(&parts, NULL);

		const struct store_record *replaced = trie_put(t, record);

		twin_put(twin, record, replaced);
		lost[lost_len++] = replaced;
	} else {
		size_t place = twin_place(twin, key);
		const struct store_record *removed = trie_remove(t, key);

		if (place < twin->len && str_eq(store_record_key(twin->records[place]), key)) {
			assert_ptr_equal(removed, twin->records[place]);
			lost[lost_len++] = removed;
			twin->len--;
			memmove(twin->records + place, twin->records + place + 1,
				(twin->len - place) * sizeof(twin->records[0]));
		} else {
			assert_null(removed);
		}
	}
}

static void test_against_twin(void **state UNUSED)
{
	static struct twin twin, old_twin;
	struct random_source random = {1};
	struct trie_transaction t = {.id = 1, .retire_block = retire};
	struct trie old = {0};
	size_t kept = 0;

	for (int round = 0; round < 400; round++) {
		size_t steps = 1 + random_source_below(&random, 20);

		t.id++;
		while (steps--)
			step(&t, &twin, &random);
		compare(&t.trie, &twin, &random);
		compare(&old, &old_twin, &random);
		/* Every now and then let go of the old root, and with it of what was retired since. */
		if (round % 7 == 0) {
			while (kept < retired_len)
				trie_block_free(retired[kept++]);
			old = t.trie;
			old_twin = twin;
		}
	}
	while (kept < retired_len)
		trie_block_free(retired[kept++]);
	trie_free(&t.trie);
	while (lost_len)
		store_record_unref(lost[--lost_len]);
}

static bool stop_after(void *data, const struct store_record *record UNUSED)
{
	return --*(int *)data > 0;
}

static void test_scan_stops(void **state UNUSED)
{
	struct trie_transaction t = {.id = 1, .retire_block = retire};
	int left = 3;

	retired_len = 0;
	for (int i = 0; i < 26; i++) {
		char name[2] = {(char)('a' + i), 0};

		assert_null(trie_put(&t, store_record_new(&(struct store_record_parts){.key = str_from(name)}, NULL)));
	}
	assert_false(trie_scan(&t.trie, STR_EMPTY, STR("c"), stop_after, &left));
	assert_int_equal(left, 0);
	assert_int_equal(trie_count(&t.trie), 26);
	assert_int_equal(retired_len, 0);
	trie_free(&t.trie);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_twin),
		cmocka_unit_test(test_scan_stops),
	};

	return cmocka_run_group_tests_name("trie", tests, NULL, NULL);
}
