/*
 * The disk as the log sees it: one folder of files, and what may be asked of them.
 *
 * A vtable, so that tests can put a simulated disk in its place that loses, keeps and garbles what was not synced
 * (tests/unit/store/sim_disk.h).  What the log may rely on, of any disk, and nothing more:
 *
 *  - write: afterwards map shows the bytes, to this process and, if it is killed, to the next one.  After the machine
 *    stops, any part of what was not synced may be there, not be there, or be garbage; bytes that were not written
 *    since the last sync are unharmed, whatever was written beside them.
 *  - sync (of a file): what was written to it and its size survive the machine.  When it fails, nothing is known of
 *    anything written since the last one that succeeded, and a later success says nothing about it either.
 *  - rename: the name @to is at any time the one file or the other, also after the machine stops.
 *  - sync_folder: files made, renamed and removed so far stay so.  A file's own sync does not make its name last.
 *
 * Files and maps outlive the disk's owner: the disk is counted, and every open file holds a reference.
 *
 * Threads: any; one at a time per file for write, sync and truncate.
 */
#ifndef WHERRY_STORE_DISK_H
#define WHERRY_STORE_DISK_H

#include <stdatomic.h>

#include "base/error.h"
#include "base/str.h"

struct disk;
struct disk_file;

struct disk_ops {
	/* Calls @each with the name of every file. */
	int (*list)(struct disk *disk, void (*each)(void *data, const char *name), void *data, struct error *err);
	/* A new file of @size zeroes, space set aside for them; ERR_SYSTEM with EEXIST, ENOSPC ... */
	int (*create)(struct disk *disk, const char *name, uint64_t size, struct disk_file **ret, struct error *err);
	int (*open)(struct disk *disk, const char *name, struct disk_file **ret, struct error *err);
	int (*unlink)(struct disk *disk, const char *name, struct error *err);
	/* Gives the file @from the name @to, in the place of any file that has it. */
	int (*rename)(struct disk *disk, const char *from, const char *to, struct error *err);
	int (*sync_folder)(struct disk *disk, struct error *err);
	void (*free)(struct disk *disk);

	uint64_t (*size)(struct disk_file *file);
	int (*write)(struct disk_file *file, const void *data, size_t size, uint64_t offset, struct error *err);
	int (*sync)(struct disk_file *file, struct error *err);
	int (*truncate)(struct disk_file *file, uint64_t size, struct error *err);
	/* The first @size bytes, read-only; shows what is written later. */
	int (*map)(struct disk_file *file, size_t size, const char **ret, struct error *err);
	void (*unmap)(struct disk_file *file, const char *map, size_t size);
	void (*close)(struct disk_file *file);
};

struct disk {
	const struct disk_ops *ops;
	atomic_uint refs;
};

/* First member of every kind of file. */
struct disk_file {
	struct disk *disk;
};

/* The folder @path, made (0700) if missing, locked against other processes; one reference. */
int disk_open_folder(const char *path, struct disk **ret, struct error *err) MUST_CHECK;

static inline void disk_ref(struct disk *disk)
{
	atomic_fetch_add_explicit(&disk->refs, 1, memory_order_relaxed);
}
static inline void disk_unref(struct disk *disk)
{
	if (disk && atomic_fetch_sub_explicit(&disk->refs, 1, memory_order_acq_rel) == 1)
		disk->ops->free(disk);
}

#endif
