/* What a ConfigMap-like volume shows; see payload.h.  How it gets to disk is payload_write.c. */
#include "kubelet/volumes/payload.h"

#include "kubelet/downward.h"

void payload_set(struct payload *payload, struct str path, struct str data, mode_t mode)
{
	for (size_t i = 0; i < payload->files.len; i++) {
		struct payload_file *file = &payload->files.items[i];

		if (str_eq(file->path, path)) {
			*file = (struct payload_file){.path = path, .data = data, .mode = mode};
			return;
		}
	}
	vec_push(payload->arena, &payload->files, (struct payload_file){.path = path, .data = data, .mode = mode});
}

void payload_set_owner(struct payload *payload, struct str path, uid_t owner)
{
	for (size_t i = 0; i < payload->files.len; i++)
		if (str_eq(payload->files.items[i].path, path)) {
			payload->files.items[i].has_owner = true;
			payload->files.items[i].owner = owner;
		}
}

static struct str text(struct bytes bytes)
{
	return (struct str){(const char *)bytes.data, bytes.len};
}

static bool config_map_get(const struct core_v1_config_map *map, struct str key, struct str *ret)
{
	SLICE_FOREACH (pair, map->data)
		if (str_eq(pair->key, key)) {
			*ret = pair->value;
			return true;
		}
	SLICE_FOREACH (pair, map->binary_data)
		if (str_eq(pair->key, key)) {
			*ret = text(pair->value);
			return true;
		}
	return false;
}

int payload_add_config_map(struct payload *payload, const struct core_v1_config_map *map,
			   const struct core_v1_key_to_path_slice *items, mode_t mode, bool optional, struct error *err)
{
	if (!items->len) {
		SLICE_FOREACH (pair, map->data)
			payload_set(payload, pair->key, pair->value, mode);
		SLICE_FOREACH (pair, map->binary_data)
			payload_set(payload, pair->key, text(pair->value), mode);
	}
	SLICE_FOREACH (item, *items) {
		struct str data;

		if (config_map_get(map, item->key, &data))
			payload_set(payload, item->path, data, item->mode ? (mode_t)*item->mode : mode);
		else if (!optional)
			return error_set(err, ERR_NOT_FOUND, "configmap references non-existent config key: " STR_FMT,
					 STR_ARG(item->key));
	}
	return 0;
}

static bool secret_get(const struct core_v1_secret *secret, struct str key, struct str *ret)
{
	SLICE_FOREACH (pair, secret->data)
		if (str_eq(pair->key, key)) {
			*ret = text(pair->value);
			return true;
		}
	return false;
}

int payload_add_secret(struct payload *payload, const struct core_v1_secret *secret,
		       const struct core_v1_key_to_path_slice *items, mode_t mode, bool optional, struct error *err)
{
	if (!items->len)
		SLICE_FOREACH (pair, secret->data)
			payload_set(payload, pair->key, text(pair->value), mode);
	SLICE_FOREACH (item, *items) {
		struct str data;

		if (secret_get(secret, item->key, &data))
			payload_set(payload, item->path, data, item->mode ? (mode_t)*item->mode : mode);
		else if (!optional)
			return error_set(err, ERR_NOT_FOUND, "references non-existent secret key: " STR_FMT,
					 STR_ARG(item->key));
	}
	return 0;
}

static int downward_value(const struct core_v1_downward_api_volume_file *item, const struct core_v1_pod *pod,
			  const struct downward *downward, struct arena *arena, struct str *ret, struct error *err)
{
	const struct core_v1_container *container;

	*ret = STR_EMPTY;
	if (item->field_ref)
		return downward_field(pod, downward, item->field_ref->field_path, arena, ret, err);
	if (!item->resource_field_ref)
		return 0;
	container = downward_container(pod, item->resource_field_ref->container_name);
	if (!container)
		return error_set(err, ERR_NOT_FOUND, "container " STR_FMT " not found",
				 STR_ARG(item->resource_field_ref->container_name));
	return downward_resource(container, downward, item->resource_field_ref, arena, ret, err);
}

int payload_add_downward(struct payload *payload, const struct core_v1_pod *pod, const struct downward *downward,
			 const struct core_v1_downward_api_volume_file_slice *items, mode_t mode, struct error *err)
{
	SLICE_FOREACH (item, *items) {
		struct str value;

		if (downward_value(item, pod, downward, payload->arena, &value, err) < 0)
			return -(int)err->code;
		payload_set(payload, item->path, value, item->mode ? (mode_t)*item->mode : mode);
	}
	return 0;
}
