/* Priority levels. */
#include "apiserver/registry/rule.h"
#include "types/gen/flowcontrol_v1.h"

/* Shares, queues, hand size and queue length. */
static void cell_limited(struct table_row *row,
			 const struct flowcontrol_v1_limited_priority_level_configuration *limited)
{
	const struct flowcontrol_v1_queuing_configuration *queuing = limited ? limited->limit_response.queuing : NULL;

	if (limited && limited->nominal_concurrency_shares)
		table_cell_int(row, *limited->nominal_concurrency_shares);
	else
		table_cell_str(row, STR("<none>"));
	if (queuing) {
		table_cell_int(row, queuing->queues);
		table_cell_int(row, queuing->hand_size);
		table_cell_int(row, queuing->queue_length_limit);
		return;
	}
	for (int i = 0; i < 3; i++)
		table_cell_str(row, STR("<none>"));
}

#define QUEUES_MAX    (10 * 1000 * 1000)
#define HASH_BITS_MAX 60 /* a hand is dealt from one hash */

/* How many hands there are: how many bits it takes to choose one. */
static bool needs_too_many_bits(int32_t queues, int32_t hand_size)
{
	double hands = 1, most = (double)(INT64_C(1) << HASH_BITS_MAX);

	for (int32_t i = 0; i < hand_size && hands <= most; i++)
		hands *= (double)(queues - i);
	return hands > most;
}

static void check_queuing(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct flowcontrol_v1_queuing_configuration *queuing = value;

	if (queuing->queue_length_limit <= 0)
		field_invalid(errors, FIELD(path, "queueLengthLimit"), VALUE(queuing->queue_length_limit),
			      "must be positive");
	if (queuing->queues <= 0)
		field_invalid(errors, FIELD(path, "queues"), VALUE(queuing->queues), "must be positive");
	else if (queuing->queues > QUEUES_MAX)
		field_invalid(errors, FIELD(path, "queues"), VALUE(queuing->queues), "must not be greater than %d",
			      QUEUES_MAX);
	if (queuing->hand_size <= 0)
		field_invalid(errors, FIELD(path, "handSize"), VALUE(queuing->hand_size), "must be positive");
	else if (queuing->hand_size > queuing->queues)
		field_invalid(errors, FIELD(path, "handSize"), VALUE(queuing->hand_size),
			      "should not be greater than queues (%d)", queuing->queues);
	else if (needs_too_many_bits(queuing->queues, queuing->hand_size))
		field_invalid(errors, FIELD(path, "handSize"), VALUE(queuing->hand_size),
			      "required entropy bits of deckSize %d and handSize %d should not be greater than %d",
			      queuing->queues, queuing->hand_size, HASH_BITS_MAX);
}

static void check_response(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct flowcontrol_v1_limit_response *response = value;

	if (str_eq_c(response->type, "Reject")) {
		if (response->queuing)
			field_forbidden(errors, FIELD(path, "queuing"),
					"must be nil if limited.limitResponse.type is not Limited");
	} else if (!str_eq_c(response->type, "Queue")) {
		field_not_supported_c(errors, FIELD(path, "type"), VALUE(response->type), "Queue", "Reject", NULL);
	} else if (response->queuing) {
		check_queuing(errors, FIELD(path, "queuing"), response->queuing);
	} else {
		field_required(errors, FIELD(path, "queuing"),
			       "must not be empty if limited.limitResponse.type is Limited");
	}
}

static void check_shares(struct field_errors *errors, const struct path *path, const void *value)
{
	int32_t shares = *(const int32_t *)value;

	if (shares < 0)
		field_invalid(errors, path, VALUE(shares), "must be a non-negative integer");
}

static void check_borrowing(struct field_errors *errors, const struct path *path, const void *value)
{
	int32_t percent = *(const int32_t *)value;

	if (percent < 0)
		field_invalid(errors, path, VALUE(percent), "if specified, must be a non-negative integer");
}

static const struct rule limited_rules[] = {
	RULE_CHECK("nominalConcurrencyShares", check_shares),
	RULE_CHECK("limitResponse", check_response),
	RULE_RANGE("lendablePercent", 0, 100),
	RULE_CHECK("borrowingLimitPercent", check_borrowing),
};
static const struct rule exempt_rules[] = {
	RULE_CHECK("nominalConcurrencyShares", check_shares),
	RULE_RANGE("lendablePercent", 0, 100),
};

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct flowcontrol_v1_priority_level_configuration *level = object;
	const struct flowcontrol_v1_priority_level_configuration_spec *spec = &level->spec;
	bool exempt = str_eq_c(spec->type, "Exempt");

	if (exempt != str_eq_c(level->metadata.name, "exempt"))
		field_invalid(errors, FIELD(SPEC, "type"), VALUE(spec->type),
			      "must be 'Exempt' if and only if `name` is 'exempt'");
	if (exempt) {
		if (spec->limited)
			field_forbidden(errors, FIELD(SPEC, "limited"), "must be nil if the type is not Limited");
		if (spec->exempt)
			CHECK_RULES(errors, FIELD(SPEC, "exempt"),
				    &schema_flowcontrol_v1_exempt_priority_level_configuration, spec->exempt,
				    exempt_rules);
	} else if (str_eq_c(spec->type, "Limited")) {
		if (spec->exempt)
			field_forbidden(errors, FIELD(SPEC, "exempt"), "must be nil if the type is Limited");
		if (!spec->limited)
			field_required(errors, FIELD(SPEC, "limited"), "must not be empty when type is Limited");
		else
			CHECK_RULES(errors, FIELD(SPEC, "limited"),
				    &schema_flowcontrol_v1_limited_priority_level_configuration, spec->limited,
				    limited_rules);
	} else {
		field_not_supported_c(errors, FIELD(SPEC, "type"), VALUE(spec->type), "Exempt", "Limited", NULL);
	}
}

static void validate_update(struct strategy_context *context, const void *object, const void *old UNUSED,
			    struct field_errors *errors)
{
	validate_create(context, object, errors);
}

static void cells(struct table_row *row, const void *object)
{
	const struct flowcontrol_v1_priority_level_configuration *level = object;

	table_cell_str(row, level->metadata.name);
	table_cell_str(row, level->spec.type);
	cell_limited(row, level->spec.limited);
	table_cell_age(row, level->metadata.creation_timestamp);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Type", "string", 0),
	COLUMN("NominalConcurrencyShares", "string", 0),
	COLUMN("Queues", "string", 0),
	COLUMN("HandSize", "string", 0),
	COLUMN("QueueLengthLimit", "string", 0),
	COLUMN_AGE,
};

const struct strategy strategy_flowcontrol_prioritylevelconfigurations = {
	.group = STR_INIT("flowcontrol.apiserver.k8s.io"),
	.plural = STR_INIT("prioritylevelconfigurations"),
	.generation = GENERATION_SPEC,
	.status_resets_metadata = true,
	.status_reset_fields = STR_INIT("metadata"),
	.validate_create = validate_create,
	.validate_update = validate_update,
	COLUMNS(columns),
	.cells = cells,
};
