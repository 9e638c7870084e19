/* Service accounts: of the secrets they list only the names are kept. */
#include "apiserver/registry/common.h"

static void keep_secret_names(struct strategy_context *context, void *object)
{
	struct core_v1_service_account *account = object;
	struct core_v1_object_reference *secrets;

	if (!account->secrets.len)
		return;
	secrets = ARENA_NEW_N(context->arena, struct core_v1_object_reference, account->secrets.len);
	for (size_t i = 0; i < account->secrets.len; i++)
		secrets[i].name = account->secrets.items[i].name;
	account->secrets.items = secrets;
}

static void prepare_update(struct strategy_context *context, void *object, const void *old UNUSED)
{
	keep_secret_names(context, object);
}

static void cells(struct table_row *row, const void *object)
{
	const struct core_v1_service_account *account = object;

	table_cell_str(row, account->metadata.name);
	table_cell_age(row, account->metadata.creation_timestamp);
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN_AGE};

const struct strategy strategy_core_serviceaccounts = {
	.group = STR_INIT(""),
	.plural = STR_INIT("serviceaccounts"),
	.delete_returns_object = true,
	.prepare_create = keep_secret_names,
	.prepare_update = prepare_update,
	COLUMNS(columns),
	.cells = cells,
};
