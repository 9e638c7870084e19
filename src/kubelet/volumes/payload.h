/*
 * What a ConfigMap-like volume shows: files by path, and how they get to disk.
 *
 * The writer's layout, as upstream's: the files are in ..<time>, the link ..data leads there, and the first component
 *of every path is a link through ..data.  An update writes a new folder and turns ..data over with one rename, so a
 * reader that goes through it sees all of an update or none.  Nothing is written when the content is what is there.
 *
 *	struct payload payload = {.arena = arena};
 *	payload_set(&payload, STR("sub/b"), data, 0644);
 *	if (payload_write(&payload, dir, fs_group, now, err) < 0) ...
 */
#ifndef WHERRY_KUBELET_VOLUMES_PAYLOAD_H
#define WHERRY_KUBELET_VOLUMES_PAYLOAD_H

#include "kubelet/env.h"

struct payload_file {
	struct str path, data;
	mode_t mode;
	bool has_owner;
	uid_t owner;
};

struct payload {
	struct arena *arena;
	VEC_OF(struct payload_file) files;
};

/* A later file of the same path wins.  Borrowed for the payload's life. */
void payload_set(struct payload *payload, struct str path, struct str data, mode_t mode);
/* The file belongs to @owner instead of root. */
void payload_set_owner(struct payload *payload, struct str path, uid_t owner);
/*
 * Makes the folder @dir, which exists, show the payload; @fs_group may be NULL.  Paths that would leave it are
 * ERR_INVALID.  One writer at a time; one that was killed leaves nothing a later one does not put right.
 */
int payload_write(const struct payload *payload, struct str dir, const int64_t *fs_group, int64_t now,
		  struct error *err) MUST_CHECK;

/* Content, with the keys @items asks for, or all. */
int payload_add_config_map(struct payload *payload, const struct core_v1_config_map *map,
			   const struct core_v1_key_to_path_slice *items, mode_t mode, bool optional,
			   struct error *err) MUST_CHECK;
int payload_add_secret(struct payload *payload, const struct core_v1_secret *secret,
		       const struct core_v1_key_to_path_slice *items, mode_t mode, bool optional,
		       struct error *err) MUST_CHECK;
int payload_add_downward(struct payload *payload, const struct core_v1_pod *pod, const struct downward *downward,
			 const struct core_v1_downward_api_volume_file_slice *items, mode_t mode,
			 struct error *err) MUST_CHECK;

#endif
