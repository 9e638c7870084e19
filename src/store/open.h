/* The steps of opening a store, for back ends: new, fill its head, start. */
#ifndef WHERRY_STORE_OPEN_H
#define WHERRY_STORE_OPEN_H

#include "store/backend.h"

struct head;

/* Takes the back end over. */
struct store *store_new(struct store_backend *backend, const struct store_options *options);
/* To be filled as head.h says before the store is started. */
struct head *store_head(struct store *store);
int store_start(struct store *store, struct error *err) MUST_CHECK;
/* Frees one that has not been started, or whose start failed; returns NULL. */
struct store *store_free(struct store *store);

#endif
