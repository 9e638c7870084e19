/* Resource requests, limits and claims; see pod_check.h. */
#include "apiserver/registry/core/pod_check.h"

bool is_huge_page(struct str name)
{
	return str_has_prefix(name, STR("hugepages-"));
}

/* kubernetes.io's own: no prefix, or one that ends so. */
static bool is_native(struct str name)
{
	return str_index(name, '/') < 0 || str_contains(name, STR("kubernetes.io/"));
}

bool may_overcommit(struct str name)
{
	return is_native(name) && !is_huge_page(name);
}

bool is_extended_resource(struct str name)
{
	return !is_native(name) && !str_has_prefix(name, STR("requests."));
}

static bool is_standard_resource(struct str name)
{
	return is_huge_page(name) || str_has_prefix(name, STR("requests.hugepages-")) ||
	       is_one_of(name, "cpu", "memory", "ephemeral-storage", "requests.cpu", "requests.memory",
			 "requests.ephemeral-storage", "limits.cpu", "limits.memory", "limits.ephemeral-storage",
			 "pods", "resourcequotas", "services", "replicationcontrollers", "secrets", "configmaps",
			 "persistentvolumeclaims", "storage", "requests.storage", "services.nodeports",
			 "services.loadbalancers", NULL);
}

void check_resource_name(struct field_errors *errors, const struct path *path, struct str name)
{
	struct name_problems problems = name_is_qualified(name);

	check_name(errors, path, name, problems);
	if (!problems.len && str_index(name, '/') < 0 && !is_standard_resource(name))
		field_invalid(errors, path, VALUE(name), "must be a standard resource type or fully qualified");
}

static struct field_value quantity_value_of(const struct quantity *quantity, struct arena *arena)
{
	return field_value_text(quantity_format(quantity, arena));
}

void check_resource_quantity(struct field_errors *errors, const struct path *path, struct str name,
			     const struct quantity *quantity)
{
	if (quantity_sign(quantity) < 0)
		field_invalid(errors, path, quantity_value_of(quantity, errors->arena),
			      "must be greater than or equal to 0");
	if ((is_extended_resource(name) ||
	     is_one_of(name, "pods", "resourcequotas", "services", "replicationcontrollers", "secrets", "configmaps",
		       "persistentvolumeclaims", "services.nodeports", "services.loadbalancers", NULL)) &&
	    quantity_milli_value(quantity) % 1000 != 0)
		field_invalid(errors, path, quantity_value_of(quantity, errors->arena), "must be an integer");
}

void check_container_resource_name(struct field_errors *errors, const struct path *path, struct str name)
{
	check_resource_name(errors, path, name);
	if (str_index(name, '/') < 0) {
		if (!is_huge_page(name) && !is_one_of(name, "cpu", "memory", "ephemeral-storage", NULL))
			field_invalid(errors, path, VALUE(name), "must be a standard resource for containers");
	} else if (!is_native(name) && !is_extended_resource(name)) {
		field_invalid(errors, path, VALUE(name), "doesn't follow extended resource name standard");
	}
}

static void check_pod_resource_name(struct field_errors *errors, const struct path *path, struct str name)
{
	size_t before = errors->len;

	check_resource_name(errors, path, name);
	if (errors->len == before && !is_huge_page(name) && !is_one_of(name, "cpu", "memory", NULL))
		field_not_supported_c(errors, path, VALUE(name), "cpu", "hugepages-", "memory", NULL);
}

static void check_huge_page(struct field_errors *errors, const struct path *path, struct str name,
			    const struct quantity *quantity)
{
	struct quantity page;
	struct error err = {0};
	struct str text = quantity_format(quantity, errors->arena);

	if (!is_huge_page(name) || quantity_parse(str_from_at(name, 10), errors->arena, &page, &err) < 0)
		return;
	if (quantity_value(&page) <= 0 || quantity_value(quantity) % quantity_value(&page) != 0)
		field_invalid(errors, path, VALUE(text), STR_FMT " is not positive integer multiple of " STR_FMT,
			      STR_ARG(text), STR_ARG(name));
}

static void check_request(struct field_errors *errors, const struct path *path, const struct quantity_pair *request,
			  const struct quantity_map *limits)
{
	const struct quantity *limit = quantity_map_get(limits, request->key);
	bool overcommit = is_native(request->key) && !is_huge_page(request->key);
	int order;

	if (!limit) {
		if (!overcommit)
			field_required(errors, FIELD(path, "limits"),
				       "Limit must be set for non overcommitable resources");
		return;
	}
	order = quantity_cmp(&request->value, limit);
	if ((order != 0 && !overcommit) || order > 0) {
		struct str text = quantity_format(limit, errors->arena);

		field_invalid(errors, FIELD(path, "requests"), quantity_value_of(&request->value, errors->arena),
			      "must be %s " STR_FMT " limit of " STR_FMT,
			      overcommit ? "less than or equal to" : "equal to", STR_ARG(request->key), STR_ARG(text));
	}
}

static const struct core_v1_pod_resource_claim *find_claim(const struct core_v1_pod_resource_claim_slice *claims,
							   struct str name)
{
	for (size_t i = 0; claims && i < claims->len; i++)
		if (str_eq(claims->items[i].name, name))
			return &claims->items[i];
	return NULL;
}

static void claim_not_found(struct field_errors *errors, const struct path *path, struct str name,
			    const struct core_v1_pod_resource_claim_slice *claims)
{
	struct str quoted = quote_go(name, errors->arena), text;

	text = arena_printf(errors->arena,
			    "Not found: " STR_FMT ": must be one of the names in pod.spec.resourceClaims%s",
			    STR_ARG(quoted), claims && claims->len ? ": " : " which is empty");
	for (size_t i = 0; claims && i < claims->len; i++)
		text = arena_printf(errors->arena, STR_FMT "%s" STR_FMT, STR_ARG(text), i ? ", " : "",
				    STR_ARG(claims->items[i].name));
	field_add(errors, FIELD_ERROR_NOT_FOUND, path, text);
}

static void check_claim_names(struct field_errors *errors, const struct path *path,
			      const struct core_v1_resource_claim_slice *used,
			      const struct core_v1_pod_resource_claim_slice *claims)
{
	for (size_t i = 0; i < used->len; i++) {
		const struct core_v1_resource_claim *claim = &used->items[i];
		bool repeated = false;

		if (!claim->name.len) {
			field_required(errors, INDEX(path, i), NULL);
			continue;
		}
		if (claim->request.len)
			check_name(errors, FIELD(INDEX(path, i), "request"), claim->request,
				   name_is_dns_label(claim->request));
		for (size_t j = 0; j < i && !repeated; j++) {
			const struct core_v1_resource_claim *other = &used->items[j];

			repeated = str_eq(other->name, claim->name) && (!other->request.len || !claim->request.len ||
									str_eq(other->request, claim->request));
		}
		if (repeated)
			field_duplicate(errors, INDEX(path, i), VALUE(claim->name));
		if (!find_claim(claims, claim->name))
			claim_not_found(errors, INDEX(path, i), claim->name, claims);
	}
}

static void check_requirements(struct field_errors *errors, const struct path *path,
			       const struct core_v1_resource_requirements *needs,
			       void (*check_resource)(struct field_errors *errors, const struct path *path,
						      struct str name))
{
	bool compute = false, huge = false;

	SLICE_FOREACH (limit, needs->limits) {
		const struct path *at = KEY(FIELD(path, "limits"), limit->key);

		check_resource(errors, at, limit->key);
		check_resource_quantity(errors, at, limit->key, &limit->value);
		check_huge_page(errors, at, limit->key, &limit->value);
		compute = compute || is_one_of(limit->key, "cpu", "memory", NULL);
		huge = huge || is_huge_page(limit->key);
	}
	SLICE_FOREACH (request, needs->requests) {
		const struct path *at = KEY(FIELD(path, "requests"), request->key);

		check_resource(errors, at, request->key);
		check_resource_quantity(errors, at, request->key, &request->value);
		check_request(errors, path, request, &needs->limits);
		check_huge_page(errors, at, request->key, &request->value);
		compute = compute || is_one_of(request->key, "cpu", "memory", NULL);
		huge = huge || is_huge_page(request->key);
	}
	if (huge && !compute)
		field_forbidden(errors, path, "HugePages require cpu or memory");
}

void check_container_resources(struct field_errors *errors, const struct path *path,
			       const struct core_v1_resource_requirements *needs,
			       const struct core_v1_pod_resource_claim_slice *claims)
{
	check_requirements(errors, path, needs, check_container_resource_name);
	check_claim_names(errors, FIELD(path, "claims"), &needs->claims, claims);
}

static void more_than_zero(struct pod_check *check, const struct path *path, struct str key, const struct quantity *pod,
			   const struct quantity *sum)
{
	struct str text = quantity_format(sum, check->errors->arena);

	if (quantity_cmp(sum, pod) > 0)
		field_invalid(
			check->errors, KEY(FIELD(path, "requests"), key), quantity_value_of(pod, check->errors->arena),
			"must be greater than or equal to aggregate container requests of " STR_FMT, STR_ARG(text));
}

/* What containers ask for together may not be more than what the pod asks for. */
static void check_sums(struct pod_check *check, const struct path *path)
{
	const struct core_v1_resource_requirements *needs = check->spec->resources;

	SLICE_FOREACH (request, needs->requests) {
		struct quantity sum = {0};
		bool any = false;

		SLICE_FOREACH (container, check->spec->containers) {
			const struct quantity *part = quantity_map_get(&container->resources.requests, request->key);

			if (part)
				sum = any ? quantity_add(&sum, part, check->errors->arena) : *part;
			any = any || part;
		}
		if (any)
			more_than_zero(check, path, request->key, &request->value, &sum);
	}
	for (size_t i = 0; i < check->spec->containers.len; i++)
		SLICE_FOREACH (limit, check->spec->containers.items[i].resources.limits) {
			const struct quantity *pod = quantity_map_get(&needs->limits, limit->key);
			struct str text;

			if (!pod || quantity_cmp(&limit->value, pod) <= 0)
				continue;
			text = quantity_format(pod, check->errors->arena);
			field_invalid(check->errors,
				      FIELD(KEY(INDEX(FIELD(path, "containers"), i), limit->key), "limits"),
				      quantity_value_of(&limit->value, check->errors->arena),
				      "must be less than or equal to pod limits of " STR_FMT, STR_ARG(text));
		}
}

void check_pod_resources(struct pod_check *check, const struct path *path)
{
	const struct core_v1_resource_requirements *needs = check->spec->resources;

	if (!needs)
		return;
	if (check->spec->os && str_eq_c(check->spec->os->name, "windows")) {
		field_forbidden(check->errors, path, "may not be set for a windows pod");
		return;
	}
	if (needs->claims.items)
		field_forbidden(check->errors, FIELD(path, "claims"),
				"claims may not be set for Resources at pod-level");
	check_requirements(check->errors, path, needs, check_pod_resource_name);
	check_sums(check, path);
}

static struct field_value claim_value(const struct core_v1_pod_resource_claim *claim, struct arena *arena)
{
	const struct str *names[] = {claim->resource_claim_name, claim->resource_claim_template_name};
	struct str parts[ARRAY_LEN(names)], name = quote_go(claim->name, arena);

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		parts[i] = names[i] ? quote_go(*names[i], arena) : STR("null");
	return field_value_json(arena_printf(arena,
					     "{\"Name\":" STR_FMT ",\"ResourceClaimName\":" STR_FMT
					     ",\"ResourceClaimTemplateName\":" STR_FMT "}",
					     STR_ARG(name), STR_ARG(parts[0]), STR_ARG(parts[1])));
}

static void check_claim(struct pod_check *check, const struct path *path, size_t index)
{
	const struct core_v1_pod_resource_claim *claim = &check->spec->resource_claims.items[index];
	struct field_errors *errors = check->errors;

	if (!claim->name.len)
		field_required(errors, FIELD(path, "name"), NULL);
	else if (find_claim(&check->spec->resource_claims, claim->name) != claim)
		field_duplicate(errors, FIELD(path, "name"), VALUE(claim->name));
	else
		check_name(errors, FIELD(path, "name"), claim->name, name_is_dns_label(claim->name));
	if (claim->resource_claim_name && claim->resource_claim_template_name)
		field_invalid(errors, path, claim_value(claim, errors->arena),
			      "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified");
	if (!claim->resource_claim_name && !claim->resource_claim_template_name)
		field_invalid(errors, path, claim_value(claim, errors->arena),
			      "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`");
	if (claim->resource_claim_name)
		check_name(errors, FIELD(path, "resourceClaimName"), *claim->resource_claim_name,
			   name_is_dns_subdomain(*claim->resource_claim_name));
	if (claim->resource_claim_template_name)
		check_name(errors, FIELD(path, "resourceClaimTemplateName"), *claim->resource_claim_template_name,
			   name_is_dns_subdomain(*claim->resource_claim_template_name));
}

void check_pod_resource_claims(struct pod_check *check, const struct path *path)
{
	for (size_t i = 0; i < check->spec->resource_claims.len; i++)
		check_claim(check, INDEX(path, i), i);
}

void check_resize_policy(struct pod_check *check, const struct path *path, const struct core_v1_container *container)
{
	struct field_errors *errors = check->errors;

	for (size_t i = 0; i < container->resize_policy.len; i++) {
		const struct core_v1_container_resize_policy *policy = &container->resize_policy.items[i];
		bool repeated = false;

		for (size_t j = 0; j < i; j++)
			repeated = repeated ||
				   str_eq(container->resize_policy.items[j].resource_name, policy->resource_name);
		if (repeated)
			field_duplicate(errors, INDEX(path, i), VALUE(policy->resource_name));
		if (!policy->resource_name.len)
			field_required(errors, path, NULL);
		else if (!is_one_of(policy->resource_name, "cpu", "memory", NULL))
			field_not_supported_c(errors, path, VALUE(policy->resource_name), "cpu", "memory", NULL);
		if (!policy->restart_policy.len)
			field_required(errors, path, NULL);
		else if (!is_one_of(policy->restart_policy, "NotRequired", "RestartContainer", NULL))
			field_not_supported_c(errors, path, VALUE(policy->restart_policy), "NotRequired",
					      "RestartContainer", NULL);
		if (str_eq_c(check->spec->restart_policy, "Never") && !str_eq_c(policy->restart_policy, "NotRequired"))
			field_invalid(errors, path, VALUE(policy->restart_policy),
				      "must be 'NotRequired' when pod `restartPolicy` is 'Never'");
	}
}
