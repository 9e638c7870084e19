/* Indexes, manifests and configurations of images, OCI's and docker's, read from JSON; see image_internal.h. */
#include <sys/utsname.h>
#include <yyjson.h>

#include "base/limits.h"
#include "runtime/image_internal.h"

#define INDEX_ENTRIES_MAX 1000
#define STRINGS_MAX	  10000

static void release_doc(yyjson_doc **doc)
{
	yyjson_doc_free(*doc);
}
#define cleanup_doc CLEANUP(release_doc)

static yyjson_doc *parse(struct str text, const char *what, struct error *err)
{
	yyjson_doc *doc = text.len <= LIMIT_IMAGE_JSON ? yyjson_read(text.data, text.len, 0) : NULL;

	if (!doc || !yyjson_is_obj(yyjson_doc_get_root(doc))) {
		error_set(err, ERR_INVALID, "%s is not a JSON object", what);
		yyjson_doc_free(doc);
		return NULL;
	}
	return doc;
}

static struct str take_str(yyjson_val *object, const char *key, struct arena *arena)
{
	yyjson_val *value = yyjson_obj_get(object, key);

	if (!yyjson_is_str(value))
		return STR_EMPTY;
	return arena_str(arena, (struct str){yyjson_get_str(value), yyjson_get_len(value)});
}

static struct runtime_strs take_strs(yyjson_val *object, const char *key, struct arena *arena)
{
	yyjson_val *list = yyjson_obj_get(object, key), *item;
	VEC_OF(struct str) strs = {0};
	size_t i, max;

	if (!yyjson_is_arr(list) || yyjson_arr_size(list) > STRINGS_MAX)
		return (struct runtime_strs){0};
	yyjson_arr_foreach(list, i, max, item) if (yyjson_is_str(item))
		vec_push(arena, &strs, arena_str(arena, (struct str){yyjson_get_str(item), yyjson_get_len(item)}));
	return (struct runtime_strs){strs.items, strs.len};
}

static int take_descriptor(yyjson_val *object, struct arena *arena, struct image_descriptor *ret, struct error *err)
{
	struct image_descriptor descriptor = {
		.media_type = take_str(object, "mediaType", arena),
		.digest = take_str(object, "digest", arena),
	};
	yyjson_val *size = yyjson_obj_get(object, "size");

	if (!image_digest_valid(descriptor.digest))
		return error_set(err, ERR_INVALID, "manifest: digest \"" STR_FMT "\" is not sha256's",
				 STR_ARG(descriptor.digest));
	if (yyjson_is_uint(size))
		descriptor.size = yyjson_get_uint(size);
	if (descriptor.size > LIMIT_IMAGE_BLOB)
		return error_set(err, ERR_TOO_LARGE, "manifest: blob " STR_FMT " has %llu bytes",
				 STR_ARG(descriptor.digest), (unsigned long long)descriptor.size);
	*ret = descriptor;
	return 0;
}

bool image_is_index(struct str text)
{
	yyjson_doc cleanup_doc *doc = text.len <= LIMIT_IMAGE_JSON ? yyjson_read(text.data, text.len, 0) : NULL;

	return doc && yyjson_is_arr(yyjson_obj_get(yyjson_doc_get_root(doc), "manifests"));
}

int image_parse_index(struct str text, struct arena *arena, struct image_index *ret, struct error *err)
{
	yyjson_doc cleanup_doc *doc = parse(text, "index", err);
	yyjson_val *list, *item;
	VEC_OF(struct image_index_entry) entries = {0};
	size_t i, max;

	if (!doc)
		return -(int)err->code;
	list = yyjson_obj_get(yyjson_doc_get_root(doc), "manifests");
	if (!yyjson_is_arr(list) || yyjson_arr_size(list) > INDEX_ENTRIES_MAX)
		return error_set(err, ERR_INVALID, "index has no list of manifests");
	yyjson_arr_foreach(list, i, max, item)
	{
		struct image_index_entry entry = {0};
		yyjson_val *platform = yyjson_obj_get(item, "platform"), *notes = yyjson_obj_get(item, "annotations");
		int r = take_descriptor(item, arena, &entry.descriptor, err);

		if (r < 0)
			return r;
		entry.os = take_str(platform, "os", arena);
		entry.architecture = take_str(platform, "architecture", arena);
		entry.variant = take_str(platform, "variant", arena);
		entry.name = take_str(notes, "io.containerd.image.name", arena);
		if (entry.name.len == 0)
			entry.name = take_str(notes, "org.opencontainers.image.ref.name", arena);
		vec_push(arena, &entries, entry);
	}
	*ret = (struct image_index){entries.items, entries.len};
	return 0;
}

int image_parse_manifest(struct str text, struct arena *arena, struct image_manifest *ret, struct error *err)
{
	yyjson_doc cleanup_doc *doc = parse(text, "manifest", err);
	struct image_manifest manifest;
	yyjson_val *root, *layers, *item;
	size_t i, max;
	int r;

	if (!doc)
		return -(int)err->code;
	root = yyjson_doc_get_root(doc);
	layers = yyjson_obj_get(root, "layers");
	if (!yyjson_is_arr(layers))
		return error_set(err, ERR_INVALID, "manifest has no layers (schema 1 is not supported)");
	if (yyjson_arr_size(layers) > LIMIT_IMAGE_LAYERS)
		return error_set(err, ERR_TOO_LARGE, "manifest has %zu layers, at most %d fit", yyjson_arr_size(layers),
				 LIMIT_IMAGE_LAYERS);
	r = take_descriptor(yyjson_obj_get(root, "config"), arena, &manifest.config, err);
	manifest.layers_len = yyjson_arr_size(layers);
	manifest.layers = ARENA_NEW_N(arena, struct image_descriptor, manifest.layers_len);
	yyjson_arr_foreach(layers, i, max, item) if (r == 0) r = take_descriptor(item, arena, &manifest.layers[i], err);
	if (r == 0)
		*ret = manifest;
	return r;
}

/* The folder names of the layers, topmost first, as overlayfs wants them. */
static struct runtime_strs layer_names(struct runtime_strs diff_ids, struct arena *arena)
{
	struct str *names = ARENA_NEW_N(arena, struct str, diff_ids.len);

	for (size_t i = 0; i < diff_ids.len; i++)
		names[diff_ids.len - 1 - i] = arena_str(arena, str_sub(diff_ids.items[i], 7, IMAGE_LAYER_NAME_LEN));
	return (struct runtime_strs){names, diff_ids.len};
}

int image_parse_config(struct str text, struct arena *arena, struct image_config *ret, struct error *err)
{
	yyjson_doc cleanup_doc *doc = parse(text, "image configuration", err);
	struct image_config config = {0};
	yyjson_val *root, *inner;

	if (!doc)
		return -(int)err->code;
	root = yyjson_doc_get_root(doc);
	inner = yyjson_obj_get(root, "config");
	config.user = take_str(inner, "User", arena);
	config.working_dir = take_str(inner, "WorkingDir", arena);
	config.stop_signal = take_str(inner, "StopSignal", arena);
	config.env = take_strs(inner, "Env", arena);
	config.entrypoint = take_strs(inner, "Entrypoint", arena);
	config.cmd = take_strs(inner, "Cmd", arena);
	config.architecture = take_str(root, "architecture", arena);
	config.os = take_str(root, "os", arena);
	config.diff_ids = take_strs(yyjson_obj_get(root, "rootfs"), "diff_ids", arena);
	for (size_t i = 0; i < config.diff_ids.len; i++)
		if (!image_digest_valid(config.diff_ids.items[i]))
			return error_set(err, ERR_INVALID,
					 "image configuration: diff id \"" STR_FMT "\" is not sha256's",
					 STR_ARG(config.diff_ids.items[i]));
	config.layers = layer_names(config.diff_ids, arena);
	*ret = config;
	return 0;
}

const char *image_host_architecture(void)
{
	static const struct {
		const char *kernel, *go;
	} names[] = {{"x86_64", "amd64"}, {"aarch64", "arm64"},	  {"armv7l", "arm"},  {"armv6l", "arm"},
		     {"i686", "386"},	  {"riscv64", "riscv64"}, {"s390x", "s390x"}, {"ppc64le", "ppc64le"}};
	struct utsname uts;

	if (uname(&uts) == 0)
		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			if (strcmp(uts.machine, names[i].kernel) == 0)
				return names[i].go;
	return "amd64";
}

const struct image_index_entry *image_index_choose(const struct image_index *index)
{
	const char *architecture = image_host_architecture();

	for (size_t i = 0; i < index->len; i++)
		if (str_eq_c(index->items[i].os, "linux") && str_eq_c(index->items[i].architecture, architecture))
			return &index->items[i];
	/* An index of one image often says nothing about its platform. */
	for (size_t i = 0; i < index->len; i++)
		if (index->items[i].architecture.len == 0)
			return &index->items[i];
	return NULL;
}
