/*
 * A disk in memory that forgets, for crash tests.
 *
 * It keeps what the kernel would show (live) apart from what would be there after the machine stopped (durable), and of
 * every file which bytes have been written and not synced.  sim_disk_crash() decides, by the disk's seed and for every
 * 512 bytes of those, whether they are kept, lost or garbage, and for every name that has got another file or none
 * since the last sync of the folder, which it has; then live is what came out.
 *
 * Faults: at a chosen operation the disk dies (a write there may be done in part, and everything fails afterwards); a
 * sync can be made to fail, after which the kernel takes the pages for clean, as Linux does, though nothing of them
 * has reached the disk; space can run out.
 *
 * One thread.  The struct disk handed out holds no memory of its own: the files are the struct sim_disk's.
 */
#ifndef WHERRY_TESTS_STORE_SIM_DISK_H
#define WHERRY_TESTS_STORE_SIM_DISK_H

#include "base/random.h"
#include "store/disk.h"

#define SIM_FILES     512
#define SIM_FILE_SIZE ((size_t)32 * 1024)

struct sim_file {
	uint64_t size, durable_size; /* of what is in it */
	char *bytes, *durable_bytes; /* SIM_FILE_SIZE each */
	unsigned char *dirty;	     /* one per byte: written and not synced */
};

/* A name, and the file that has it: as the kernel shows it, and after the machine stopped. */
struct sim_name {
	char name[32];
	struct sim_file *live, *durable; /* or NULL */
};

struct sim_disk {
	struct random_source random;
	struct sim_name names[SIM_FILES];
	size_t names_len;
	struct sim_file *files[SIM_FILES]; /* all of them, with a name or without */
	size_t files_len;
	uint64_t operations;
	uint64_t die_at;       /* the operation at which it dies; 0: never */
	uint64_t fail_sync_at; /* the sync that fails, counted from 1; 0: none */
	uint64_t syncs;
	uint64_t space; /* bytes that files may still be given */
	bool dead;
};

void sim_disk_init(struct sim_disk *sim, uint64_t seed);
void sim_disk_release(struct sim_disk *sim);
/* The file that has the name @n-th in order now. */
struct sim_file *sim_disk_file(struct sim_disk *sim, size_t n);
/* What the store opens; each time anew. */
struct disk *sim_disk_open(struct sim_disk *sim);
/* The machine stops and starts again. */
void sim_disk_crash(struct sim_disk *sim);
/* The process is killed: the kernel still has everything. */
void sim_disk_kill(struct sim_disk *sim);

#endif
