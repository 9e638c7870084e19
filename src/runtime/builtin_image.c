/* The image half of the interface, over the image store; see image.h. */
#include "runtime/builtin_internal.h"
#include "runtime/registry.h"

int builtin_list_images(struct runtime *rt, struct arena *arena, struct runtime_image_list *ret, struct error *err)
{
	return image_store_images(builtin_of(rt)->images, arena, ret, err);
}

int builtin_image_status(struct runtime *rt, struct str image, struct arena *arena, struct runtime_image *ret,
			 struct error *err)
{
	struct builtin *b = builtin_of(rt);
	struct image_record record;
	struct runtime_image_list list;
	int r = image_store_find(b->images, image, arena, &record, err);

	if (r == 0)
		r = image_store_images(b->images, arena, &list, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < list.len; i++)
		if (str_eq(list.items[i].id, record.id)) {
			*ret = list.items[i];
			return 0;
		}
	return error_set(err, ERR_NOT_FOUND, "image \"" STR_FMT "\" not found", STR_ARG(image));
}

int builtin_pull_image(struct runtime *rt, struct str image, const struct runtime_auth *auth, struct arena *arena,
		       struct str *ret_ref, struct error *err)
{
	struct builtin *b = builtin_of(rt);
	struct image_name name;
	int r = image_name_parse(image, arena, &name, err);

	if (r < 0)
		return error_wrap(err, "failed to parse image name \"" STR_FMT "\"", STR_ARG(image));
	if (!b->config.registry)
		return error_set(err, ERR_SERVICE_UNAVAILABLE,
				 "failed to pull image \"" STR_FMT "\": no way to registries", STR_ARG(image));
	return registry_pull(b->images, b->config.registry, &name, auth, arena, ret_ref, err);
}

int builtin_remove_image(struct runtime *rt, struct str image, struct error *err)
{
	return image_store_remove(builtin_of(rt)->images, image, err);
}

int builtin_image_fs_info(struct runtime *rt, struct arena *arena, struct runtime_filesystem_usage *ret,
			  struct error *err)
{
	return image_store_usage(builtin_of(rt)->images, arena, ret, err);
}
