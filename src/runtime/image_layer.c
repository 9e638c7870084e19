/*
 * A layer's tar onto disk; see image_layer.h.
 *
 * The bytes go file -> decompression -> hash -> libarchive, so the diff id is computed over exactly what was unpacked.
 * Every name is resolved in @root by the kernel: a parent that is a link to "/etc" is root's own etc.
 */
#include "runtime/image_layer.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <zlib.h>
#include <zstd.h>

#include "base/limits.h"
#include "runtime/digest.h"
#include "sys/path.h"

#define CHUNK	 (128 * KIB)
#define WHITEOUT ".wh."

enum compression { COMPRESSION_UNKNOWN, COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD };

struct layer {
	int fd, root;
	enum compression compression;
	z_stream inflate;
	ZSTD_DStream *zstd;
	unsigned char *in, *out;
	size_t in_at, in_len;
	bool in_end;
	uint64_t total;
	struct digest digest;
	char parent_path[4096]; /* of parent, the directory the last entry was in */
	int parent;
	struct error *err;
};

/* ---- the stream ---- */

static int fill(struct layer *layer)
{
	ssize_t n;

	if (layer->in_at < layer->in_len || layer->in_end)
		return 0;
	do
		n = read(layer->fd, layer->in, CHUNK);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_set_errno(layer->err, errno, "read layer");
	layer->in_at = 0;
	layer->in_len = (size_t)n;
	layer->in_end = n == 0;
	return 0;
}

static int recognise(struct layer *layer)
{
	static const unsigned char gzip_magic[] = {0x1f, 0x8b}, zstd_magic[] = {0x28, 0xb5, 0x2f, 0xfd};

	layer->compression = COMPRESSION_NONE;
	if (layer->in_len >= 2 && memcmp(layer->in, gzip_magic, 2) == 0) {
		layer->compression = COMPRESSION_GZIP;
		if (inflateInit2(&layer->inflate, 15 + 16) != Z_OK)
			abort();
	} else if (layer->in_len >= 4 && memcmp(layer->in, zstd_magic, 4) == 0) {
		layer->compression = COMPRESSION_ZSTD;
		layer->zstd = ZSTD_createDStream();
		if (!layer->zstd)
			abort();
		/* 128 MB of window, zstd's own default for untrusted input. */
		ZSTD_DCtx_setParameter(layer->zstd, ZSTD_d_windowLogMax, 27);
	}
	return 0;
}

/* Some output from some input; 0 bytes may come out of a call, *ret_more says whether to go on. */
static int gunzip(struct layer *layer, size_t *ret_len)
{
	int r;

	layer->inflate.next_in = layer->in + layer->in_at;
	layer->inflate.avail_in = (unsigned)(layer->in_len - layer->in_at);
	layer->inflate.next_out = layer->out;
	layer->inflate.avail_out = CHUNK;
	r = inflate(&layer->inflate, Z_NO_FLUSH);
	layer->in_at = layer->in_len - layer->inflate.avail_in;
	*ret_len = CHUNK - layer->inflate.avail_out;
	if (r == Z_STREAM_END) { /* another member may follow */
		if (inflateReset(&layer->inflate) != Z_OK)
			abort();
		return 0;
	}
	if (r != Z_OK && r != Z_BUF_ERROR)
		return error_set(layer->err, ERR_INVALID, "layer: gzip: %s",
				 layer->inflate.msg ? layer->inflate.msg : "damaged");
	return 0;
}

static int unzstd(struct layer *layer, size_t *ret_len)
{
	ZSTD_inBuffer in = {layer->in, layer->in_len, layer->in_at};
	ZSTD_outBuffer out = {layer->out, CHUNK, 0};
	size_t r = ZSTD_decompressStream(layer->zstd, &out, &in);

	layer->in_at = in.pos;
	*ret_len = out.pos;
	if (ZSTD_isError(r))
		return error_set(layer->err, ERR_INVALID, "layer: zstd: %s", ZSTD_getErrorName(r));
	return 0;
}

static int next_chunk(struct layer *layer, size_t *ret_len)
{
	size_t len = 0;

	while (len == 0) {
		int r = fill(layer);

		if (r == 0 && layer->compression == COMPRESSION_UNKNOWN)
			r = recognise(layer);
		if (r < 0)
			return r;
		if (layer->in_at == layer->in_len && layer->in_end)
			break;
		if (layer->compression == COMPRESSION_GZIP) {
			r = gunzip(layer, &len);
		} else if (layer->compression == COMPRESSION_ZSTD) {
			r = unzstd(layer, &len);
		} else {
			len = layer->in_len - layer->in_at;
			memcpy(layer->out, layer->in + layer->in_at, len);
			layer->in_at = layer->in_len;
		}
		if (r < 0)
			return r;
	}
	layer->total += len;
	if (layer->total > LIMIT_IMAGE_BLOB)
		return error_set(layer->err, ERR_TOO_LARGE, "layer: larger than %llu bytes",
				 (unsigned long long)LIMIT_IMAGE_BLOB);
	digest_update(&layer->digest, layer->out, len);
	*ret_len = len;
	return 0;
}

static la_ssize_t read_for_archive(struct archive *archive, void *data, const void **ret_buffer)
{
	struct layer *layer = data;
	size_t len;

	if (next_chunk(layer, &len) < 0) {
		archive_set_error(archive, EIO, "%s", layer->err->message);
		return -1;
	}
	*ret_buffer = layer->out;
	return (la_ssize_t)len;
}

/* ---- entries ---- */

static int bad_entry(struct layer *layer, const char *path, int error)
{
	return error_set_errno(layer->err, error, "layer: unpack \"%s\"", path);
}

static bool bad_name(const char *name)
{
	return name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/*
 * Splits @path into a parent inside the root, opened (layer->parent), and a last name; "" for the root itself.  The
 * parent stays open for the next entry: whatever could replace that directory has another parent, and so closes it.
 */
static int enter_parent(struct layer *layer, const char *path, const char **ret_name)
{
	size_t len = strlen(path), start;
	char parent[sizeof(layer->parent_path)];

	while (len && (path[len - 1] == '/' || (path[len - 1] == '.' && (len == 1 || path[len - 2] == '/'))))
		len--;
	start = len;
	while (start && path[start - 1] != '/')
		start--;
	if (start >= sizeof(parent) || len - start > 255)
		return -ENAMETOOLONG;
	memcpy(parent, path, start);
	parent[start] = '\0';
	if (layer->parent < 0 || strcmp(parent, layer->parent_path) != 0) {
		layer->parent = close_fd(layer->parent);
		layer->parent = path_make_dirs_in_root(layer->root, parent, 0755);
		if (layer->parent < 0)
			return layer->parent;
		memcpy(layer->parent_path, parent, start + 1);
	}
	*ret_name = path + start;
	return (int)(len - start);
}

static int write_data(struct layer *layer, struct archive *archive, int fd)
{
	const void *data;
	size_t size;
	la_int64_t offset;
	int r;

	while ((r = archive_read_data_block(archive, &data, &size, &offset)) == ARCHIVE_OK)
		while (size) {
			ssize_t n = pwrite(fd, data, size, offset);

			if (n < 0 && errno == EINTR)
				continue;
			if (n < 0)
				return error_set_errno(layer->err, errno, "layer: write");
			data = (const char *)data + n;
			size -= (size_t)n;
			offset += n;
		}
	if (r != ARCHIVE_EOF)
		return layer->err->code
			       ? -(int)layer->err->code
			       : error_set(layer->err, ERR_INVALID, "layer: %s", archive_error_string(archive));
	return 0;
}

static int make_file(struct layer *layer, struct archive *archive, struct archive_entry *entry, const char *name)
{
	cleanup_close int fd = openat(layer->parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return bad_entry(layer, name, errno);
	r = write_data(layer, archive, fd);
	if (r < 0)
		return r;
	if (archive_entry_size_is_set(entry) && ftruncate(fd, archive_entry_size(entry)) < 0)
		return bad_entry(layer, name, errno);
	return 0;
}

/* The target of a hard link is a name in this layer, resolved like any other; the link itself is not followed. */
static int make_hardlink(struct layer *layer, const char *target, const char *name)
{
	const char *base = strrchr(target, '/');
	cleanup_free char *folder = xstrdup(target);
	cleanup_close int at = -1;

	base = base ? base + 1 : target;
	if (bad_name(base))
		return -EINVAL;
	folder[base - target] = '\0';
	at = path_open_in_root(layer->root, base == target ? "." : folder, O_PATH | O_DIRECTORY, 0);
	if (at < 0)
		return at;
	return linkat(at, base, layer->parent, name, 0) < 0 ? -errno : 0;
}

static int make_whiteout(struct layer *layer, const char *name)
{
	char fd_path[32];
	int r;

	snprintf(fd_path, sizeof(fd_path), "/proc/self/fd/%d", layer->parent);
	if (strcmp(name, WHITEOUT WHITEOUT ".opq") == 0)
		return setxattr(fd_path, "trusted.overlay.opaque", "y", 1, 0) < 0 ? -errno : 0;
	if (str_has_prefix(str_from(name), STR(WHITEOUT WHITEOUT)))
		return 0; /* aufs's own bookkeeping */
	name += strlen(WHITEOUT);
	if (bad_name(name))
		return -EINVAL;
	r = path_remove_tree(layer->parent, name);
	if (r < 0)
		return r;
	return mknodat(layer->parent, name, S_IFCHR, makedev(0, 0)) < 0 ? -errno : 0;
}

static int make_directory(struct layer *layer, const char *name)
{
	struct stat st;

	if (mkdirat(layer->parent, name, 0755) == 0)
		return 0;
	if (errno != EEXIST || fstatat(layer->parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return 0;
	if (unlinkat(layer->parent, name, 0) < 0)
		return -errno;
	return mkdirat(layer->parent, name, 0755) < 0 ? -errno : 0;
}

static int set_attributes(struct layer *layer, struct archive_entry *entry, const char *name)
{
	cleanup_close int fd = -1;
	const char *key;
	const void *value;
	char path[32];
	size_t size;

	if (archive_entry_xattr_reset(entry) == 0)
		return 0;
	fd = openat(layer->parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	while (archive_entry_xattr_next(entry, &key, &value, &size) == ARCHIVE_OK) {
		/* trusted.* would speak to overlayfs. */
		if (!key || (strcmp(key, "security.capability") != 0 && !str_has_prefix(str_from(key), STR("user."))))
			continue;
		if (setxattr(path, key, value, size, 0) < 0 && errno != ENOTSUP && errno != EPERM)
			return -errno;
	}
	return 0;
}

static int set_metadata(struct layer *layer, struct archive_entry *entry, const char *name)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
				    {archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)}};
	bool is_link = archive_entry_filetype(entry) == AE_IFLNK;
	int r;

	if (fchownat(layer->parent, name, (uid_t)archive_entry_uid(entry), (gid_t)archive_entry_gid(entry),
		     AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	/* After the owner, whose change clears set-user-id.  What we made here is no link, so following is harmless. */
	if (!is_link && fchmodat(layer->parent, name, archive_entry_perm(entry), 0) < 0)
		return -errno;
	r = is_link ? 0 : set_attributes(layer, entry, name);
	if (r < 0)
		return r;
	return utimensat(layer->parent, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int make_entry(struct layer *layer, struct archive *archive, struct archive_entry *entry, const char *name)
{
	const char *hardlink = archive_entry_hardlink(entry);
	mode_t type = archive_entry_filetype(entry);
	int r = 0;

	if (!hardlink && type == AE_IFDIR)
		return make_directory(layer, name);
	r = path_remove_tree(layer->parent, name);
	if (r < 0)
		return r;
	if (hardlink)
		return make_hardlink(layer, hardlink, name);
	switch (type) {
	case AE_IFREG:
		return make_file(layer, archive, entry, name);
	case AE_IFLNK:
		return symlinkat(archive_entry_symlink(entry), layer->parent, name) < 0 ? -errno : 0;
	case AE_IFCHR:
	case AE_IFBLK:
	case AE_IFIFO:
		r = mknodat(layer->parent, name, type | 0600, archive_entry_rdev(entry));
		return r < 0 ? -errno : 0;
	default:
		return -EINVAL;
	}
}

static int unpack_entry(struct layer *layer, struct archive *archive, struct archive_entry *entry)
{
	const char *path = archive_entry_pathname(entry), *at;
	char name[256];
	int r, len;

	if (!path)
		return error_set(layer->err, ERR_INVALID, "layer: an entry has no name");
	len = enter_parent(layer, path, &at);
	if (len < 0)
		return bad_entry(layer, path, -len);
	memcpy(name, at, (size_t)len);
	name[len] = '\0';
	if (len == 0) { /* the root itself: its owner and mode count */
		if (fchmod(layer->root, archive_entry_perm(entry)) < 0)
			return bad_entry(layer, path, errno);
		return 0;
	}
	if (bad_name(name))
		return bad_entry(layer, path, EINVAL);
	if (str_has_prefix(str_from(name), STR(WHITEOUT))) {
		r = make_whiteout(layer, name);
		return r < 0 ? bad_entry(layer, path, -r) : 0;
	}
	r = make_entry(layer, archive, entry, name);
	if (layer->err->code)
		return r;
	/* A hard link has its target's metadata already. */
	if (r == 0 && !archive_entry_hardlink(entry))
		r = set_metadata(layer, entry, name);
	return r < 0 ? bad_entry(layer, path, -r) : 0;
}

static int unpack_all(struct layer *layer, struct archive *archive)
{
	struct archive_entry *entry;
	size_t entries = 0, len;
	int r;

	while ((r = archive_read_next_header(archive, &entry)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
		if (++entries > LIMIT_IMAGE_ENTRIES)
			return error_set(layer->err, ERR_TOO_LARGE, "layer: more than %d files", LIMIT_IMAGE_ENTRIES);
		r = unpack_entry(layer, archive, entry);
		if (r < 0)
			return r;
	}
	if (r != ARCHIVE_EOF)
		return layer->err->code
			       ? -(int)layer->err->code
			       : error_set(layer->err, ERR_INVALID, "layer: %s", archive_error_string(archive));
	/* The hash covers what follows the end marker too. */
	do {
		r = next_chunk(layer, &len);
		if (r < 0)
			return r;
	} while (len);
	return 0;
}

int image_layer_unpack(int fd, int root, char ret_diff_id[static 72], struct error *err)
{
	struct layer *layer = XNEW(struct layer);
	struct archive *archive = archive_read_new();
	int r;

	layer->fd = fd;
	layer->root = root;
	layer->parent = -1;
	layer->err = err;
	layer->in = xmalloc(CHUNK);
	layer->out = xmalloc(CHUNK);
	digest_init(&layer->digest);
	archive_read_support_format_tar(archive);
	archive_read_support_format_empty(archive);
	if (archive_read_open(archive, layer, NULL, read_for_archive, NULL) != ARCHIVE_OK)
		r = err->code ? -(int)err->code
			      : error_set(err, ERR_INVALID, "layer: %s", archive_error_string(archive));
	else
		r = unpack_all(layer, archive);
	if (r == 0)
		digest_finish(&layer->digest, ret_diff_id);
	archive_read_free(archive);
	if (layer->compression == COMPRESSION_GZIP)
		inflateEnd(&layer->inflate);
	ZSTD_freeDStream(layer->zstd);
	digest_release(&layer->digest);
	close_fd(layer->parent);
	free(layer->in);
	free(layer->out);
	free(layer);
	return r;
}
