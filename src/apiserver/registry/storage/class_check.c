/* What classes of storage share; see class_check.h. */
#include "apiserver/registry/storage/class_check.h"

#define PARAMETERS_MAX	    512
#define PARAMETERS_SIZE_MAX (256 * 1024)

void check_provisioner(struct field_errors *errors, const struct path *path, const void *value)
{
	struct str name = str_lower(*(const struct str *)value, errors->arena);

	if (name.len)
		check_name(errors, path, name, name_is_qualified(name));
	else
		field_required(errors, path, NULL);
}

void check_parameters(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct str_map *parameters = value;
	size_t size = 0;

	if (parameters->len > PARAMETERS_MAX) {
		field_too_long(errors, path, PARAMETERS_MAX);
		return;
	}
	SLICE_FOREACH (pair, *parameters) {
		if (!pair->key.len)
			field_invalid(errors, path, VALUE(pair->key), "field can not be empty.");
		size += pair->key.len + pair->value.len;
	}
	if (size > PARAMETERS_SIZE_MAX)
		field_too_long(errors, path, PARAMETERS_SIZE_MAX);
}
