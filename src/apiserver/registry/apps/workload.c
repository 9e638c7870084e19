/* What kinds that keep pods running share; see workload.h. */
#include "apiserver/registry/apps/workload.h"

void check_selector_and_template(struct field_errors *errors, const struct path *path,
				 const struct meta_v1_label_selector *selector,
				 const struct core_v1_pod_template_spec *template, const char *empty, const char *kind)
{
	const struct path *at = FIELD(path, "selector");
	const struct schema *schema = &schema_meta_v1_label_selector;
	struct selector parsed;
	struct error err = {0};

	if (!selector)
		field_required(errors, at, NULL);
	else
		check_label_selector(errors, at, selector);
	if (selector && !(selector->match_labels.len + selector->match_expressions.len))
		field_invalid(errors, at, field_value_struct(schema, selector, errors->arena), "%s", empty);
	if (selector_from_label_selector(selector, errors->arena, &parsed, &err) < 0)
		field_invalid(errors, at, field_value_struct(schema, selector, errors->arena),
			      "invalid label selector");
	else if (template)
		check_workload_template(errors, FIELD(path, "template"), template, selector, kind);
}

struct field_value field_value_int_or_string(const struct int_or_string *value, struct arena *arena)
{
	if (!value->is_string)
		return VALUE(value->number);
	return field_value_json(quote_go(value->string, arena));
}

void check_int_or_percent(struct field_errors *errors, const struct path *path, const struct int_or_string *value)
{
	if (value->is_string)
		check_name(errors, path, value->string, name_is_percent(value->string));
	else
		check_not_negative(errors, path, value->number);
}

static bool percent_of(const struct int_or_string *value, int64_t *ret)
{
	return value->is_string && name_ok(name_is_percent(value->string)) &&
	       str_parse_int64(str_sub(value->string, 0, value->string.len - 1), ret) == 0;
}

void check_not_over_100_percent(struct field_errors *errors, const struct path *path, const struct int_or_string *value)
{
	int64_t percent;

	if (percent_of(value, &percent) && percent > 100)
		field_invalid(errors, path, field_value_int_or_string(value, errors->arena),
			      "must not be greater than 100%%");
}

bool is_zero_int_or_percent(const struct int_or_string *value)
{
	int64_t percent;

	return value->is_string ? percent_of(value, &percent) && percent == 0 : value->number == 0;
}

void check_counter(struct field_errors *errors, const char *name, int64_t value)
{
	check_not_negative(errors, FIELD(FIELD(NULL, "status"), name), value);
}

void check_counter_at_most(struct field_errors *errors, const char *name, int32_t value, int32_t max, const char *text)
{
	if (value > max)
		field_invalid(errors, FIELD(FIELD(NULL, "status"), name), VALUE(value), "%s", text);
}

void check_ready_and_available(struct field_errors *errors, int32_t replicas, int32_t ready, int32_t available)
{
	check_counter_at_most(errors, "readyReplicas", ready, replicas, "cannot be greater than status.replicas");
	check_counter_at_most(errors, "availableReplicas", available, replicas,
			      "cannot be greater than status.replicas");
	check_counter_at_most(errors, "availableReplicas", available, ready, "cannot be greater than readyReplicas");
}
