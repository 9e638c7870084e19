/* Secrets: keys, total size, what each well-known type must hold, immutability. */
#include "apiserver/registry/common.h"

#include "codec/json.h"

#define SECRET_MAX	     (1024 * 1024)
#define SERVICE_ACCOUNT_NAME "kubernetes.io/service-account.name"

static const struct bytes *data_get(const struct core_v1_secret *secret, const char *key)
{
	SLICE_FOREACH (pair, secret->data)
		if (str_eq_c(pair->key, key))
			return &pair->value;
	return NULL;
}

static void require_key(const struct core_v1_secret *secret, const char *key, struct field_errors *errors)
{
	if (!data_get(secret, key))
		field_required(errors, KEY(FIELD(NULL, "data"), str_from(key)), NULL);
}

/* The value must be JSON, which is not shown. */
static void require_json(const struct core_v1_secret *secret, const char *key, struct field_errors *errors)
{
	const struct bytes *bytes = data_get(secret, key);
	struct error err = {0};
	struct value *value;

	if (!bytes)
		field_required(errors, KEY(FIELD(NULL, "data"), str_from(key)), NULL);
	else if (json_parse((struct str){(const char *)bytes->data, bytes->len}, errors->arena, NULL, &value, &err) < 0)
		field_invalid(errors, KEY(FIELD(NULL, "data"), str_from(key)), VALUE("<secret contents redacted>"),
			      "%s", err.message);
}

static void check_type(const struct core_v1_secret *secret, struct field_errors *errors)
{
	if (str_eq_c(secret->type, "kubernetes.io/service-account-token")) {
		const struct str *name = str_map_get(&secret->metadata.annotations, STR(SERVICE_ACCOUNT_NAME));

		if (!name || !name->len)
			field_required(errors, KEY(FIELD(NULL, "metadata.annotations"), STR(SERVICE_ACCOUNT_NAME)),
				       NULL);
	} else if (str_eq_c(secret->type, "kubernetes.io/dockercfg")) {
		require_json(secret, ".dockercfg", errors);
	} else if (str_eq_c(secret->type, "kubernetes.io/dockerconfigjson")) {
		require_json(secret, ".dockerconfigjson", errors);
	} else if (str_eq_c(secret->type, "kubernetes.io/basic-auth")) {
		if (!data_get(secret, "username") && !data_get(secret, "password")) {
			require_key(secret, "username", errors);
			require_key(secret, "password", errors);
		}
	} else if (str_eq_c(secret->type, "kubernetes.io/ssh-auth")) {
		const struct bytes *key = data_get(secret, "ssh-privatekey");

		if (!key || !key->len)
			field_required(errors, KEY(FIELD(NULL, "data"), STR("ssh-privatekey")), NULL);
	} else if (str_eq_c(secret->type, "kubernetes.io/tls")) {
		require_key(secret, "tls.crt", errors);
		require_key(secret, "tls.key", errors);
	}
}

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct core_v1_secret *secret = object;
	size_t size = 0;

	SLICE_FOREACH (pair, secret->data) {
		check_name(errors, KEY(FIELD(NULL, "data"), pair->key), pair->key, name_is_config_key(pair->key));
		size += pair->value.len;
	}
	if (size > SECRET_MAX)
		field_too_long(errors, FIELD(NULL, "data"), SECRET_MAX);
	check_type(secret, errors);
}

static void validate_update(struct strategy_context *context, const void *object, const void *old,
			    struct field_errors *errors)
{
	const struct core_v1_secret *secret = object, *before = old;
	struct core_v1_secret now_data = {.data = secret->data}, old_data = {.data = before->data};

	check_immutable_str(errors, FIELD(NULL, "type"), secret->type, before->type);
	if (before->immutable && *before->immutable) {
		if (!secret->immutable || !*secret->immutable)
			field_forbidden(errors, FIELD(NULL, "immutable"), "field is immutable when `immutable` is set");
		if (!equal_struct(&schema_core_v1_secret, &now_data, &old_data))
			field_forbidden(errors, FIELD(NULL, "data"), "field is immutable when `immutable` is set");
	}
	validate_create(context, object, errors);
}

static int compare_pairs(const void *a, const void *b)
{
	const struct bytes_pair *x = a, *y = b;

	return str_cmp(x->key, y->key);
}

/* stringData is written over data and is never stored. */
static void merge_string_data(struct strategy_context *context, struct core_v1_secret *secret)
{
	size_t len = 0;
	struct bytes_pair *merged;

	if (!secret->string_data.len)
		return;
	merged = ARENA_NEW_N(context->arena, struct bytes_pair, secret->data.len + secret->string_data.len);
	SLICE_FOREACH (pair, secret->data)
		if (!str_map_get(&secret->string_data, pair->key))
			merged[len++] = *pair;
	SLICE_FOREACH (pair, secret->string_data)
		merged[len++] = (struct bytes_pair){
			pair->key, {(const uint8_t *)(pair->value.data ? pair->value.data : ""), pair->value.len}};
	qsort(merged, len, sizeof(*merged), compare_pairs);
	secret->data = (struct bytes_map){merged, len};
	secret->string_data = (struct str_map){0};
}

static void default_object(struct strategy_context *context, void *object)
{
	merge_string_data(context, object);
	((struct core_v1_secret *)object)->string_data = (struct str_map){0};
}

static void prepare_update(struct strategy_context *context UNUSED, void *object, const void *old)
{
	struct core_v1_secret *secret = object;

	if (!secret->type.len)
		secret->type = ((const struct core_v1_secret *)old)->type;
}

static struct str select_field(const void *object, struct str path UNUSED, struct arena *arena UNUSED)
{
	return ((const struct core_v1_secret *)object)->type;
}

static const struct str fields[] = {STR_INIT("type")};

static void cells(struct table_row *row, const void *object)
{
	const struct core_v1_secret *secret = object;

	table_cell_str(row, secret->metadata.name);
	table_cell_str(row, secret->type);
	table_cell_int(row, (int64_t)secret->data.len);
	table_cell_age(row, secret->metadata.creation_timestamp);
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN("Type", "string", 0), COLUMN("Data", "string", 0),
					      COLUMN_AGE};

const struct strategy strategy_core_secrets = {
	.group = STR_INIT(""),
	.plural = STR_INIT("secrets"),
	.default_object = default_object,
	.prepare_update = prepare_update,
	.validate_create = validate_create,
	.validate_update = validate_update,
	FIELDS(fields),
	.select_field = select_field,
	COLUMNS(columns),
	.cells = cells,
};
