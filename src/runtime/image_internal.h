/* What the image module's files share; see image.h. */
#ifndef WHERRY_RUNTIME_IMAGE_INTERNAL_H
#define WHERRY_RUNTIME_IMAGE_INTERNAL_H

#include <pthread.h>

#include "runtime/image.h"

struct yyjson_val;

struct image_store {
	char *dir;	  /* DATA/images */
	char *pods_dir;	  /* DATA/pods, whose containers refer to layers */
	char *layers_dir; /* DATA/images/layers */
	int dir_fd;
	unsigned ingest_counter; /* atomic */
};

#define IMAGE_LAYER_NAME_LEN                                                                                           \
	24 /* digits of the diff id in a layer's folder name: 120 of them fit a mount's options                        \
	    */

/* A descriptor of an OCI or docker manifest. */
struct image_descriptor {
	struct str media_type, digest;
	uint64_t size;
};
struct image_manifest {
	struct image_descriptor config;
	struct image_descriptor *layers;
	size_t layers_len;
};

/* One entry of an index. */
struct image_index_entry {
	struct image_descriptor descriptor;
	struct str os, architecture, variant;
	struct str name; /* from its annotations; "" */
};
struct image_index {
	struct image_index_entry *items;
	size_t len;
};

/* Is @text an index (or docker's manifest list) rather than a manifest? */
bool image_is_index(struct str text);
int image_parse_index(struct str text, struct arena *arena, struct image_index *ret, struct error *err) MUST_CHECK;
int image_parse_manifest(struct str text, struct arena *arena, struct image_manifest *ret,
			 struct error *err) MUST_CHECK;
int image_parse_config(struct str text, struct arena *arena, struct image_config *ret, struct error *err) MUST_CHECK;
/* The entry for this machine, or NULL. */
const struct image_index_entry *image_index_choose(const struct image_index *index);
/* "amd64", "arm64": this machine in Go's words. */
const char *image_host_architecture(void);

/* Where an image being installed comes from. */
struct image_source {
	/* A file with the blob's content, verified against its digest, at its start. */
	int (*open)(struct image_source *source, const struct image_descriptor *blob, int *ret_fd, struct error *err);
};
/*
 * Unpacks the layers that are missing, stores manifest and configuration, and gives the image @names (none: it is known
 * by its id alone).  The caller holds layers in place (image_store_hold).
 */
int image_install(struct image_store *store, struct str manifest, struct image_source *source,
		  const struct image_manifest *parsed, struct runtime_strs names, struct str *ret_id,
		  struct arena *arena, struct error *err) MUST_CHECK;

/* A new empty file, or directory, under ingest/; *ret_name is its name below the store's folder. */
int image_ingest_file(struct image_store *store, struct arena *arena, struct str *ret_name, int *ret_fd,
		      struct error *err) MUST_CHECK;
/* A whole blob of JSON read from @fd. */
int image_read_text(int fd, struct arena *arena, struct str *ret, struct error *err) MUST_CHECK;

#endif
