/* Certificate signing requests: who asks is who is asking. */
#include "apiserver/registry/rule.h"
#include "base/limits.h"
#include "codec/base64.h"
#include "types/gen/certificates_v1.h"

static void prepare_create(struct strategy_context *context, void *object)
{
	struct certificates_v1_certificate_signing_request *csr = object;

	csr->spec.username = context->user ? context->user->name : STR_EMPTY;
	csr->spec.uid = context->user ? context->user->uid : STR_EMPTY;
	csr->spec.groups = context->user ? context->user->groups : (struct str_slice){0};
	csr->spec.extra = context->user ? context->user->extra : (struct str_slice_map){0};
}

/* Upstream lets any text be the name. */
static struct name_problems validate_name(struct str name UNUSED)
{
	return (struct name_problems){.len = 0};
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

#define BEGIN		"-----BEGIN "
#define LIFE_MIN	600 /* seconds */
#define SIGNER_PART_MAX 253

static struct field_value bytes_value(struct bytes bytes, struct arena *arena)
{
	cleanup_buf struct buf text;

	buf_init(&text, LIMIT_REQUEST_MEMORY);
	if (!bytes.data)
		return VALUE_NULL;
	base64_encode(bytes, &text);
	return field_value_text(arena_str(arena, buf_view(&text)));
}

/* The first PEM block must be a request; what it holds is judged by who signs it. */
static void check_request(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct bytes *request = value;
	struct str text = {(const char *)request->data, request->len}, line;
	bool found = false, right = false;

	for (bool more = text.len; more && !found;) {
		more = str_cut(text, '\n', &line, &text);
		found = str_has_prefix(line, STR(BEGIN));
		right = found && str_eq_c(str_trim(line), BEGIN "CERTIFICATE REQUEST-----");
	}
	if (!right)
		field_invalid(errors, path, bytes_value(*request, errors->arena),
			      "PEM block type must be CERTIFICATE REQUEST");
}

static void check_usages(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct str_slice *usages = value;
	const bool *repeated = REPEATED(usages, errors->arena);

	for (size_t i = 0; i < usages->len; i++)
		if (repeated[i])
			field_duplicate(errors, INDEX(path, i), VALUE(usages->items[i]));
}

/* Labels of a part, between dots. */
static void check_labels_of(struct field_errors *errors, const struct path *path, struct str part)
{
	struct str rest = part, label;

	for (bool more = true; more;) {
		struct name_problems problems;
		struct str quoted;

		more = str_cut(rest, '.', &label, &rest);
		problems = name_is_dns_label(label);
		quoted = quote_go(label, errors->arena);
		for (size_t i = 0; i < problems.len; i++)
			field_invalid(errors, path, VALUE(part), "validating label " STR_FMT ": %s", STR_ARG(quoted),
				      problems.items[i]);
	}
}

static void check_signer(struct field_errors *errors, const struct path *path, const void *value)
{
	struct str name = *(const struct str *)value, domain, rest;

	if (str_eq_c(name, "kubernetes.io/legacy-unknown")) {
		field_invalid(errors, path, VALUE(name), "the legacy signerName is not allowed via this API version");
		return;
	}
	if (!name.len) {
		field_required(errors, path, NULL);
		return;
	}
	if (!str_cut(name, '/', &domain, &rest) || str_index(rest, '/') >= 0) {
		field_invalid(errors, path, VALUE(name),
			      "must be a fully qualified domain and path of the form 'example.com/signer-name'");
		return;
	}
	if (domain.len > SIGNER_PART_MAX)
		field_too_long(errors, path, SIGNER_PART_MAX);
	if (str_index(domain, '.') < 0)
		field_invalid(errors, path, VALUE(domain),
			      "should be a domain with at least two segments separated by dots");
	check_labels_of(errors, path, domain);
	check_labels_of(errors, path, rest);
}

static void check_life(struct field_errors *errors, const struct path *path, const void *value)
{
	int32_t seconds = *(const int32_t *)value;

	if (seconds < LIFE_MIN)
		field_invalid(errors, path, VALUE(seconds),
			      "may not specify a duration less than 600 seconds (10 minutes)");
}

static const struct rule rules[] = {
	RULE_CHECK("spec.request", check_request),
	RULE_REQUIRED("spec.usages"),
	RULE_STRICT_ONE_OF("spec.usages", "any", "cert sign", "client auth", "code signing", "content commitment",
			   "crl sign", "data encipherment", "decipher only", "digital signature", "email protection",
			   "encipher only", "ipsec end system", "ipsec tunnel", "ipsec user", "key agreement",
			   "key encipherment", "microsoft sgc", "netscape sgc", "ocsp signing", "s/mime", "server auth",
			   "signing", "timestamping"),
	RULE_CHECK("spec.usages", check_usages),
	RULE_CHECK("spec.signerName", check_signer),
	RULE_CHECK("spec.expirationSeconds", check_life),
};

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	CHECK_RULES(errors, NULL, &schema_certificates_v1_certificate_signing_request, object, rules);
}

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
	.validate_create = validate_create,
	.validate_name = validate_name,
	.reset_fields = STR_INIT("spec"),
	.status_reset_fields = STR_INIT("status.conditions"),
	.subresources = subresources,
	.subresources_len = ARRAY_LEN(subresources),
	FIELDS(fields),
	.select_field = select_field,
	COLUMNS(columns),
	.cells = cells,
};
