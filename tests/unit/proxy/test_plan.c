/* The proxy's pure half: which elements services ask for, differences, chain names, stale UDP entries. */
#include "unit.h"

#include <netinet/in.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/random.h"
#include "proxy/conntrack.h"
#include "proxy/skeleton.h"

static struct ip_address address(const char *text)
{
	struct ip_address result;

	assert_int_equal(ip_parse(str_from(text), &result), 0);
	return result;
}

#define ALL_READY true, true, false

/* One element per line: set, key and value in hexadecimal, or the chain. */
static void print(const struct proxy_elements *list, struct buf *out)
{
	for (size_t i = 0; i < list->len; i++) {
		const struct proxy_element *element = &list->items[i];
		char chain[NFT_NAME_SIZE];

		buf_printf(out, "%s ", proxy_set_name(element->set));
		for (size_t k = 0; k < element->key_size; k++)
			buf_printf(out, "%02x%s", element->key[k], k % 4 == 3 && k + 1 < element->key_size ? "." : "");
		if (element->kind == NFT_VALUE_DROP)
			buf_c(out, " drop");
		if (element->kind == NFT_VALUE_GOTO) {
			proxy_chain_name(&element->target, chain);
			buf_printf(out, " %s", chain);
		}
		for (size_t k = 0; k < element->value_size; k++)
			buf_printf(out, "%s%02x", k == 0 ? " " : k % 4 == 0 ? "." : "", element->value[k]);
		buf_c(out, "\n");
	}
}

static void assert_wanted(const struct proxy_service *services, size_t len, enum ip_family family, const char *expected)
{
	struct proxy_elements wanted = {0};
	struct buf cleanup_buf out;

	buf_init(&out, 1 << 20);
	proxy_want(services, len, family, &wanted);
	print(&wanted, &out);
	assert_string_equal(out.data, expected);
	proxy_elements_release(&wanted);
}

/* A TCP service 10.96.0.1:80, node port 30080, external address 1.2.3.4, as @change makes it. */
struct fixture {
	struct ip_address cluster_ip, external_ip;
	struct proxy_endpoint endpoints[3];
	struct proxy_service service;
};

static void make(struct fixture *f, size_t endpoints)
{
	*f = (struct fixture){.cluster_ip = address("10.96.0.1"), .external_ip = address("1.2.3.4")};
	f->endpoints[0] = (struct proxy_endpoint){address("10.244.1.2"), 8080, ALL_READY, true};
	f->endpoints[1] = (struct proxy_endpoint){address("10.244.2.2"), 8080, ALL_READY, false};
	f->endpoints[2] = (struct proxy_endpoint){address("fd00::2"), 8080, ALL_READY, false};
	f->service = (struct proxy_service){.name = STR("d/web:"),
					    .cluster_ips = {&f->cluster_ip, 1},
					    .protocol = IPPROTO_TCP,
					    .port = 80,
					    .endpoints = f->endpoints,
					    .endpoints_len = endpoints};
}

static void test_cluster_ip(void **state UNUSED)
{
	struct fixture f;

	make(&f, 3);
	assert_wanted(&f.service, 1, IP_V4,
		      "services 0a600001.06000000.00500000 cluster-2\n"
		      "endpoints 0a600001.06000000.00500000.00000000 0af40102.1f900000\n"
		      "endpoints 0a600001.06000000.00500000.01000000 0af40202.1f900000\n"
		      "cluster-ips 0a600001\n"
		      "hairpin 0af40102.0af40102\n");
	assert_wanted(&f.service, 1, IP_V6, "");
	f.service.internal_policy = PROXY_LOCAL;
	assert_wanted(&f.service, 1, IP_V4,
		      "services 0a600001.06000000.00500000 cluster-1\n"
		      "endpoints 0a600001.06000000.00500000.00000000 0af40102.1f900000\n"
		      "cluster-ips 0a600001\n"
		      "hairpin 0af40102.0af40102\n");
	f.endpoints[0].local = false;
	assert_wanted(&f.service, 1, IP_V4, "services 0a600001.06000000.00500000 drop\ncluster-ips 0a600001\n");
}

static void test_no_endpoints(void **state UNUSED)
{
	struct fixture f;

	make(&f, 0);
	f.service.node_port = 30080;
	assert_wanted(&f.service, 1, IP_V4,
		      "rejected 0a600001.06000000.00500000 reject-chain\n"
		      "rejected-nodeports 06000000.75800000 reject-chain\n"
		      "cluster-ips 0a600001\n");
}

/* Ready ones first; those that end but serve only when no other is left, of the cluster and of the node each. */
static void test_terminating(void **state UNUSED)
{
	static const struct {
		bool ready[2], serving[2], terminating[2];
		const char *chain, *local_chain; /* NULL: none */
	} cases[] = {
		{{true, true}, {true, true}, {false, false}, "cluster-2", "local-1"},
		{{false, true}, {true, true}, {true, false}, "cluster-1", "local-1"},
		{{false, false}, {true, true}, {true, true}, "cluster-2", "local-1"},
		{{false, false}, {true, false}, {true, true}, "cluster-1", "local-1"},
		{{false, false}, {false, true}, {true, true}, "cluster-1", "drop"},
		{{false, false}, {false, false}, {true, true}, "reject-chain", NULL},
		{{false, false}, {true, true}, {false, false}, "reject-chain", NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct proxy_elements wanted = {0};
		const struct proxy_element *local = NULL;
		char chain[NFT_NAME_SIZE];
		struct fixture f;

		make(&f, 2);
		f.service.external_ips = (struct proxy_address_slice){&f.external_ip, 1};
		f.service.external_policy = PROXY_LOCAL;
		for (size_t e = 0; e < 2; e++) {
			f.endpoints[e].ready = cases[i].ready[e];
			f.endpoints[e].serving = cases[i].serving[e];
			f.endpoints[e].terminating = cases[i].terminating[e];
		}
		proxy_want(&f.service, 1, IP_V4, &wanted);
		proxy_chain_name(&wanted.items[0].target, chain);
		assert_string_equal(chain, cases[i].chain);
		for (size_t e = 0; e < wanted.len; e++)
			if (wanted.items[e].set == PROXY_LOCAL_SERVICES)
				local = &wanted.items[e];
		assert_int_equal(local != NULL, cases[i].local_chain != NULL);
		if (local && local->kind == NFT_VALUE_DROP)
			snprintf(chain, sizeof(chain), "drop");
		else if (local)
			proxy_chain_name(&local->target, chain);
		if (local)
			assert_string_equal(chain, cases[i].local_chain);
		proxy_elements_release(&wanted);
	}
}

static void test_external(void **state UNUSED)
{
	struct fixture f;

	make(&f, 2);
	f.service.node_port = 30080;
	f.service.external_ips = (struct proxy_address_slice){&f.external_ip, 1};
	f.service.external_policy = PROXY_LOCAL;
	assert_wanted(&f.service, 1, IP_V4,
		      "services 01020304.06000000.00500000 cluster-2\n"
		      "services 0a600001.06000000.00500000 cluster-2\n"
		      "nodeports 06000000.75800000 node-cluster-2\n"
		      "endpoints 00000000.06000000.75800000.00000000 0af40102.1f900000\n"
		      "endpoints 00000000.06000000.75800000.01000000 0af40202.1f900000\n"
		      "endpoints 01020304.06000000.00500000.00000000 0af40102.1f900000\n"
		      "endpoints 01020304.06000000.00500000.01000000 0af40202.1f900000\n"
		      "endpoints 0a600001.06000000.00500000.00000000 0af40102.1f900000\n"
		      "endpoints 0a600001.06000000.00500000.01000000 0af40202.1f900000\n"
		      "local-services 01020304.06000000.00500000 local-1\n"
		      "local-nodeports 06000000.75800000 local-node-1\n"
		      "local-endpoints 00000000.06000000.75800000.00000000 0af40102.1f900000\n"
		      "local-endpoints 01020304.06000000.00500000.00000000 0af40102.1f900000\n"
		      "cluster-ips 0a600001\n"
		      "hairpin 0af40102.0af40102\n");
	f.service.external_policy = PROXY_CLUSTER;
	f.service.affinity_seconds = 10800;
	f.service.external_ips.len = 0;
	f.service.endpoints_len = 1;
	assert_wanted(&f.service, 1, IP_V4,
		      "services 0a600001.06000000.00500000 cluster-1-10800\n"
		      "nodeports 06000000.75800000 node-1-10800\n"
		      "draws 00000000.06000000.75800000.00000000 49d1d6db\n"
		      "draws 0a600001.06000000.00500000.00000000 49d1d6db\n"
		      "sticky 00000000.06000000.75800000.49d1d6db 0af40102.1f900000\n"
		      "sticky 0a600001.06000000.00500000.49d1d6db 0af40102.1f900000\n"
		      "cluster-ips 0a600001\n"
		      "hairpin 0af40102.0af40102\n");
}

static void test_first_by_name_wins(void **state UNUSED)
{
	struct proxy_service services[2];
	struct fixture a, b;

	make(&a, 1);
	make(&b, 1);
	b.endpoints[0].address = address("10.244.9.9");
	b.service.name = STR("d/a:");
	services[0] = a.service;
	services[1] = b.service;
	assert_wanted(services, 2, IP_V4,
		      "services 0a600001.06000000.00500000 cluster-1\n"
		      "endpoints 0a600001.06000000.00500000.00000000 0af40909.1f900000\n"
		      "cluster-ips 0a600001\n"
		      "hairpin 0af40102.0af40102\n"
		      "hairpin 0af40909.0af40909\n");
}

static void test_chain_names(void **state UNUSED)
{
	static const struct proxy_target targets[] = {
		{PROXY_CHAIN_CLUSTER, 1, 0},  {PROXY_CHAIN_EXTERNAL, 1000, 0},
		{PROXY_CHAIN_NODE, 5, 10800}, {PROXY_CHAIN_NODE_CLUSTER, 5, 0},
		{PROXY_CHAIN_LOCAL, 7, 1},    {PROXY_CHAIN_LOCAL_NODE, 4294967295, 86400},
		{PROXY_CHAIN_REJECT, 0, 0},   {PROXY_CHAIN_NODE_CLUSTER, 2, 3},
	};
	static const char *const others[] = {"",
					     "cluster",
					     "cluster-",
					     "cluster-0",
					     "cluster-x",
					     "cluster-1-",
					     "cluster-1-0",
					     "cluster-1-2-3",
					     "common",
					     "version-1-00000000",
					     "node-cluster",
					     "cluster-99999999999"};
	struct proxy_target parsed;

	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		char name[NFT_NAME_SIZE];

		proxy_chain_name(&targets[i], name);
		assert_true(proxy_chain_parse(name, &parsed));
		assert_memory_equal(&parsed, &targets[i], sizeof(parsed));
	}
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_false(proxy_chain_parse(others[i], &parsed));
}

static void add_random(struct random_source *random, struct proxy_elements *list)
{
	struct proxy_element *element = proxy_elements_add(list);
	uint32_t key = (uint32_t)random_source_below(random, 12), value = (uint32_t)random_source_below(random, 3);

	element->set = (uint8_t)random_source_below(random, 3);
	proxy_key_add(element, &key, 4);
	if (element->set == PROXY_SERVICES) {
		element->kind = NFT_VALUE_GOTO;
		element->target = (struct proxy_target){PROXY_CHAIN_CLUSTER, value + 1, 0};
	} else {
		element->kind = NFT_VALUE_DATA;
		proxy_value_add(element, &value, 4);
	}
}

static bool holds(const struct proxy_elements *list, const struct proxy_element *element)
{
	for (size_t i = 0; i < list->len; i++)
		if (list->items[i].set == element->set &&
		    memcmp(list->items[i].key, element->key, sizeof(element->key)) == 0)
			return memcmp(list->items[i].value, element->value, sizeof(element->value)) == 0;
	return false;
}

static bool uses(const struct proxy_elements *list, uint32_t endpoints)
{
	for (size_t i = 0; i < list->len; i++)
		if (list->items[i].kind == NFT_VALUE_GOTO && list->items[i].target.endpoints == endpoints)
			return true;
	return false;
}

static size_t count_missing(const struct proxy_elements *from, const struct proxy_elements *in)
{
	size_t count = 0;

	for (size_t i = 0; i < from->len; i++)
		count += !holds(in, &from->items[i]);
	return count;
}

/* Against the obvious twin: what one has and the other not. */
static void test_plan_random(void **state UNUSED)
{
	struct random_source random = {7};

	for (int round = 0; round < 300; round++) {
		struct proxy_elements have = {0}, wanted = {0};
		struct proxy_plan plan;

		for (uint64_t n = random_source_below(&random, 20); n > 0; n--)
			add_random(&random, &have);
		for (uint64_t n = random_source_below(&random, 20); n > 0; n--)
			add_random(&random, &wanted);
		proxy_elements_sort(&have);
		proxy_elements_sort(&wanted);
		proxy_plan(&have, &wanted, &plan);
		assert_int_equal(plan.deleted_len, count_missing(&have, &wanted));
		assert_int_equal(plan.added_len, count_missing(&wanted, &have));
		for (size_t i = 0; i < plan.deleted_len; i++)
			assert_false(holds(&wanted, plan.deleted[i]));
		for (size_t i = 0; i < plan.added_len; i++)
			assert_false(holds(&have, plan.added[i]));
		for (size_t i = 0; i < plan.new_chains_len; i++)
			assert_true(uses(&wanted, plan.new_chains[i].endpoints) &&
				    !uses(&have, plan.new_chains[i].endpoints));
		for (size_t i = 0; i < plan.old_chains_len; i++)
			assert_true(uses(&have, plan.old_chains[i].endpoints) &&
				    !uses(&wanted, plan.old_chains[i].endpoints));
		proxy_plan_release(&plan);
		proxy_elements_release(&have);
		proxy_elements_release(&wanted);
	}
}

static void test_stale_entries(void **state UNUSED)
{
	static const struct {
		const char *to;
		uint16_t to_port;
		bool local;
		const char *from;
		uint16_t from_port;
		bool stale;
	} cases[] = {
		{"10.96.0.1", 53, false, "10.244.1.2", 8080, false},   /* an endpoint */
		{"10.96.0.1", 53, false, "10.244.1.9", 8080, true},    /* no more */
		{"10.96.0.1", 53, false, "10.244.1.2", 8081, true},    /* another port */
		{"10.96.0.1", 53, false, "10.96.0.1", 53, true},       /* never translated */
		{"10.96.0.1", 54, false, "10.244.1.9", 8080, false},   /* not ours */
		{"192.0.2.1", 30053, true, "10.244.1.2", 8080, false}, /* by node port */
		{"192.0.2.1", 30053, true, "10.244.1.9", 8080, true},
		{"192.0.2.1", 30053, true, "192.0.2.1", 30053, true},
		{"192.0.2.9", 30053, false, "192.0.2.9", 30053, false}, /* somebody else's port of that number */
		{"10.96.0.2", 53, false, "10.244.1.2", 8080, true},	/* a service without endpoints */
		{"10.96.0.3", 53, false, "10.244.1.2", 8080, true},	/* a service that is gone */
		{"10.96.0.3", 53, false, "10.96.0.3", 53, false},
		{"10.96.0.9", 53, false, "10.244.1.2", 8080, false}, /* unknown */
	};
	struct proxy_elements have = {0}, wanted = {0};
	struct proxy_service services[3];
	struct fixture f, none, gone;
	struct proxy_plan plan;

	make(&f, 2);
	f.service.protocol = IPPROTO_UDP;
	f.service.port = 53;
	f.service.node_port = 30053;
	make(&none, 0);
	none.service.name = STR("d/none:");
	none.service.protocol = IPPROTO_UDP;
	none.service.port = 53;
	none.cluster_ip = address("10.96.0.2");
	make(&gone, 1);
	gone.service.name = STR("d/gone:");
	gone.service.protocol = IPPROTO_UDP;
	gone.service.port = 53;
	gone.cluster_ip = address("10.96.0.3");
	services[0] = f.service;
	services[1] = none.service;
	services[2] = gone.service;
	proxy_want(services, 3, IP_V4, &have);
	proxy_want(services, 2, IP_V4, &wanted);
	proxy_plan(&have, &wanted, &plan);
	assert_true(proxy_conntrack_concerns(&plan));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ip_address to = address(cases[i].to), from = address(cases[i].from);

		assert_int_equal(proxy_conntrack_is_stale(&wanted, &plan, &to, cases[i].to_port, cases[i].local, &from,
							  cases[i].from_port),
				 cases[i].stale);
	}
	proxy_plan_release(&plan);
	proxy_elements_release(&have);
	proxy_elements_release(&wanted);
}

/* Only UDP needs the tracking table read. */
static void test_concerns_udp_only(void **state UNUSED)
{
	struct proxy_elements nothing = {0}, wanted = {0};
	struct proxy_plan plan;
	struct fixture f;

	make(&f, 2);
	f.service.node_port = 30080;
	f.service.affinity_seconds = 5;
	proxy_want(&f.service, 1, IP_V4, &wanted);
	proxy_plan(&nothing, &wanted, &plan);
	assert_false(proxy_conntrack_concerns(&plan));
	proxy_plan_release(&plan);
	proxy_elements_release(&wanted);
}

static void test_versions_differ(void **state UNUSED)
{
	struct ip_prefix cidr = {address("10.244.0.0"), 16};
	struct proxy_config without = {0}, with = {.cluster_cidrs = &cidr, .cluster_cidrs_len = 1},
			    all = {.masquerade_all = true};
	const struct proxy_config *configs[] = {&without, &with, &all};
	char names[3][NFT_NAME_SIZE];

	for (size_t i = 0; i < 3; i++) {
		struct proxy_skeleton skeleton = {NFT_FAMILY_IP, "t", configs[i]};

		proxy_skeleton_version(&skeleton, names[i]);
		assert_int_equal(proxy_skeleton_rules(&skeleton, names[i]), 0);
		assert_int_equal(proxy_skeleton_rules(&skeleton, "mark-outside"), i == 0 ? 0 : 1);
		assert_int_equal(proxy_skeleton_rules(&skeleton, "nothing"), -1);
	}
	assert_string_not_equal(names[0], names[1]);
	assert_string_not_equal(names[0], names[2]);
	assert_string_not_equal(names[1], names[2]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cluster_ip),	   cmocka_unit_test(test_no_endpoints),
		cmocka_unit_test(test_terminating),	   cmocka_unit_test(test_external),
		cmocka_unit_test(test_first_by_name_wins), cmocka_unit_test(test_chain_names),
		cmocka_unit_test(test_plan_random),	   cmocka_unit_test(test_stale_entries),
		cmocka_unit_test(test_concerns_udp_only),  cmocka_unit_test(test_versions_differ),
	};

	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
