/* Kinds' own rules, from JSON to the sentence a client gets: defaults, preparation and checks as a create runs them. */
#include "unit.h"

#include "apiserver/registry/strategies.h"
#include "types/codec.h"
#include "types/gen/all.h"
#include "types/meta_validate.h"
#include "types/object.h"

struct created {
	struct arena arena;
	struct strategy_context context;
	struct field_errors errors;
	void *object;
};

static void create(struct created *c, const char *group, const char *version, const char *plural, const char *json)
{
	const struct resource *resource = resource_find(str_from(group), str_from(version), str_from(plural));
	const struct strategy *strategy = strategy_find(resource);
	struct meta_v1_object_meta *meta;
	struct error err = {0};

	*c = (struct created){.errors = {.arena = &c->arena}};
	if (decode_json(resource->schema, str_from(json), &c->arena, NULL, &c->object, &err) < 0)
		fail_msg("%s: %s", json, err.message);
	c->context = (struct strategy_context){.arena = &c->arena, .resource = resource, .now = {1700000000, 0, true}};
	meta = EDIT(struct meta_v1_object_meta, object_meta_of(resource->schema, c->object));
	meta->namespace = resource->namespaced ? STR("ns") : STR_EMPTY;
	meta->uid = STR("1");
	if (!meta->name.len)
		meta->name = STR("x");
	strategy_default_object(strategy, &c->context, resource->schema, c->object);
	if (strategy->prepare_create)
		strategy->prepare_create(&c->context, c->object);
	check_object_meta(&c->errors, FIELD(NULL, "metadata"), meta, resource->namespaced, strategy->validate_name);
	if (strategy->validate_create)
		strategy->validate_create(&c->context, c->object, &c->errors);
}

#define CONTAINER "{\"name\":\"c\",\"image\":\"i\"}"
#define POD(more) "{\"spec\":{\"containers\":[" CONTAINER "]" more "}}"
#define TEMPLATE  "\"template\":{\"metadata\":{\"labels\":{\"app\":\"a\"}},\"spec\":{\"containers\":[" CONTAINER "]}}"

static void test_refused(void **state UNUSED)
{
	static const struct {
		const char *group, *version, *plural, *json, *message;
	} cases[] = {
		{"", "v1", "pods", POD(""), ""},
		{"", "v1", "pods", "{\"spec\":{}}", "spec.containers: Required value"},
		{"", "v1", "pods", POD(",\"restartPolicy\":\"Maybe\""),
		 "spec.restartPolicy: Unsupported value: \"Maybe\": supported values: \"Always\", \"OnFailure\", "
		 "\"Never\""},
		{"", "v1", "pods", POD(",\"volumes\":[{\"name\":\"v\",\"hostPath\":{\"path\":\"/a/../b\"}}]"),
		 "spec.volumes[0].hostPath.path: Invalid value: \"/a/../b\": must not contain '..'"},
		{"", "v1", "pods", POD(",\"activeDeadlineSeconds\":0"),
		 "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"},
		{"", "v1", "services", "{\"spec\":{\"ports\":[{\"port\":0,\"targetPort\":1}]}}",
		 "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive"},
		{"", "v1", "services", "{\"spec\":{\"type\":\"ExternalName\"}}", "spec.externalName: Required value"},
		{"", "v1", "secrets", "{\"type\":\"kubernetes.io/dockercfg\"}", "data[.dockercfg]: Required value"},
		{"", "v1", "configmaps", "{\"data\":{\"..\":\"\"}}",
		 "data[..]: Invalid value: \"..\": must not be '..'"},
		{"", "v1", "namespaces", "{\"metadata\":{\"name\":\"a.b\"}}",
		 "[metadata.name: Invalid value: \"a.b\": must not contain dots]"},
		{"", "v1", "nodes", "{\"spec\":{\"podCIDRs\":[\"10.0.0.0/24\",\"10.0.1.0/24\"]}}",
		 "spec.podCIDRs: Invalid value: [\"10.0.0.0/24\",\"10.0.1.0/24\"]: may specify no more than one CIDR "
		 "for each "
		 "IP family"},
		{"apps", "v1", "deployments",
		 "{\"spec\":{\"selector\":{\"matchLabels\":{\"app\":\"b\"}}," TEMPLATE "}}",
		 "spec.template.metadata.labels: Invalid value: {\"app\":\"a\"}: `selector` does not match template "
		 "`labels`"},
		{"apps", "v1", "deployments",
		 "{\"spec\":{\"selector\":{\"matchLabels\":{\"app\":\"a\"}}," TEMPLATE "}}", ""},
		{"rbac.authorization.k8s.io", "v1", "roles", "{\"rules\":[{\"verbs\":[\"get\"],\"apiGroups\":[\"\"]}]}",
		 "rules[0].resources: Required value: resource rules must supply at least one resource"},
		{"scheduling.k8s.io", "v1", "priorityclasses", "{\"value\":1000000001}",
		 "value: Forbidden: maximum allowed value of a user defined priority is 1000000000"},
		{"coordination.k8s.io", "v1", "leases", "{\"spec\":{\"leaseDurationSeconds\":0}}",
		 "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct created c;
		const char *wanted = cases[i].message;
		bool part = *wanted == '[';

		create(&c, cases[i].group, cases[i].version, cases[i].plural, cases[i].json);
		if (part)
			assert_true(c.errors.len > 0);
		else
			assert_string_equal(str_c(field_errors_join(&c.errors, &c.arena)), wanted);
		arena_release(&c.arena);
	}
}

static void test_pod_begins(void **state UNUSED)
{
	struct created c;
	const struct core_v1_pod *pod;
	int64_t asked = 5;

	create(&c, "", "v1", "pods",
	       "{\"spec\":{\"hostNetwork\":true,\"containers\":[{\"name\":\"c\",\"image\":\"a/"
	       "b\",\"ports\":[{\"containerPort\":8}],"
	       "\"resources\":{\"limits\":{\"cpu\":\"1\",\"memory\":\"1Gi\"}}}]}}");
	pod = c.object;
	assert_int_equal(c.errors.len, 0);
	assert_str_equal(pod->spec.containers.items[0].image_pull_policy, "Always");
	assert_int_equal(pod->spec.containers.items[0].ports.items[0].host_port, 8);
	assert_int_equal(pod->spec.containers.items[0].resources.requests.len, 2);
	assert_str_equal(pod->status.qos_class, "Guaranteed");
	assert_str_equal(pod->status.phase, "Pending");
	assert_true(*pod->spec.enable_service_links);
	assert_int_equal(strategy_find(c.context.resource)->graceful_period(&c.context, pod, &asked), 0);
	EDIT(struct core_v1_pod, pod)->spec.node_name = STR("n");
	assert_int_equal(strategy_find(c.context.resource)->graceful_period(&c.context, pod, &asked), 5);
	assert_int_equal(strategy_find(c.context.resource)->graceful_period(&c.context, pod, NULL), 30);
	arena_release(&c.arena);
}

static void test_pod_update(void **state UNUSED)
{
	struct created old, now;
	const struct strategy *strategy;
	struct core_v1_pod *pod;

	create(&old, "", "v1", "pods", POD(",\"terminationGracePeriodSeconds\":10"));
	create(&now, "", "v1", "pods", POD(",\"terminationGracePeriodSeconds\":10"));
	strategy = strategy_find(old.context.resource);
	pod = now.object;
	EDIT(struct core_v1_container, pod->spec.containers.items)->image = STR("other");
	strategy->validate_update(&now.context, pod, old.object, &now.errors);
	assert_int_equal(now.errors.len, 0);
	pod->spec.hostname = STR("h");
	strategy->validate_update(&now.context, pod, old.object, &now.errors);
	assert_int_equal(now.errors.len, 1);
	assert_str_equal(now.errors.items[0].field, "spec");
	arena_release(&old.arena);
	arena_release(&now.arena);
}

/* Every kind with columns fills as many cells, of an object with nothing in it too. */
static void test_cells_fit_columns(void **state UNUSED)
{
	for (size_t i = 0; i < resources_len; i++) {
		const struct resource *resource = &resources[i];
		const struct strategy *strategy = resource->schema ? strategy_find(resource) : NULL;
		const struct schema *schema;
		struct arena arena = {0};
		struct table_row row = {.arena = &arena, .cells = value_array(&arena)};
		void *object;

		if (strategy && strategy->cells) {
			schema = schema_by_kind(resource->storage_version, resource->kind);
			schema = schema ? schema : resource->schema;
			object = arena_zalloc(&arena, schema->size);
			strategy->cells(&row, object);
			/* Upstream's quirk: addresses have an age without a column. */
			assert_int_equal(row.cells->array.len,
					 strategy->columns_len + str_eq_c(resource->plural, "ipaddresses"));
		}
		arena_release(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_pod_begins),
		cmocka_unit_test(test_pod_update),
		cmocka_unit_test(test_cells_fit_columns),
	};

	return cmocka_run_group_tests_name("strategies", tests, NULL, NULL);
}
