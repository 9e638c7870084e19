/*
 * Images from an archive: an OCI layout, or docker's own form; see image.h.
 *
 * The archive is read once, front to back (it may be a pipe): every file goes to ingest/ and is hashed on the way. Then
 * the table of files is known, and what the manifests ask for is taken from there by digest.
 */
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <yyjson.h>

#include "base/limits.h"
#include "base/map.h"
#include "runtime/digest.h"
#include "runtime/image_internal.h"
#include "runtime/json_writer.h"
#include "sys/path.h"

#define ARCHIVE_FILES_MAX 10000

struct member {
	struct str path;   /* in the archive */
	struct str file;   /* below the store's folder; absent: a link */
	struct str target; /* of a link */
	struct str digest;
	uint64_t size;
};

struct import {
	struct image_source source;
	struct image_store *store;
	struct arena *arena;
	VEC_OF(struct member) members;
	struct map by_path, by_digest; /* -> struct member */
};

static struct str clean_path(const char *path, struct arena *arena)
{
	struct str s = str_from(path);

	while (str_has_prefix(s, STR("./")))
		s = str_from_at(s, 2);
	while (str_has_prefix(s, STR("/")))
		s = str_from_at(s, 1);
	return arena_str(arena, s);
}

static int save_member(struct import *import, struct archive *archive, struct member *member, struct error *err)
{
	cleanup_close int fd = -1;
	struct digest digest;
	char text[DIGEST_TEXT_SIZE];
	char *chunk;
	la_ssize_t n = 0;
	int r = image_ingest_file(import->store, import->arena, &member->file, &fd, err);

	if (r < 0)
		return r;
	chunk = xmalloc(128 * KIB);
	digest_init(&digest);
	while (r == 0 && (n = archive_read_data(archive, chunk, 128 * KIB)) > 0) {
		digest_update(&digest, chunk, (size_t)n);
		member->size += (uint64_t)n;
		if (member->size > LIMIT_IMAGE_BLOB)
			r = error_set(err, ERR_TOO_LARGE, "archive: a file is larger than %llu bytes",
				      (unsigned long long)LIMIT_IMAGE_BLOB);
		else if ((r = path_write_all(fd, chunk, (size_t)n)) < 0)
			r = error_set_errno(err, -r, "write image file");
	}
	if (r == 0 && n < 0)
		r = error_set(err, ERR_INVALID, "archive: %s", archive_error_string(archive));
	digest_finish(&digest, text);
	digest_release(&digest);
	free(chunk);
	member->digest = arena_str_c(import->arena, text);
	return r;
}

static int read_members(struct import *import, struct archive *archive, struct error *err)
{
	struct archive_entry *entry;
	int r;

	while ((r = archive_read_next_header(archive, &entry)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
		const char *path = archive_entry_pathname(entry);
		const char *link = archive_entry_hardlink(entry);
		struct member member = {0};

		if (!link && archive_entry_filetype(entry) == AE_IFLNK)
			link = archive_entry_symlink(entry);
		if (!path || (!link && archive_entry_filetype(entry) != AE_IFREG))
			continue;
		if (import->members.len == ARCHIVE_FILES_MAX)
			return error_set(err, ERR_TOO_LARGE, "archive: more than %d files", ARCHIVE_FILES_MAX);
		member.path = clean_path(path, import->arena);
		if (link) {
			member.target = clean_path(link, import->arena);
		} else {
			int saved = save_member(import, archive, &member, err);

			/* Also what was saved only half is in the table, so that it is removed. */
			vec_push(import->arena, &import->members, member);
			if (saved < 0)
				return saved;
			continue;
		}
		vec_push(import->arena, &import->members, member);
	}
	if (r != ARCHIVE_EOF)
		return error_set(err, ERR_INVALID, "archive: %s", archive_error_string(archive));
	for (size_t i = 0; i < import->members.len; i++) {
		struct member *member = &import->members.items[i];

		map_set(&import->by_path, member->path, member);
		if (member->file.data)
			map_set(&import->by_digest, member->digest, member);
	}
	return 0;
}

/* The file at a path of the archive; docker writes a repeated layer as a link, "../<other>/layer.tar". */
static const struct member *member_at(const struct import *import, struct str path)
{
	const struct member *member = map_get(&import->by_path, path);

	for (int depth = 0; member && !member->file.data && depth < 3; depth++) {
		struct str target = member->target;

		while (str_has_prefix(target, STR("../")))
			target = str_from_at(target, 3);
		member = map_get(&import->by_path, target);
	}
	return member && member->file.data ? member : NULL;
}

static int open_member(const struct import *import, const struct member *member, int *ret_fd, struct error *err)
{
	int fd = openat(import->store->dir_fd, str_c(member->file), O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_set_errno(err, errno, "open imported file");
	*ret_fd = fd;
	return 0;
}

static int open_blob(struct image_source *source, const struct image_descriptor *blob, int *ret_fd, struct error *err)
{
	struct import *import = CONTAINER_OF(source, struct import, source);
	const struct member *member = map_get(&import->by_digest, blob->digest);

	/* The table is by computed digest: what is found under it has it. */
	if (!member)
		return error_set(err, ERR_INVALID, "archive: blob " STR_FMT " is missing or damaged",
				 STR_ARG(blob->digest));
	return open_member(import, member, ret_fd, err);
}

static int read_blob(struct import *import, const struct image_descriptor *blob, struct str *ret, struct error *err)
{
	cleanup_close int fd = -1;
	int r = open_blob(&import->source, blob, &fd, err);

	return r < 0 ? r : image_read_text(fd, import->arena, ret, err);
}

static int read_path(struct import *import, const struct member *member, struct str *ret, struct error *err)
{
	cleanup_close int fd = -1;
	int r = open_member(import, member, &fd, err);

	return r < 0 ? r : image_read_text(fd, import->arena, ret, err);
}

/* A name in an archive may be whole, or (OCI's ref.name, @maybe_tag) only a tag, which names nothing by itself. */
static void normalise_names(struct import *import, struct runtime_strs names, bool maybe_tag, struct runtime_strs *ret)
{
	VEC_OF(struct str) good = {0};

	SLICE_FOREACH (text, names) {
		struct image_name name;
		struct error ignored = {0};
		bool whole = !maybe_tag || str_index(*text, ':') > 0 || str_index(*text, '/') > 0 ||
			     str_index(*text, '@') > 0;

		if (whole && image_name_parse(*text, import->arena, &name, &ignored) == 0)
			vec_push(import->arena, &good, image_name_format(&name, import->arena));
	}
	*ret = (struct runtime_strs){good.items, good.len};
}

struct names_out {
	VEC_OF(struct str) names;
};

static int install(struct import *import, struct str manifest, struct runtime_strs names, struct names_out *out,
		   struct error *err)
{
	struct image_manifest parsed;
	struct str id;
	int r = image_parse_manifest(manifest, import->arena, &parsed, err);

	if (r == 0)
		r = image_install(import->store, manifest, &import->source, &parsed, names, &id, import->arena, err);
	if (r < 0)
		return r;
	SLICE_FOREACH (name, names)
		vec_push(import->arena, &out->names, *name);
	if (names.len == 0)
		vec_push(import->arena, &out->names, id);
	return 0;
}

/* ---- an OCI layout ---- */

static int import_oci(struct import *import, struct str index_text, struct str name, struct names_out *out,
		      struct error *err)
{
	struct image_index index;
	int r = image_parse_index(index_text, import->arena, &index, err);

	if (r < 0)
		return r;
	if (index.len == 0)
		return error_set(err, ERR_INVALID, "archive: no image in it");
	if (name.len && index.len > 1)
		return error_set(err, ERR_INVALID, "archive: a name was given but it holds %zu images", index.len);
	for (size_t i = 0; i < index.len && r == 0; i++) {
		struct runtime_strs names = {name.len ? &name : &index.items[i].name, 1};
		struct str text;

		r = read_blob(import, &index.items[i].descriptor, &text, err);
		if (r == 0 && image_is_index(text)) {
			struct image_index inner;
			const struct image_index_entry *entry;

			r = image_parse_index(text, import->arena, &inner, err);
			entry = r == 0 ? image_index_choose(&inner) : NULL;
			if (r == 0 && !entry)
				r = error_set(err, ERR_NOT_FOUND, "archive: no image for linux/%s in it",
					      image_host_architecture());
			if (r == 0)
				r = read_blob(import, &entry->descriptor, &text, err);
		}
		normalise_names(import, names, name.len == 0, &names);
		if (r == 0)
			r = install(import, text, names, out, err);
	}
	return r;
}

/* ---- docker's own form ---- */

static void put_descriptor(struct json_writer *w, const char *key, const char *media_type, const struct member *member)
{
	json_open(w, key, '{');
	json_c(w, "mediaType", media_type);
	json_str(w, "digest", member->digest);
	json_int(w, "size", (int64_t)member->size);
	json_close(w, '}');
}

/* The manifest such an archive leaves out: its configuration and layers by digest. */
static int make_manifest(struct import *import, yyjson_val *item, struct str *ret, struct error *err)
{
	yyjson_val *config = yyjson_obj_get(item, "Config"), *layers = yyjson_obj_get(item, "Layers"), *layer;
	struct buf cleanup_buf text;
	struct json_writer w = {.out = &text};
	const struct member *member = NULL;
	size_t i, max;

	buf_init(&text, LIMIT_IMAGE_JSON);
	if (yyjson_is_str(config))
		member = member_at(import, (struct str){yyjson_get_str(config), yyjson_get_len(config)});
	if (!member || !yyjson_is_arr(layers))
		return error_set(err, ERR_INVALID, "archive: manifest.json names a configuration that is not there");
	json_open(&w, NULL, '{');
	json_int(&w, "schemaVersion", 2);
	json_c(&w, "mediaType", "application/vnd.oci.image.manifest.v1+json");
	put_descriptor(&w, "config", "application/vnd.oci.image.config.v1+json", member);
	json_open(&w, "layers", '[');
	yyjson_arr_foreach(layers, i, max, layer)
	{
		member = yyjson_is_str(layer)
				 ? member_at(import, (struct str){yyjson_get_str(layer), yyjson_get_len(layer)})
				 : NULL;
		if (!member)
			return error_set(err, ERR_INVALID, "archive: manifest.json names a layer that is not there");
		put_descriptor(&w, NULL, "application/vnd.oci.image.layer.v1.tar", member);
	}
	json_close(&w, ']');
	json_close(&w, '}');
	if (text.overflow)
		return error_set(err, ERR_TOO_LARGE, "archive: too many layers");
	*ret = arena_str(import->arena, buf_view(&text));
	return 0;
}

static int import_docker_item(struct import *import, yyjson_val *item, struct str name, struct names_out *out,
			      struct error *err)
{
	yyjson_val *tags = yyjson_obj_get(item, "RepoTags"), *tag;
	VEC_OF(struct str) names = {0};
	struct runtime_strs good;
	struct str manifest;
	size_t i, max;
	int r = make_manifest(import, item, &manifest, err);

	if (r < 0)
		return r;
	if (name.len)
		vec_push(import->arena, &names, name);
	else if (yyjson_is_arr(tags))
		yyjson_arr_foreach(tags, i, max, tag) if (yyjson_is_str(tag))
			vec_push(import->arena, &names,
				 arena_str(import->arena, (struct str){yyjson_get_str(tag), yyjson_get_len(tag)}));
	normalise_names(import, (struct runtime_strs){names.items, names.len}, false, &good);
	return install(import, manifest, good, out, err);
}

static int import_docker(struct import *import, struct str text, struct str name, struct names_out *out,
			 struct error *err)
{
	yyjson_doc *doc = yyjson_read(text.data, text.len, 0);
	yyjson_val *root = doc ? yyjson_doc_get_root(doc) : NULL, *item;
	size_t i, max;
	int r = 0;

	if (!yyjson_is_arr(root) || yyjson_arr_size(root) == 0)
		r = error_set(err, ERR_INVALID, "archive: manifest.json is not a list of images");
	else if (name.len && yyjson_arr_size(root) > 1)
		r = error_set(err, ERR_INVALID, "archive: a name was given but it holds %zu images",
			      yyjson_arr_size(root));
	else
		yyjson_arr_foreach(root, i, max, item) if (r == 0) r = import_docker_item(import, item, name, out, err);
	yyjson_doc_free(doc);
	return r;
}

static int import_members(struct import *import, struct str name, struct names_out *out, struct error *err)
{
	const struct member *index = member_at(import, STR("index.json"));
	const struct member *docker = member_at(import, STR("manifest.json"));
	struct str text;
	int r;

	/* Newer `docker save` writes both; docker's file has the names whole. */
	if (!docker && !index)
		return error_set(
			err, ERR_INVALID,
			"not an image archive: neither index.json (OCI layout) nor manifest.json (docker save) in it");
	r = read_path(import, docker ? docker : index, &text, err);
	if (r < 0)
		return r;
	return docker ? import_docker(import, text, name, out, err) : import_oci(import, text, name, out, err);
}

int image_import(struct image_store *store, int fd, struct str name, struct arena *arena,
		 struct runtime_strs *ret_names, struct error *err)
{
	struct import import = {.source = {open_blob}, .store = store, .arena = arena};
	struct archive *archive = archive_read_new();
	struct names_out out = {0};
	cleanup_close int hold = -1;
	struct image_name parsed;
	int r = 0;

	if (name.len) {
		r = image_name_parse(name, arena, &parsed, err);
		if (r == 0)
			name = image_name_format(&parsed, arena);
	}
	if (r == 0)
		r = image_store_hold(store, &hold, err);
	archive_read_support_format_tar(archive);
	archive_read_support_filter_gzip(archive);
	archive_read_support_filter_zstd(archive);
	if (r == 0 && archive_read_open_fd(archive, fd, 128 * KIB) != ARCHIVE_OK)
		r = error_set(err, ERR_INVALID, "not an image archive: %s", archive_error_string(archive));
	if (r == 0)
		r = read_members(&import, archive, err);
	if (r == 0)
		r = import_members(&import, name, &out, err);
	archive_read_free(archive);
	for (size_t i = 0; i < import.members.len; i++)
		if (import.members.items[i].file.data)
			unlinkat(store->dir_fd, str_c(import.members.items[i].file), 0);
	map_release(&import.by_path);
	map_release(&import.by_digest);
	if (r == 0)
		*ret_names = (struct runtime_strs){out.names.items, out.names.len};
	return r;
}
