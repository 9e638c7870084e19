/* Opening the embedded store: the log as back end, and a head filled from it. */
#include "store/store.h"

#include "base/clock.h"
#include "store/head.h"
#include "store/log.h"
#include "store/open.h"

int store_open_on_disk(struct disk *disk, const struct store_options *options, struct store **ret, struct error *err)
{
	int64_t now = options->wall_clock ? options->wall_clock(options->clock_data) : clock_wall_ns();
	struct log *log = log_new(disk, options);
	struct store *store = store_new(&log->backend, options);
	struct head *head = store_head(store);
	int r = log_recover(log, head, now, head->window_ns, head->window_bytes, err);

	if (r == 0)
		r = store_start(store, err);
	if (r < 0) {
		store_free(store);
		return r;
	}
	*ret = store;
	return 0;
}

int store_open_embedded(const char *path, const struct store_options *options, struct store **ret, struct error *err)
{
	struct disk *disk;
	int r = disk_open_folder(path, &disk, err);

	if (r < 0)
		return r;
	r = store_open_on_disk(disk, options, ret, err);
	return r < 0 ? error_wrap(err, "%s", path) : 0;
}
