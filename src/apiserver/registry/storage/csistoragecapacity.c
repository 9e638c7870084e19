/* CSI storage capacities: what they are about never changes. */
#include "apiserver/registry/core/pod_check.h"
#include "apiserver/registry/rule.h"
#include "types/gen/storage_v1.h"

static void check_capacity(struct field_errors *errors, const struct path *path, const void *value)
{
	check_resource_quantity(errors, path, STR("storage"), value);
}

static const struct rule rules[] = {
	RULE_SELECTOR("nodeTopology"),
	RULE_STRICT_NAME("storageClassName", name_is_dns_subdomain),
	RULE_CHECK("capacity", check_capacity),
};
static const struct rule update_rules[] = {RULE_IMMUTABLE("nodeTopology"), RULE_IMMUTABLE("storageClassName")};

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	CHECK_RULES(errors, NULL, &schema_storage_v1_csi_storage_capacity, object, rules);
}

static void validate_update(struct strategy_context *context UNUSED, const void *object, const void *old,
			    struct field_errors *errors)
{
	CHECK_UPDATE_RULES(errors, NULL, &schema_storage_v1_csi_storage_capacity, object, old, update_rules);
}

const struct strategy strategy_storage_csistoragecapacities = {
	.group = STR_INIT("storage.k8s.io"),
	.plural = STR_INIT("csistoragecapacities"),
	.forbid_unconditional_update = true,
	.validate_create = validate_create,
	.validate_update = validate_update,
};
