/* Certificate signing requests: who asks is who is asking. */
#include "apiserver/registry/common.h"
#include "types/gen/certificates_v1.h"

static void prepare_create(struct strategy_context *context, void *object)
{
	struct certificates_v1_certificate_signing_request *csr = object;

	csr->spec.username = context->user ? context->user->name : STR_EMPTY;
	csr->spec.uid = context->user ? context->user->uid : STR_EMPTY;
	csr->spec.groups = context->user ? context->user->groups : (struct str_slice){0};
	csr->spec.extra = context->user ? context->user->extra : (struct str_slice_map){0};
}

/* Only metadata can change. */
static void prepare_update(struct strategy_context *context UNUSED, void *object, const void *old)
{
	((struct certificates_v1_certificate_signing_request *)object)->spec =
		((const struct certificates_v1_certificate_signing_request *)old)->spec;
}

/* The approval subresource decides, and nothing else. */
static void prepare_approval(struct strategy_context *context UNUSED, void *object, const void *old)
{
	struct certificates_v1_certificate_signing_request *csr = object;
	const struct certificates_v1_certificate_signing_request *before = old;

	csr->spec = before->spec;
	csr->status.certificate = before->status.certificate;
}

static const struct strategy_subresource subresources[] = {
	{STR_INIT("approval"), prepare_approval, NULL, STR_INIT("spec status.certificate")},
};

static bool has_condition(const struct certificates_v1_certificate_signing_request_status *status, const char *type)
{
	SLICE_FOREACH (condition, status->conditions)
		if (str_eq_c(condition->type, type))
			return true;
	return false;
}

static void cell_condition(struct table_row *row,
			   const struct certificates_v1_certificate_signing_request_status *status)
{
	const char *decision = has_condition(status, "Denied")	   ? "Denied"
			       : has_condition(status, "Approved") ? "Approved"
								   : "Pending";

	cell_printf(row, "%s%s%s", decision, has_condition(status, "Failed") ? ",Failed" : "",
		    status->certificate.len ? ",Issued" : "");
}

static struct str select_field(const void *object, struct str path UNUSED, struct arena *arena UNUSED)
{
	return ((const struct certificates_v1_certificate_signing_request *)object)->spec.signer_name;
}

static const struct str fields[] = {STR_INIT("spec.signerName")};

static void cells(struct table_row *row, const void *object)
{
	const struct certificates_v1_certificate_signing_request *csr = object;

	table_cell_str(row, csr->metadata.name);
	table_cell_age(row, csr->metadata.creation_timestamp);
	table_cell_str(row, str_or(csr->spec.signer_name, "<none>"));
	table_cell_str(row, csr->spec.username);
	if (csr->spec.expiration_seconds)
		table_cell_str(row, human_duration(*csr->spec.expiration_seconds, row->arena));
	else
		table_cell_str(row, STR("<none>"));
	cell_condition(row, &csr->status);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN_AGE,
	COLUMN("SignerName", "string", 0),
	COLUMN("Requestor", "string", 0),
	COLUMN("RequestedDuration", "string", 0),
	COLUMN("Condition", "string", 0),
};

const struct strategy strategy_certificates_certificatesigningrequests = {
	.group = STR_INIT("certificates.k8s.io"),
	.plural = STR_INIT("certificatesigningrequests"),
	.prepare_create = prepare_create,
	.prepare_update = prepare_update,
	.reset_fields = STR_INIT("spec"),
	.status_reset_fields = STR_INIT("status.conditions"),
	.subresources = subresources,
	.subresources_len = ARRAY_LEN(subresources),
	FIELDS(fields),
	.select_field = select_field,
	COLUMNS(columns),
	.cells = cells,
};
