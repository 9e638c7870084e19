/* The simulated disk; see sim_disk.h. */
#include "sim_disk.h"

#include <errno.h>

#define SECTOR 512

struct sim_handle {
	struct disk disk;
	struct sim_disk *sim;
};

struct sim_open_file {
	struct disk_file file;
	struct sim_disk *sim;
	struct sim_file *in;
};

static struct sim_disk *sim_of(struct disk *disk)
{
	return CONTAINER_OF(disk, struct sim_handle, disk)->sim;
}

static struct sim_open_file *open_of(struct disk_file *file)
{
	return CONTAINER_OF(file, struct sim_open_file, file);
}

/* Counts an operation; negative when the disk is dead or dies by it. */
static int operate(struct sim_disk *sim, struct error *err)
{
	sim->operations++;
	if (sim->die_at && sim->operations >= sim->die_at)
		sim->dead = true;
	return sim->dead ? error_set_errno(err, EIO, "the simulated disk is dead") : 0;
}

static struct sim_name *find(struct sim_disk *sim, const char *name)
{
	for (size_t i = 0; i < sim->names_len; i++) {
		if (sim->names[i].live && strcmp(sim->names[i].name, name) == 0)
			return &sim->names[i];
	}
	return NULL;
}

/* The entry of a name, whether a file has it or not. */
static struct sim_name *name_of(struct sim_disk *sim, const char *name)
{
	struct sim_name *made;

	for (size_t i = 0; i < sim->names_len; i++) {
		if (strcmp(sim->names[i].name, name) == 0)
			return &sim->names[i];
	}
	assert(sim->names_len < SIM_FILES);
	made = &sim->names[sim->names_len++];
	*made = (struct sim_name){0};
	snprintf(made->name, sizeof(made->name), "%s", name);
	return made;
}

static int sim_list(struct disk *disk, void (*each)(void *data, const char *name), void *data, struct error *err)
{
	struct sim_disk *sim = sim_of(disk);

	if (operate(sim, err) < 0)
		return -ERR_SYSTEM;
	each(data, ".");
	for (size_t i = 0; i < sim->names_len; i++) {
		if (sim->names[i].live)
			each(data, sim->names[i].name);
	}
	return 0;
}

static struct disk_file *handle(struct disk *disk, struct sim_file *in)
{
	struct sim_open_file *file = XNEW(struct sim_open_file);

	disk_ref(disk);
	file->file.disk = disk;
	file->sim = sim_of(disk);
	file->in = in;
	return &file->file;
}

static int sim_create(struct disk *disk, const char *name, uint64_t size, struct disk_file **ret, struct error *err)
{
	struct sim_disk *sim = sim_of(disk);
	struct sim_file *in;

	if (operate(sim, err) < 0)
		return -ERR_SYSTEM;
	if (find(sim, name))
		return error_set_errno(err, EEXIST, "create %s", name);
	if (size > sim->space)
		return error_set_errno(err, ENOSPC, "create %s", name);
	assert(size <= SIM_FILE_SIZE && sim->files_len < SIM_FILES);
	in = XNEW(struct sim_file);
	in->bytes = xcalloc(1, SIM_FILE_SIZE);
	in->durable_bytes = xcalloc(1, SIM_FILE_SIZE);
	in->dirty = xcalloc(1, SIM_FILE_SIZE);
	in->size = size;
	name_of(sim, name)->live = in;
	sim->files[sim->files_len++] = in;
	sim->space -= size;
	*ret = handle(disk, in);
	return 0;
}

static int sim_open(struct disk *disk, const char *name, struct disk_file **ret, struct error *err)
{
	struct sim_disk *sim = sim_of(disk);
	struct sim_name *found;

	if (operate(sim, err) < 0)
		return -ERR_SYSTEM;
	found = find(sim, name);
	if (!found)
		return error_set_errno(err, ENOENT, "open %s", name);
	*ret = handle(disk, found->live);
	return 0;
}

static int sim_unlink(struct disk *disk, const char *name, struct error *err)
{
	struct sim_disk *sim = sim_of(disk);
	struct sim_name *found;

	if (operate(sim, err) < 0)
		return -ERR_SYSTEM;
	found = find(sim, name);
	if (!found)
		return error_set_errno(err, ENOENT, "unlink %s", name);
	sim->space += found->live->size;
	found->live = NULL;
	return 0;
}

static int sim_rename(struct disk *disk, const char *from, const char *to, struct error *err)
{
	struct sim_disk *sim = sim_of(disk);
	struct sim_name *found, *target;

	if (operate(sim, err) < 0)
		return -ERR_SYSTEM;
	found = find(sim, from);
	if (!found)
		return error_set_errno(err, ENOENT, "rename %s", from);
	target = name_of(sim, to);
	if (target->live)
		sim->space += target->live->size;
	target->live = TAKE_PTR(found->live);
	return 0;
}

/* Whether sync @n fails. */
static bool sync_fails(struct sim_disk *sim)
{
	return ++sim->syncs == sim->fail_sync_at;
}

static int sim_sync_folder(struct disk *disk, struct error *err)
{
	struct sim_disk *sim = sim_of(disk);

	if (operate(sim, err) < 0)
		return -ERR_SYSTEM;
	if (sync_fails(sim))
		return error_set_errno(err, EIO, "sync the folder");
	for (size_t i = 0; i < sim->names_len; i++)
		sim->names[i].durable = sim->names[i].live;
	return 0;
}

static void sim_free(struct disk *disk)
{
	free(CONTAINER_OF(disk, struct sim_handle, disk));
}

static uint64_t sim_size(struct disk_file *file)
{
	return open_of(file)->in->size;
}

static int sim_write(struct disk_file *file, const void *data, size_t size, uint64_t offset, struct error *err)
{
	struct sim_disk *sim = open_of(file)->sim;
	struct sim_file *in = open_of(file)->in;
	bool was_dead = sim->dead;
	int r = operate(sim, err);
	size_t done = size;

	assert(offset + size <= SIM_FILE_SIZE);
	if (was_dead)
		return r;
	if (r < 0)
		done = random_source_below(&sim->random, size + 1);
	memcpy(in->bytes + offset, data, done);
	memset(in->dirty + offset, 1, done);
	in->size = MAX(in->size, offset + done);
	return r;
}

static int sim_sync(struct disk_file *file, struct error *err)
{
	struct sim_disk *sim = open_of(file)->sim;
	struct sim_file *in = open_of(file)->in;

	if (operate(sim, err) < 0)
		return -ERR_SYSTEM;
	if (sync_fails(sim)) {
		memset(in->dirty, 0, SIM_FILE_SIZE);
		return error_set_errno(err, EIO, "sync a file");
	}
	for (size_t i = 0; i < SIM_FILE_SIZE; i++) {
		if (in->dirty[i])
			in->durable_bytes[i] = in->bytes[i];
	}
	memset(in->dirty, 0, SIM_FILE_SIZE);
	in->durable_size = in->size;
	return 0;
}

static int sim_truncate(struct disk_file *file, uint64_t size, struct error *err)
{
	struct sim_disk *sim = open_of(file)->sim;
	struct sim_file *in = open_of(file)->in;

	if (operate(sim, err) < 0)
		return -ERR_SYSTEM;
	if (size < in->size)
		sim->space += in->size - size;
	memset(in->bytes + size, 0, SIM_FILE_SIZE - size);
	memset(in->dirty + size, 0, SIM_FILE_SIZE - size);
	in->size = size;
	return 0;
}

static int sim_map(struct disk_file *file, size_t size UNUSED, const char **ret, struct error *err UNUSED)
{
	*ret = open_of(file)->in->bytes;
	return 0;
}

static void sim_unmap(struct disk_file *file UNUSED, const char *map UNUSED, size_t size UNUSED)
{
}

static void sim_close(struct disk_file *file)
{
	struct disk *disk = file->disk;

	free(open_of(file));
	disk_unref(disk);
}

static const struct disk_ops sim_ops = {
	.list = sim_list,
	.create = sim_create,
	.open = sim_open,
	.unlink = sim_unlink,
	.rename = sim_rename,
	.sync_folder = sim_sync_folder,
	.free = sim_free,
	.size = sim_size,
	.write = sim_write,
	.sync = sim_sync,
	.truncate = sim_truncate,
	.map = sim_map,
	.unmap = sim_unmap,
	.close = sim_close,
};

void sim_disk_init(struct sim_disk *sim, uint64_t seed)
{
	*sim = (struct sim_disk){.random = {seed}, .space = (uint64_t)1 << 40};
}

static void file_free(struct sim_file *in)
{
	free(in->bytes);
	free(in->durable_bytes);
	free(in->dirty);
	free(in);
}

void sim_disk_release(struct sim_disk *sim)
{
	for (size_t i = 0; i < sim->files_len; i++)
		file_free(sim->files[i]);
}

struct disk *sim_disk_open(struct sim_disk *sim)
{
	struct sim_handle *disk = XNEW(struct sim_handle);

	disk->disk.ops = &sim_ops;
	atomic_init(&disk->disk.refs, 1);
	disk->sim = sim;
	return &disk->disk;
}

void sim_disk_kill(struct sim_disk *sim)
{
	sim->dead = false;
	sim->die_at = sim->fail_sync_at = 0;
}

enum fate { LOST, KEPT, GARBAGE };

/* What becomes of the unsynced bytes within one sector.  @mood is the crash's: all one way, or each its own. */
static void settle_sector(struct sim_disk *sim, struct sim_file *in, size_t start, unsigned mood)
{
	enum fate fate = mood < 3 ? mood : random_source_below(&sim->random, 3);

	for (size_t i = start; i < start + SECTOR; i++) {
		if (!in->dirty[i])
			continue;
		if (fate == KEPT)
			in->durable_bytes[i] = in->bytes[i];
		else if (fate == GARBAGE)
			in->durable_bytes[i] = (char)random_source_next(&sim->random);
	}
}

static void settle_file(struct sim_disk *sim, struct sim_file *in, unsigned mood)
{
	for (size_t i = 0; i < SIM_FILE_SIZE; i += SECTOR)
		settle_sector(sim, in, i, mood);
	/* A new size may have reached the disk, or, of a file that grew, any size in between. */
	if (in->size < in->durable_size) {
		if (random_source_below(&sim->random, 2))
			in->durable_size = in->size;
	} else if (in->size > in->durable_size) {
		in->durable_size += random_source_below(&sim->random, in->size - in->durable_size + 1);
	}
	memset(in->dirty, 0, SIM_FILE_SIZE);
	memset(in->durable_bytes + in->durable_size, 0, SIM_FILE_SIZE - in->durable_size);
	memcpy(in->bytes, in->durable_bytes, SIM_FILE_SIZE);
	in->size = in->durable_size;
}

static bool has_name(const struct sim_disk *sim, const struct sim_file *in)
{
	for (size_t i = 0; i < sim->names_len; i++) {
		if (sim->names[i].live == in)
			return true;
	}
	return false;
}

void sim_disk_crash(struct sim_disk *sim)
{
	unsigned mood = (unsigned)random_source_below(&sim->random, 6);
	size_t kept = 0;

	for (size_t i = 0; i < sim->names_len; i++) {
		struct sim_name *name = &sim->names[i];

		if (random_source_below(&sim->random, 2))
			name->durable = name->live;
		name->live = name->durable;
	}
	for (size_t i = 0; i < sim->files_len; i++) {
		struct sim_file *in = sim->files[i];

		settle_file(sim, in, mood);
		if (has_name(sim, in))
			sim->files[kept++] = in;
		else
			file_free(in);
	}
	sim->files_len = kept;
	kept = 0;
	for (size_t i = 0; i < sim->names_len; i++) {
		if (sim->names[i].live)
			sim->names[kept++] = sim->names[i];
	}
	sim->names_len = kept;
	sim_disk_kill(sim);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct sim_name *)a)->name, ((const struct sim_name *)b)->name);
}

struct sim_file *sim_disk_file(struct sim_disk *sim, size_t n)
{
	qsort(sim->names, sim->names_len, sizeof(*sim->names), compare_names);
	for (size_t i = 0; i < sim->names_len; i++) {
		if (sim->names[i].live && n-- == 0)
			return sim->names[i].live;
	}
	return NULL;
}
