/*
 * What the store holds and has done, read off it when metrics are written: objects by resource and the database's size
 * under upstream's names, and under names of its own what upstream's store would tell for itself.
 */
#ifndef WHERRY_APISERVER_STORE_METRICS_H
#define WHERRY_APISERVER_STORE_METRICS_H

struct metrics;
struct store;
struct store_metrics;

/* @store outlives the metrics' last writing. */
struct store_metrics *store_metrics_new(struct metrics *metrics, struct store *store);
/* NULL is fine; returns NULL. */
struct store_metrics *store_metrics_free(struct store_metrics *metrics);

#endif
