/* Validation of webhooks, of either kind: where they are called, and for what; see admission_check.h. */
#include "apiserver/registry/admissionregistration/admission_check.h"

#define URL_FORM "; desired format: https://host[/path]"

static void check_domain_name(struct field_errors *errors, const struct path *path, const void *value)
{
	check_domain_of_three(errors, path, *(const struct str *)value);
}

static void check_timeout(struct field_errors *errors, const struct path *path, const void *value)
{
	int32_t seconds = *(const int32_t *)value;

	if (seconds < 1 || seconds > 30)
		field_invalid(errors, path, VALUE(seconds), "the timeout value must be between 1 and 30 seconds");
}

/* Splits as RFC 3986 does, so that each part can be told; @text may be no URL at all. */
static void check_url(struct field_errors *errors, const struct path *path, struct str text)
{
	struct str rest, fragment, query, scheme, authority, user, host;

	str_cut(text, '#', &rest, &fragment);
	str_cut(rest, '?', &rest, &query);
	if (!str_cut(rest, ':', &scheme, &rest)) {
		rest = scheme;
		scheme = STR_EMPTY;
	}
	authority = str_has_prefix(rest, STR("//")) ? str_from_at(rest, 2) : STR_EMPTY;
	str_cut(authority, '/', &authority, &rest);
	if (!str_cut(authority, '@', &user, &host)) {
		host = user;
		user = STR_EMPTY;
	}
	if (!str_eq_nocase(scheme, STR("https")))
		field_invalid(errors, path, VALUE(str_lower(scheme, errors->arena)),
			      "'https' is the only allowed URL scheme" URL_FORM);
	if (!host.len)
		field_invalid(errors, path, VALUE(host), "host must be specified" URL_FORM);
	if (user.len)
		field_invalid(errors, path, VALUE(user), "user information is not permitted in the URL");
	if (fragment.len)
		field_invalid(errors, path, VALUE(fragment), "fragments are not permitted in the URL");
	if (query.len)
		field_invalid(errors, path, VALUE(query), "query parameters are not permitted in the URL");
}

static void check_service_path(struct field_errors *errors, const struct path *path, struct str text)
{
	struct str rest = text, step;
	size_t index = 0;

	if (!text.len || str_eq_c(text, "/"))
		return;
	if (str_eq_c(text, "//")) {
		field_invalid(errors, path, VALUE(text), "segment[0] may not be empty");
		return;
	}
	if (!str_has_prefix(text, STR("/")))
		field_invalid(errors, path, VALUE(text), "must start with a '/'");
	rest = str_from_at(rest, 1);
	if (str_has_suffix(rest, STR("/")))
		rest = str_sub(rest, 0, rest.len - 1);
	for (bool more = true; more; index++) {
		struct name_problems problems;

		more = str_cut(rest, '/', &step, &rest);
		if (!step.len) {
			field_invalid(errors, path, VALUE(text), "segment[%zu] may not be empty", index);
			continue;
		}
		problems = name_is_dns_subdomain(step);
		for (size_t i = 0; i < problems.len; i++)
			field_invalid(errors, path, VALUE(text), "segment[%zu]: %s", index, problems.items[i]);
	}
}

static void check_client(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct admissionregistration_v1_webhook_client_config *client = value;
	const struct admissionregistration_v1_service_reference *service = client->service;
	const struct path *at = FIELD(path, "service");
	int32_t port;

	if (!client->url == !service) {
		field_required(errors, path, "exactly one of url or service is required");
		return;
	}
	if (client->url) {
		check_url(errors, FIELD(path, "url"), *client->url);
		return;
	}
	if (!service->name.len)
		field_required(errors, FIELD(at, "name"), NULL);
	if (!service->namespace.len)
		field_required(errors, FIELD(at, "namespace"), NULL);
	port = service->port ? *service->port : 443;
	if (port < 1 || port > 65535)
		field_invalid(errors, FIELD(at, "port"), VALUE(port),
			      "port is not valid: must be between 1 and 65535, inclusive");
	if (service->path)
		check_service_path(errors, FIELD(at, "path"), *service->path);
}

static void check_versions(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct str_slice *versions = value;
	const bool *repeated = REPEATED(versions, errors->arena);
	bool accepted = false;

	if (!versions->len) {
		field_required(errors, path, "must specify one of v1, v1beta1");
		return;
	}
	for (size_t i = 0; i < versions->len; i++) {
		struct str version = versions->items[i];

		if (repeated[i])
			field_invalid(errors, INDEX(path, i), VALUE(version), "duplicate version");
		else
			check_name(errors, INDEX(path, i), version, name_is_dns1035_label(version));
		accepted = accepted || is_one_of(version, "v1", "v1beta1", NULL);
	}
	if (!accepted)
		field_invalid(errors, path, field_value_list(versions, errors->arena),
			      "must include at least one of v1, v1beta1");
}

static const struct rule first_rules[] = {
	RULE_CHECK("name", check_domain_name),
	RULE_CHECK("rules", check_operation_rules),
	RULE_ONE_OF("failurePolicy", "Fail", "Ignore"),
	RULE_ONE_OF("matchPolicy", "Equivalent", "Exact"),
	RULE_REQUIRED_SAYING("sideEffects", "must specify one of None, NoneOnDryRun"),
	RULE_ONE_OF("sideEffects", "None", "NoneOnDryRun"),
	RULE_CHECK("timeoutSeconds", check_timeout),
	RULE_SELECTOR("namespaceSelector"),
	RULE_SELECTOR("objectSelector"),
};
static const struct rule mutating_rules[] = {RULE_ONE_OF("reinvocationPolicy", "IfNeeded", "Never")};
static const struct rule last_rules[] = {
	RULE_CHECK("clientConfig", check_client),
	RULE_CHECK("matchConditions", check_match_conditions),
	RULE_CHECK("admissionReviewVersions", check_versions),
};

void check_webhook(struct field_errors *errors, const struct path *path, const struct schema *schema,
		   const void *webhook, bool mutating)
{
	CHECK_RULES(errors, path, schema, webhook, first_rules);
	if (mutating)
		CHECK_RULES(errors, path, schema, webhook, mutating_rules);
	CHECK_RULES(errors, path, schema, webhook, last_rules);
}
