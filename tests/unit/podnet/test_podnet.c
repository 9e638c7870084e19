/* The parts of the pod network that decide: addresses, records on disk, routes, names. */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/random.h"
#include "podnet/podnet_internal.h"

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix result;

	assert_int_equal(ip_prefix_parse(str_from(text), &result), 0);
	return result;
}

static struct ip_address address(const char *text)
{
	struct ip_address result;

	assert_int_equal(ip_parse(str_from(text), &result), 0);
	return result;
}

static void assert_address(const struct ip_address *actual, const char *expected)
{
	char text[IP_TEXT_SIZE];

	ip_format(actual, text);
	assert_string_equal(text, expected);
}

static void test_ranges(void **state UNUSED)
{
	static const struct {
		const char *cidr, *gateway, *first, *last;
		unsigned len; /* addresses for pods; 0: refused */
	} cases[] = {
		{"10.244.1.0/24", "10.244.1.1", "10.244.1.2", "10.244.1.254", 253},
		{"10.244.1.77/24", "10.244.1.1", "10.244.1.2", "10.244.1.254", 253},
		{"10.0.0.0/30", "10.0.0.1", "10.0.0.2", "10.0.0.2", 1},
		{"10.0.0.0/31", NULL, NULL, NULL, 0},
		{"10.0.0.0/32", NULL, NULL, NULL, 0},
		{"10.0.0.128/25", "10.0.0.129", "10.0.0.130", "10.0.0.254", 125},
		{"10.96.0.0/16", "10.96.0.1", "10.96.0.2", "10.96.255.254", 65533},
		{"10.0.0.0/8", "10.0.0.1", "10.0.0.2", "10.0.255.255", 65534},
		{"fd00:1::/64", "fd00:1::1", "fd00:1::2", "fd00:1::ffff", 65534},
		{"fd00:1::/126", "fd00:1::1", "fd00:1::2", "fd00:1::3", 2},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ip_prefix cidr = prefix(cases[i].cidr);
		struct ip_address got = {0}, gateway;
		struct error err = {0};
		struct ipam ipam;

		if (cases[i].len == 0) {
			assert_int_equal(ipam_init(&ipam, &cidr, &err), -ERR_INVALID);
			continue;
		}
		assert_int_equal(ipam_init(&ipam, &cidr, &err), 0);
		gateway = ipam_gateway(&ipam);
		assert_address(&gateway, cases[i].gateway);
		for (unsigned n = 0; n < cases[i].len; n++) {
			assert_int_equal(ipam_take(&ipam, &got), 0);
			if (n == 0)
				assert_address(&got, cases[i].first);
		}
		assert_address(&got, cases[i].last);
		assert_int_equal(ipam_take(&ipam, &got), -ENOSPC);
		ipam_give(&ipam, &got);
		assert_int_equal(ipam_take(&ipam, &got), 0);
		ipam_release(&ipam);
	}
}

static void test_freed_address_comes_last(void **state UNUSED)
{
	struct ip_prefix cidr = prefix("10.1.0.0/28");
	struct ip_address first, got;
	struct error err = {0};
	struct ipam ipam;

	assert_int_equal(ipam_init(&ipam, &cidr, &err), 0);
	assert_int_equal(ipam_take(&ipam, &first), 0);
	ipam_give(&ipam, &first);
	for (int i = 0; i < 12; i++) {
		assert_int_equal(ipam_take(&ipam, &got), 0);
		assert_false(ip_eq(&got, &first));
	}
	assert_int_equal(ipam_take(&ipam, &got), 0);
	assert_true(ip_eq(&got, &first));
	ipam_release(&ipam);
}

static void test_claim(void **state UNUSED)
{
	static const struct {
		const char *address;
		int result;
	} cases[] = {
		{"10.1.0.7", 0},       {"10.1.0.7", -EEXIST},  {"10.1.0.0", -ERANGE},
		{"10.1.0.1", -ERANGE}, {"10.1.0.15", -ERANGE}, {"10.1.1.7", -ERANGE},
		{"fd00::7", -ERANGE},  {"10.2.0.7", -ERANGE},  {"10.1.0.14", 0},
	};
	struct ip_prefix cidr = prefix("10.1.0.0/28");
	struct error err = {0};
	struct ip_address got;
	struct ipam ipam;

	assert_int_equal(ipam_init(&ipam, &cidr, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ip_address wanted = address(cases[i].address);

		assert_int_equal(ipam_claim(&ipam, &wanted), cases[i].result);
	}
	/* Eleven of thirteen are left, and none of the two claimed is among them. */
	for (int i = 0; i < 11; i++) {
		struct ip_address seven = address("10.1.0.7"), last = address("10.1.0.14");

		assert_int_equal(ipam_take(&ipam, &got), 0);
		assert_false(ip_eq(&got, &seven) || ip_eq(&got, &last));
	}
	assert_int_equal(ipam_take(&ipam, &got), -ENOSPC);
	ipam_release(&ipam);
}

/* Random takes and gives against the obvious twin: an array of owners. */
static void test_never_twice(void **state UNUSED)
{
	struct ip_prefix cidr = prefix("10.1.0.0/26");
	struct random_source random = {42};
	bool owned[64] = {false};
	struct error err = {0};
	struct ipam ipam;
	unsigned held = 0;

	assert_int_equal(ipam_init(&ipam, &cidr, &err), 0);
	for (int i = 0; i < 20000; i++) {
		unsigned which = (unsigned)random_source_below(&random, 64);
		struct ip_address got = cidr.address;

		if (random_source_below(&random, 5) < 3) {
			int result = ipam_take(&ipam, &got);

			assert_int_equal(result, held == 61 ? -ENOSPC : 0);
			if (result < 0)
				continue;
			assert_false(owned[got.bytes[3]]);
			owned[got.bytes[3]] = true;
			held++;
		} else if (owned[which]) {
			got.bytes[3] = (uint8_t)which;
			ipam_give(&ipam, &got);
			owned[which] = false;
			held--;
		}
	}
	ipam_release(&ipam);
}

static void test_record_text(void **state UNUSED)
{
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
		{"link wv1\naddress 10.0.0.2\n", true},
		{"link wv1\naddress 10.0.0.2\naddress fd00::2\nport 0.0.0.0 6 8080 80\nport 192.0.2.1 17 53 5353\n",
		 true},
		{"", false},
		{"link wv1\n", false},
		{"address 10.0.0.2\n", false},
		{"link wv1\naddress 10.0.0.2", false},
		{"link wv1\naddress 10.0.0\n", false},
		{"link wv1\naddress 10.0.0.2\naddress 10.0.0.3\naddress 10.0.0.4\n", false},
		{"link abcdefghijklmnop\naddress 10.0.0.2\n", false},
		{"link wv1\naddress 10.0.0.2\nport 0.0.0.0 6 65536 80\n", false},
		{"link wv1\naddress 10.0.0.2\nport 0.0.0.0 6 80\n", false},
		{"link wv1\naddress 10.0.0.2\nfoo\n", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct podnet_record record;
		struct error err = {0};
		struct buf cleanup_buf out;
		int result = podnet_record_parse(STR("pod-1"), str_from(cases[i].text), &record, &err);

		buf_init(&out, 4096);
		assert_int_equal(result, cases[i].good ? 0 : -ERR_INVALID);
		if (!cases[i].good)
			continue;
		podnet_record_format(&record, &out);
		assert_string_equal(out.data, cases[i].text);
	}
}

static void test_ids(void **state UNUSED)
{
	assert_true(podnet_state_valid_id(STR("0a1b-2.c_D")));
	assert_false(podnet_state_valid_id(STR("")));
	assert_false(podnet_state_valid_id(STR(".lock")));
	assert_false(podnet_state_valid_id(STR("../x")));
	assert_false(podnet_state_valid_id(STR("a/b")));
	assert_false(podnet_state_valid_id(STR("a b")));
}

static int count_record(void *data, const struct podnet_record *record UNUSED, struct error *err UNUSED)
{
	++*(int *)data;
	return 0;
}

static void test_state_folder(void **state UNUSED)
{
	char path[] = "/tmp/podnet-test-XXXXXX";
	struct podnet_record record = {.attachment = {.id = "a", .len = 1, .link = "wv1"}};
	int dir, lock, second_dir, second_lock, count = 0;
	struct error err = {0};

	assert_non_null(mkdtemp(path));
	record.attachment.addresses[0] = address("10.0.0.2");
	assert_int_equal(podnet_state_open(path, &dir, &lock, &err), 0);
	assert_int_equal(podnet_state_open(path, &second_dir, &second_lock, &err), -ERR_CONFLICT);
	error_clear(&err);
	assert_int_equal(podnet_state_write(dir, &record, &err), 0);
	memcpy(record.attachment.id, "b", 2);
	assert_int_equal(podnet_state_write(dir, &record, &err), 0);
	assert_int_equal(podnet_state_write(dir, &record, &err), 0);
	assert_int_equal(podnet_state_remove(dir, "a", &err), 0);
	assert_int_equal(podnet_state_remove(dir, "a", &err), 0);
	/* What a crash in the middle of a write leaves is not a record. */
	close_fd(openat(dir, ".new-c", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_int_equal(podnet_state_read(dir, count_record, &count, &err), 0);
	assert_int_equal(count, 1);
	close_fd(openat(dir, "broken", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_int_equal(podnet_state_read(dir, count_record, &count, &err), -ERR_INVALID);
	assert_non_null(strstr(err.message, "broken"));
	error_clear(&err);
	close_fd(dir);
	close_fd(lock);
	assert_int_equal(podnet_state_reset(path, &err), 0);
	assert_int_equal(podnet_state_reset(path, &err), 0);
	assert_int_equal(access(path, F_OK), -1);
}

static struct netlink_route route(const char *destination, const char *gateway)
{
	return (struct netlink_route){
		.destination = prefix(destination), .gateway = address(gateway), .protocol = PODNET_ROUTE_PROTOCOL};
}

static void test_plan_routes(void **state UNUSED)
{
	struct arena cleanup_arena arena = {0};
	struct ip_prefix a[] = {prefix("10.244.0.0/24")}, b[] = {prefix("10.244.1.0/24"), prefix("fd00:1::/64")},
			 c[] = {prefix("10.244.2.0/24")}, d[] = {prefix("10.244.3.0/24")};
	struct ip_address at_a[] = {address("192.0.2.1")}, at_b[] = {address("192.0.2.2"), address("2001:db8::2")},
			  at_c[] = {address("192.0.2.3")};
	struct podnet_node nodes[] = {
		{STR("a"), {a, 1}, at_a, 1},
		{STR("b"), {b, 2}, at_b, 2},
		{STR("c"), {c, 1}, at_c, 1},
		{STR("d"), {d, 1}, NULL, 0},
	};
	struct netlink_route present[] = {
		route("10.244.2.0/24", "192.0.2.9"), /* c moved: replaced */
		route("fd00:1::/64", "2001:db8::2"), /* as it should be */
		route("10.244.7.0/24", "192.0.2.7"), /* its node is gone */
		route("10.244.0.0/24", "192.0.2.1"), /* never to ourselves */
	};
	struct podnet_route_plan plan;

	podnet_plan_routes(&arena, "a", nodes, 4, (struct netlink_route_slice){present, 4}, &plan);
	assert_int_equal(plan.set.len, 2);
	assert_address(&plan.set.items[0].destination.address, "10.244.1.0");
	assert_address(&plan.set.items[0].gateway, "192.0.2.2");
	assert_address(&plan.set.items[1].destination.address, "10.244.2.0");
	assert_address(&plan.set.items[1].gateway, "192.0.2.3");
	assert_int_equal(plan.remove.len, 2);
	assert_address(&plan.remove.items[0].destination.address, "10.244.7.0");
	assert_address(&plan.remove.items[1].destination.address, "10.244.0.0");

	podnet_plan_routes(&arena, "a", nodes, 0, (struct netlink_route_slice){present, 4}, &plan);
	assert_int_equal(plan.set.len, 0);
	assert_int_equal(plan.remove.len, 4);
}

static void test_names(void **state UNUSED)
{
	struct podnet_names a, again, b;

	podnet_names("node-a", &a);
	podnet_names("node-a", &again);
	podnet_names("node-b", &b);
	assert_string_equal(a.bridge, again.bridge);
	assert_string_equal(a.table, again.table);
	assert_string_equal(a.link_prefix, again.link_prefix);
	assert_string_not_equal(a.bridge, b.bridge);
	assert_string_not_equal(a.table, b.table);
	assert_string_not_equal(a.link_prefix, b.link_prefix);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges),	     cmocka_unit_test(test_freed_address_comes_last),
		cmocka_unit_test(test_claim),	     cmocka_unit_test(test_never_twice),
		cmocka_unit_test(test_record_text),  cmocka_unit_test(test_ids),
		cmocka_unit_test(test_state_folder), cmocka_unit_test(test_plan_routes),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests_name("podnet", tests, NULL, NULL);
}
