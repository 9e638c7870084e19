/*
 * Images on disk: names, a content store, layers unpacked for overlayfs, and import from archives; pulls are
 * registry.h's.
 *
 * Under DATA/images:
 *
 *	images.json		names -> manifest, configuration, size; replaced at once under index.lock
 *	blobs/sha256/HEX	manifests and configurations, each named by its own hash
 *	layers/HEX24		one unpacked layer each, named by the start of its diff id; whiteouts in overlayfs's
 *form ingest/			what is being written; whatever lies here at the start is rubbish
 *
 * Invariants.  A blob or layer has its final name only when whole and verified: it is written under ingest/, synced,
 * and renamed.  A layer is never changed afterwards.  A compressed layer is not kept once unpacked.  A name in the
 * index refers to blobs and layers that are all there.  Layers go only when no image and no container refers to them
 * (each container keeps a file `layers` in its folder, see record.h); import, pull and container creation hold
 * gc.lock shared, removal holds it exclusively, so nothing is taken from under them.  Several processes (the node and
 * `wherry image`) may use one store.
 *
 * Trust.  Archives and registries are hostile: every digest is computed, sizes and counts have ceilings (limits.h),
 * names in layers are resolved by the kernel as if the layer's folder were the root, and only `user.` attributes and
 * file capabilities are taken over.
 *
 * Any thread.  Results are in the caller's arena.
 */
#ifndef WHERRY_RUNTIME_IMAGE_H
#define WHERRY_RUNTIME_IMAGE_H

#include "runtime/runtime.h"

/* ---- names ---- */

/* A name as docker normalises it: "busybox" is docker.io/library/busybox:latest. */
struct image_name {
	struct str domain; /* "docker.io", "127.0.0.1:5000" */
	struct str path;   /* "library/busybox" */
	struct str tag;	   /* absent when there is a digest and no tag; "latest" when there is neither */
	struct str digest; /* "sha256:...", or absent */
};
/* ERR_INVALID "invalid reference format" and its variants, upstream's words. */
int image_name_parse(struct str text, struct arena *arena, struct image_name *ret, struct error *err) MUST_CHECK;
/* "docker.io/library/busybox", and that with tag and digest. */
struct str image_name_repository(const struct image_name *name, struct arena *arena);
struct str image_name_format(const struct image_name *name, struct arena *arena);
/* "sha256:" and 64 lower-case hexadecimal digits? */
bool image_digest_valid(struct str digest);

/* ---- the store ---- */

struct image_store;

int image_store_open(struct str data_dir, struct image_store **ret, struct error *err) MUST_CHECK;
struct image_store *image_store_free(struct image_store *store);

struct image_record {
	struct str name;     /* normalised, or "" when only its id names it */
	struct str manifest; /* digests */
	struct str id;
	uint64_t size;
};
struct image_record_list {
	struct image_record *items;
	size_t len;
};

/* What a container takes from an image's configuration. */
struct image_config {
	struct str id;
	struct str user, working_dir, stop_signal;
	struct runtime_strs env; /* "NAME=value" */
	struct runtime_strs entrypoint, cmd;
	struct runtime_strs diff_ids; /* lowest layer first */
	struct runtime_strs layers;   /* folder names below image_store_layers_dir(), topmost first */
	struct str architecture, os;
};

int image_store_list(struct image_store *store, struct arena *arena, struct image_record_list *ret,
		     struct error *err) MUST_CHECK;
/* Finds @image, a name or an id (whole, or its first digits); ERR_NOT_FOUND, ERR_INVALID. */
int image_store_find(struct image_store *store, struct str image, struct arena *arena, struct image_record *ret,
		     struct error *err) MUST_CHECK;
int image_store_config(struct image_store *store, struct str id, struct arena *arena, struct image_config *ret,
		       struct error *err) MUST_CHECK;
const char *image_store_layers_dir(const struct image_store *store);
/* A name (that name only) or an id (all its names); layers nobody refers to go too.  Unknown is success. */
int image_store_remove(struct image_store *store, struct str image, struct error *err) MUST_CHECK;
/* The images in the form the runtime interface lists them, one per id. */
int image_store_images(struct image_store *store, struct arena *arena, struct runtime_image_list *ret,
		       struct error *err) MUST_CHECK;
int image_store_usage(struct image_store *store, struct arena *arena, struct runtime_filesystem_usage *ret,
		      struct error *err) MUST_CHECK;
/* Holds layers in place until the descriptor is closed: from choosing an image to writing the container's `layers`. */
int image_store_hold(struct image_store *store, int *ret_fd, struct error *err) MUST_CHECK;

/*
 * Imports every image of an archive read from @fd: an OCI layout or what `docker save` writes, as a tar, plain or
 * compressed with gzip or zstd.  @name, when not empty, replaces the names in the archive (then it must hold one
 * image).
 */
int image_import(struct image_store *store, int fd, struct str name, struct arena *arena,
		 struct runtime_strs *ret_names, struct error *err) MUST_CHECK;

/* `wherry image import|pull|ls|rm`: argv[0] is "image"; returns the exit code.  Prints to standard output and error. */
int image_command(int argc, char **argv);

#endif
