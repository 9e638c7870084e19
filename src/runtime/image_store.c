/* The image store: index, blobs, layers, and what refers to what; see image.h. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <yyjson.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/map.h"
#include "runtime/digest.h"
#include "runtime/image_internal.h"
#include "runtime/image_layer.h"
#include "runtime/json_writer.h"
#include "sys/path.h"

#define INDEX_LIMIT (64 * MIB)

static char *join(struct str a, const char *b)
{
	struct arena cleanup_arena arena = {0};

	return xstrdup(str_c(arena_printf(&arena, STR_FMT "/%s", STR_ARG(a), b)));
}

int image_store_open(struct str data_dir, struct image_store **ret, struct error *err)
{
	static const char *const folders[] = {"blobs/sha256", "layers", "ingest"};
	struct image_store *store = XNEW(struct image_store);
	int r;

	store->dir = join(data_dir, "images");
	store->pods_dir = join(data_dir, "pods");
	store->layers_dir = join(str_from(store->dir), "layers");
	store->dir_fd = -1;
	r = path_make_dirs(AT_FDCWD, store->dir, 0700);
	if (r == 0) {
		store->dir_fd = open(store->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = store->dir_fd < 0 ? -errno : 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(folders) && r == 0; i++)
		r = path_make_dirs(store->dir_fd, folders[i], 0700);
	if (r < 0) {
		error_set_errno(err, -r, "open image store %s", store->dir);
		image_store_free(store);
		return -(int)err->code;
	}
	*ret = store;
	return 0;
}

struct image_store *image_store_free(struct image_store *store)
{
	if (store) {
		close_fd(store->dir_fd);
		free(store->dir);
		free(store->pods_dir);
		free(store->layers_dir);
		free(store);
	}
	return NULL;
}

const char *image_store_layers_dir(const struct image_store *store)
{
	return store->layers_dir;
}

/* Locks belong to the open file, so threads and processes exclude each other alike. */
static int lock_file(struct image_store *store, const char *name, short type, int *ret_fd, struct error *err)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET};
	int fd = openat(store->dir_fd, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600), r;

	if (fd < 0)
		return error_set_errno(err, errno, "open %s/%s", store->dir, name);
	do
		r = fcntl(fd, F_OFD_SETLKW, &lock);
	while (r < 0 && errno == EINTR);
	if (r < 0) {
		error_set_errno(err, errno, "lock %s/%s", store->dir, name);
		close_fd(fd);
		return -(int)err->code;
	}
	*ret_fd = fd;
	return 0;
}

int image_store_hold(struct image_store *store, int *ret_fd, struct error *err)
{
	return lock_file(store, "gc.lock", F_RDLCK, ret_fd, err);
}

/* ---- the index ---- */

static struct str member(yyjson_val *object, const char *key, struct arena *arena)
{
	yyjson_val *value = yyjson_obj_get(object, key);

	return yyjson_is_str(value) ? arena_str(arena, (struct str){yyjson_get_str(value), yyjson_get_len(value)})
				    : STR_EMPTY;
}

int image_store_list(struct image_store *store, struct arena *arena, struct image_record_list *ret, struct error *err)
{
	VEC_OF(struct image_record) records = {0};
	struct buf cleanup_buf text;
	yyjson_doc *doc;
	yyjson_val *list, *item;
	size_t i, max;
	int r;

	buf_init(&text, INDEX_LIMIT);
	r = path_read(store->dir_fd, "images.json", &text);
	if (r < 0 && r != -ENOENT)
		return error_set_errno(err, -r, "read %s/images.json", store->dir);
	doc = r == 0 ? yyjson_read(text.data, text.len, 0) : NULL;
	if (r == 0 && !doc)
		return error_set(err, ERR_STORAGE_READ, "%s/images.json is damaged", store->dir);
	list = doc ? yyjson_obj_get(yyjson_doc_get_root(doc), "images") : NULL;
	if (list)
		yyjson_arr_foreach(list, i, max, item)
			vec_push(arena, &records,
				 (struct image_record){.name = member(item, "name", arena),
						       .manifest = member(item, "manifest", arena),
						       .id = member(item, "id", arena),
						       .size = yyjson_get_uint(yyjson_obj_get(item, "size"))});
	yyjson_doc_free(doc);
	*ret = (struct image_record_list){records.items, records.len};
	return 0;
}

static int write_index(struct image_store *store, const struct image_record_list *list, struct error *err)
{
	struct buf cleanup_buf text;
	struct json_writer w = {.out = &text};
	int r;

	buf_init(&text, INDEX_LIMIT);
	json_open(&w, NULL, '{');
	json_open(&w, "images", '[');
	for (size_t i = 0; i < list->len; i++) {
		const struct image_record *record = &list->items[i];

		json_open(&w, NULL, '{');
		json_str(&w, "name", record->name);
		json_str(&w, "manifest", record->manifest);
		json_str(&w, "id", record->id);
		json_int(&w, "size", (int64_t)record->size);
		json_close(&w, '}');
	}
	json_close(&w, ']');
	json_close(&w, '}');
	if (text.overflow)
		return error_set(err, ERR_TOO_LARGE, "too many images");
	r = path_write_atomic(store->dir_fd, "images.json", buf_view(&text), 0600, true);
	if (r < 0)
		return error_set_errno(err, -r, "write %s/images.json", store->dir);
	return 0;
}

/* Gives @record's name to it, or, without a name, sees that its id is known. */
static int index_put(struct image_store *store, const struct image_record *record, struct arena *arena,
		     struct error *err)
{
	cleanup_close int lock = -1;
	VEC_OF(struct image_record) records = {0};
	struct image_record_list list;
	int r = lock_file(store, "index.lock", F_WRLCK, &lock, err);

	if (r < 0)
		return r;
	r = image_store_list(store, arena, &list, err);
	if (r < 0)
		return r;
	SLICE_FOREACH (old, list) {
		if (record->name.len ? str_eq(old->name, record->name) : str_eq(old->id, record->id)) {
			if (!record->name.len)
				return 0;
			continue;
		}
		vec_push(arena, &records, *old);
	}
	vec_push(arena, &records, *record);
	return write_index(store, &(struct image_record_list){records.items, records.len}, err);
}

static bool is_hex(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!(s.data[i] >= '0' && s.data[i] <= '9') && !(s.data[i] >= 'a' && s.data[i] <= 'f'))
			return false;
	return s.len > 0;
}

static bool names_record(const struct image_record *record, struct str wanted, struct str digest)
{
	struct str repository, old_repository, ignored;
	ptrdiff_t colon;

	if (str_eq(record->name, wanted))
		return true;
	/* repository@digest names what any tag of that repository points to. */
	if (!digest.data || !(str_eq(digest, record->manifest) || str_eq(digest, record->id)))
		return false;
	str_cut(wanted, '@', &repository, &ignored);
	if (str_cut(record->name, '@', &old_repository, &ignored))
		return str_eq(repository, old_repository);
	colon = str_last_index(record->name, ':');
	return colon > 0 && str_eq(repository, str_sub(record->name, 0, (size_t)colon));
}

static const struct image_record *find_in(const struct image_record_list *list, struct str image, struct arena *arena,
					  struct error *err)
{
	struct str id = image;
	struct image_name name;
	struct str wanted;

	if (str_has_prefix(image, STR("sha256:")))
		id = str_from_at(image, 7);
	if (is_hex(id) && id.len >= 12)
		for (size_t i = 0; i < list->len; i++)
			if (str_has_prefix(str_from_at(list->items[i].id, 7), id))
				return &list->items[i];
	if (image_name_parse(image, arena, &name, err) < 0)
		return NULL;
	wanted = image_name_format(&name, arena);
	for (size_t i = 0; i < list->len; i++)
		if (names_record(&list->items[i], wanted, name.digest))
			return &list->items[i];
	error_set(err, ERR_NOT_FOUND, "image \"" STR_FMT "\" not found", STR_ARG(image));
	return NULL;
}

int image_store_find(struct image_store *store, struct str image, struct arena *arena, struct image_record *ret,
		     struct error *err)
{
	struct image_record_list list;
	const struct image_record *record;
	int r = image_store_list(store, arena, &list, err);

	if (r < 0)
		return r;
	record = find_in(&list, image, arena, err);
	if (!record)
		return -(int)err->code;
	*ret = *record;
	return 0;
}

static struct str blob_path(struct str digest, struct arena *arena)
{
	return arena_printf(arena, "blobs/sha256/" STR_FMT, STR_ARG(str_from_at(digest, 7)));
}

int image_store_config(struct image_store *store, struct str id, struct arena *arena, struct image_config *ret,
		       struct error *err)
{
	struct buf cleanup_buf text = {0};
	int r;

	if (!image_digest_valid(id))
		return error_set(err, ERR_INVALID, "\"" STR_FMT "\" is no image id", STR_ARG(id));
	buf_init(&text, LIMIT_IMAGE_JSON);
	r = path_read(store->dir_fd, str_c(blob_path(id, arena)), &text);
	if (r < 0)
		return error_set_errno(err, -r, "read configuration of image " STR_FMT, STR_ARG(id));
	r = image_parse_config(buf_view(&text), arena, ret, err);
	if (r == 0)
		ret->id = arena_str(arena, id);
	return r;
}

/* ---- installing ---- */

int image_ingest_file(struct image_store *store, struct arena *arena, struct str *ret_name, int *ret_fd,
		      struct error *err)
{
	struct str name = arena_printf(arena, "ingest/%d-%u", (int)getpid(),
				       __atomic_add_fetch(&store->ingest_counter, 1, __ATOMIC_RELAXED));
	int fd = openat(store->dir_fd, str_c(name), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_set_errno(err, errno, "create %s/" STR_FMT, store->dir, STR_ARG(name));
	*ret_name = name;
	*ret_fd = fd;
	return 0;
}

int image_read_text(int fd, struct arena *arena, struct str *ret, struct error *err)
{
	struct stat st;
	char *text;
	size_t len = 0;

	if (fstat(fd, &st) < 0)
		return error_set_errno(err, errno, "read blob");
	if (st.st_size > LIMIT_IMAGE_JSON)
		return error_set(err, ERR_TOO_LARGE, "a manifest or configuration has %lld bytes",
				 (long long)st.st_size);
	text = arena_alloc(arena, (size_t)st.st_size + 1);
	while (len < (size_t)st.st_size) {
		ssize_t n = pread(fd, text + len, (size_t)st.st_size - len, (off_t)len);

		if (n <= 0)
			return error_set_errno(err, n < 0 ? errno : EIO, "read blob");
		len += (size_t)n;
	}
	text[len] = '\0';
	*ret = (struct str){text, len};
	return 0;
}

static int install_layer(struct image_store *store, struct image_source *source, const struct image_descriptor *blob,
			 struct str diff_id, struct arena *arena, struct error *err)
{
	struct str name = arena_printf(arena, "layers/" STR_FMT, STR_ARG(str_sub(diff_id, 7, IMAGE_LAYER_NAME_LEN)));
	struct str folder = arena_printf(arena, "ingest/%d-%u.d", (int)getpid(),
					 __atomic_add_fetch(&store->ingest_counter, 1, __ATOMIC_RELAXED));
	cleanup_close int fd = -1, root = -1;
	char actual[DIGEST_TEXT_SIZE];
	struct stat st;
	int r;

	if (fstatat(store->dir_fd, str_c(name), &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	r = source->open(source, blob, &fd, err);
	if (r < 0)
		return r;
	if (mkdirat(store->dir_fd, str_c(folder), 0755) < 0)
		return error_set_errno(err, errno, "create " STR_FMT, STR_ARG(folder));
	root = openat(store->dir_fd, str_c(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = root < 0 ? error_set_errno(err, errno, "open " STR_FMT, STR_ARG(folder))
		     : image_layer_unpack(fd, root, actual, err);
	if (r == 0 && !str_eq_c(diff_id, actual))
		r = error_set(err, ERR_INVALID, "layer " STR_FMT " unpacks to %s, the configuration says " STR_FMT,
			      STR_ARG(blob->digest), actual, STR_ARG(diff_id));
	/* Synced before it has its name: a layer that is there is whole, also after the machine stopped. */
	if (r == 0 && syncfs(root) < 0)
		r = error_set_errno(err, errno, "sync layer");
	if (r == 0 && renameat(store->dir_fd, str_c(folder), store->dir_fd, str_c(name)) < 0 && errno != EEXIST &&
	    errno != ENOTEMPTY)
		r = error_set_errno(err, errno, "name layer " STR_FMT, STR_ARG(name));
	/* On failure, or when another process was first. */
	if (path_remove_tree(store->dir_fd, str_c(folder)) < 0 && r == 0)
		r = error_set(err, ERR_SYSTEM, "remove " STR_FMT, STR_ARG(folder));
	return r;
}

static int put_blob(struct image_store *store, struct str digest, struct str data, struct arena *arena,
		    struct error *err)
{
	int r = path_write_atomic(store->dir_fd, str_c(blob_path(digest, arena)), data, 0600, false);

	if (r < 0)
		return error_set_errno(err, -r, "store blob " STR_FMT, STR_ARG(digest));
	return 0;
}

int image_install(struct image_store *store, struct str manifest, struct image_source *source,
		  const struct image_manifest *parsed, struct runtime_strs names, struct str *ret_id,
		  struct arena *arena, struct error *err)
{
	struct image_record record = {.name = STR_EMPTY, .id = parsed->config.digest};
	cleanup_close int fd = -1;
	char digest[DIGEST_TEXT_SIZE];
	struct image_config config;
	struct str text;
	int r = source->open(source, &parsed->config, &fd, err);

	if (r == 0)
		r = image_read_text(fd, arena, &text, err);
	if (r == 0)
		r = image_parse_config(text, arena, &config, err);
	if (r < 0)
		return r;
	if (config.diff_ids.len != parsed->layers_len)
		return error_set(err, ERR_INVALID, "manifest has %zu layers, its configuration %zu", parsed->layers_len,
				 config.diff_ids.len);
	for (size_t i = 0; i < parsed->layers_len && r == 0; i++) {
		r = install_layer(store, source, &parsed->layers[i], config.diff_ids.items[i], arena, err);
		record.size += parsed->layers[i].size;
	}
	digest_of(manifest, digest);
	record.manifest = arena_str_c(arena, digest);
	record.size += parsed->config.size;
	if (r == 0)
		r = put_blob(store, record.id, text, arena, err);
	if (r == 0)
		r = put_blob(store, record.manifest, manifest, arena, err);
	if (r == 0 && names.len == 0)
		r = index_put(store, &record, arena, err);
	for (size_t i = 0; i < names.len && r == 0; i++) {
		record.name = names.items[i];
		r = index_put(store, &record, arena, err);
	}
	if (r == 0)
		*ret_id = record.id;
	return r;
}

/* ---- removing ---- */

/* Marks what a text of one name per line refers to. */
static void mark_lines(struct map *used, struct str text, struct arena *arena)
{
	struct str line;

	while (text.len) {
		str_cut(text, '\n', &line, &text);
		if (line.len) {
			line = arena_str(arena, line);
			map_set(used, line, used);
		}
	}
}

/* The layers of every container: DATA/pods/POD/CONTAINER/layers. */
static void mark_containers(struct image_store *store, struct map *used, struct arena *arena)
{
	DIR *pods = opendir(store->pods_dir);
	struct dirent *pod, *container;

	while (pods && (pod = readdir(pods))) {
		struct str folder = arena_printf(arena, "%s/%s", store->pods_dir, pod->d_name);
		DIR *containers = pod->d_name[0] == '.' ? NULL : opendir(str_c(folder));

		while (containers && (container = readdir(containers))) {
			struct buf cleanup_buf text;

			buf_init(&text, LIMIT_RECORD);
			if (container->d_name[0] != '.' &&
			    path_read(AT_FDCWD,
				      str_c(arena_printf(arena, STR_FMT "/%s/layers", STR_ARG(folder),
							 container->d_name)),
				      &text) == 0)
				mark_lines(used, buf_view(&text), arena);
		}
		if (containers)
			closedir(containers);
	}
	if (pods)
		closedir(pods);
}

static int sweep(struct image_store *store, const char *folder, const struct map *used, struct error *err)
{
	int fd = openat(store->dir_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!stream) {
		close_fd(fd);
		return error_set_errno(err, errno, "open %s/%s", store->dir, folder);
	}
	while ((entry = readdir(stream)))
		if (entry->d_name[0] != '.' && !map_get(used, str_from(entry->d_name)) && r == 0)
			r = path_remove_tree(fd, entry->d_name);
	closedir(stream);
	return r < 0 ? error_set_errno(err, -r, "remove from %s/%s", store->dir, folder) : 0;
}

static int collect(struct image_store *store, const struct image_record_list *list, struct arena *arena,
		   struct error *err)
{
	struct map layers = {0}, blobs = {0};
	int r;

	for (size_t i = 0; i < list->len; i++) {
		const struct image_record *record = &list->items[i];
		struct error ignored = {0};
		struct image_config config;

		map_set(&blobs, str_from_at(record->id, 7), store);
		map_set(&blobs, str_from_at(record->manifest, 7), store);
		if (image_store_config(store, record->id, arena, &config, &ignored) == 0)
			SLICE_FOREACH (name, config.layers)
				map_set(&layers, *name, store);
	}
	mark_containers(store, &layers, arena);
	r = sweep(store, "layers", &layers, err);
	if (r == 0)
		r = sweep(store, "blobs/sha256", &blobs, err);
	/* Nobody imports while we hold gc.lock: what is being written was given up. */
	map_clear(&layers);
	if (r == 0)
		r = sweep(store, "ingest", &layers, err);
	map_release(&layers);
	map_release(&blobs);
	return r;
}

int image_store_remove(struct image_store *store, struct str image, struct error *err)
{
	struct arena cleanup_arena arena = {0};
	cleanup_close int gc = -1, lock = -1;
	VEC_OF(struct image_record) kept = {0};
	struct image_record_list list;
	const struct image_record *found;
	struct error missing = {0};
	bool by_id;
	int r = lock_file(store, "gc.lock", F_WRLCK, &gc, err);

	if (r == 0)
		r = lock_file(store, "index.lock", F_WRLCK, &lock, err);
	if (r == 0)
		r = image_store_list(store, &arena, &list, err);
	if (r < 0)
		return r;
	found = find_in(&list, image, &arena, &missing);
	if (!found)
		return missing.code == ERR_NOT_FOUND ? 0 : error_pass(err, &missing);
	by_id = str_has_prefix(str_from_at(found->id, 7),
			       str_has_prefix(image, STR("sha256:")) ? str_from_at(image, 7) : image);
	for (size_t i = 0; i < list.len; i++)
		if (by_id ? !str_eq(list.items[i].id, found->id) : &list.items[i] != found)
			vec_push(&arena, &kept, list.items[i]);
	list = (struct image_record_list){kept.items, kept.len};
	r = write_index(store, &list, err);
	return r < 0 ? r : collect(store, &list, &arena, err);
}

/* ---- listing ---- */

static void fill_user(struct runtime_image *image, struct str user, struct arena *arena)
{
	struct str name, group;

	str_cut(user, ':', &name, &group);
	if (str_parse_int64(name, &image->uid) == 0)
		image->has_uid = true;
	else
		image->username = arena_str(arena, name);
}

/* The names of one id gathered; *image's lists grow in the arena. */
static void add_names(struct runtime_image *image, const struct image_record_list *list, struct str id,
		      struct arena *arena)
{
	VEC_OF(struct str) tags = {0}, digests = {0};

	for (size_t i = 0; i < list->len; i++) {
		const struct image_record *record = &list->items[i];
		struct str repository, ignored;
		ptrdiff_t colon = str_last_index(record->name, ':');

		if (!str_eq(record->id, id) || record->name.len == 0)
			continue;
		if (str_cut(record->name, '@', &repository, &ignored)) {
			vec_push(arena, &digests, record->name);
			continue;
		}
		vec_push(arena, &tags, record->name);
		repository = str_sub(record->name, 0, (size_t)MAX(colon, 0));
		vec_push(arena, &digests,
			 arena_printf(arena, STR_FMT "@" STR_FMT, STR_ARG(repository), STR_ARG(record->manifest)));
	}
	image->repo_tags = (struct runtime_strs){tags.items, tags.len};
	image->repo_digests = (struct runtime_strs){digests.items, digests.len};
}

int image_store_images(struct image_store *store, struct arena *arena, struct runtime_image_list *ret,
		       struct error *err)
{
	VEC_OF(struct runtime_image) images = {0};
	struct image_record_list list;
	struct map seen = {0};
	int r = image_store_list(store, arena, &list, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < list.len; i++) {
		struct runtime_image image = {
			.id = list.items[i].id, .size = list.items[i].size, .username = STR_EMPTY};
		struct image_config config;
		struct error damaged = {0};

		if (map_set(&seen, image.id, store))
			continue;
		if (image_store_config(store, image.id, arena, &config, &damaged) == 0)
			fill_user(&image, config.user, arena);
		add_names(&image, &list, image.id, arena);
		vec_push(arena, &images, image);
	}
	map_release(&seen);
	*ret = (struct runtime_image_list){images.items, images.len};
	return 0;
}

int image_store_usage(struct image_store *store, struct arena *arena, struct runtime_filesystem_usage *ret,
		      struct error *err)
{
	struct runtime_filesystem_usage usage = {.timestamp = clock_wall_ns(),
						 .mountpoint = arena_str_c(arena, store->dir)};
	struct runtime_image_list images;
	int r = image_store_images(store, arena, &images, err);

	if (r < 0)
		return r;
	SLICE_FOREACH (image, images)
		usage.used_bytes += image->size;
	*ret = usage;
	return 0;
}
