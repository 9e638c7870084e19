/*
 * The controller manager: a loop, a pool of workers, one set of informers, and the controllers on them.
 *
 * controller_manager_new() makes everything and starts nothing; controller_manager_run() is the loop and returns after
 * controller_manager_stop(), from any thread.  Then controller_manager_free().
 */
#ifndef WHERRY_CONTROLLERS_MANAGER_H
#define WHERRY_CONTROLLERS_MANAGER_H

#include "controllers/controller.h"

struct controller_manager;

/* A transport that speaks as @user; the manager frees it. */
typedef struct transport *transport_for_fn(void *cookie, struct str user);

struct controller_manager_config {
	transport_for_fn *transport_for;
	void *cookie;
	struct controller_options options;
	/* As --controllers: "*", names, "-name"; empty: all. */
	struct str_slice controllers;
	struct metrics *metrics; /* borrowed: what its queues do */
};

struct controller_manager *controller_manager_new(const struct controller_manager_config *config);
void controller_manager_run(struct controller_manager *manager);
void controller_manager_stop(struct controller_manager *manager);
/* NULL is fine; returns NULL. */
struct controller_manager *controller_manager_free(struct controller_manager *manager);

#endif
