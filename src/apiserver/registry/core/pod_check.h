/*
 * Validation of pods, by subject: pure functions over the structs, shared by pods and every kind with a pod template.
 *
 * check_pod_spec() is what a template's owner calls; the rest are its parts, one file each (pod_container.c,
 * pod_volume.c, ...).  Messages, and their order, are upstream's.
 */
#ifndef WHERRY_APISERVER_REGISTRY_CORE_POD_CHECK_H
#define WHERRY_APISERVER_REGISTRY_CORE_POD_CHECK_H

#include "apiserver/registry/common.h"
#include "types/quantity.h"

/* What the parts need to know of the whole. */
struct pod_check {
	struct field_errors *errors;
	const struct core_v1_pod_spec *spec;
	const struct meta_v1_object_meta *meta; /* of the pod, or of the template */
	bool is_pod;				/* false: a template, where some rules are looser */
	bool *volume_ok;			/* by position: only volumes without errors can be mounted */
};

void check_pod_spec(struct field_errors *errors, const struct path *path, const struct core_v1_pod_spec *spec,
		    const struct meta_v1_object_meta *meta, bool is_pod);
/* A template: its labels and annotations, and its spec. */
void check_pod_template(struct field_errors *errors, const struct path *path,
			const struct core_v1_pod_template_spec *template);
/* A template of a kind that keeps pods running: `selector` must match its labels, restartPolicy must be Always. */
void check_workload_template(struct field_errors *errors, const struct path *path,
			     const struct core_v1_pod_template_spec *template,
			     const struct meta_v1_label_selector *selector, const char *kind);

void check_volumes(struct pod_check *check, const struct path *path);
void check_containers(struct pod_check *check, const struct path *path);
void check_init_containers(struct pod_check *check, const struct path *path);
void check_ephemeral_containers(struct pod_check *check, const struct path *path);
/* No blanks around image names: of pods, not of templates. */
void check_images_of_pod(struct field_errors *errors, const struct path *path,
			 const struct core_v1_container_slice *containers);

void check_env(struct field_errors *errors, const struct path *path, const struct core_v1_env_var_slice *env);
void check_env_from(struct field_errors *errors, const struct path *path,
		    const struct core_v1_env_from_source_slice *env);
/* File references in env must name an emptyDir volume. */
void check_env_files(struct pod_check *check, const struct path *path);
/* @expressions: what a fieldRef may name here, sorted, NULL at the end. */
void check_field_ref(struct field_errors *errors, const struct path *path,
		     const struct core_v1_object_field_selector *ref, const char *const *expressions);
void check_resource_field_ref(struct field_errors *errors, const struct path *path,
			      const struct core_v1_resource_field_selector *ref, bool volume);

void check_probes(struct pod_check *check, const struct path *path, const struct core_v1_container *container);
void check_port_or_name(struct field_errors *errors, const struct path *path, const struct int_or_string *port);

/* @claims: the pod's, NULL where there can be none. */
void check_container_resources(struct field_errors *errors, const struct path *path,
			       const struct core_v1_resource_requirements *needs,
			       const struct core_v1_pod_resource_claim_slice *claims);
void check_pod_resources(struct pod_check *check, const struct path *path);
void check_pod_resource_claims(struct pod_check *check, const struct path *path);
void check_resize_policy(struct pod_check *check, const struct path *path, const struct core_v1_container *container);
/* Qualified, and a standard resource's name when it has no prefix; of containers, one of theirs. */
void check_resource_name(struct field_errors *errors, const struct path *path, struct str name);
void check_container_resource_name(struct field_errors *errors, const struct path *path, struct str name);
void check_resource_quantity(struct field_errors *errors, const struct path *path, struct str name,
			     const struct quantity *quantity);
bool is_extended_resource(struct str name);
bool is_huge_page(struct str name);
/* Can limits be higher than requests? */
bool may_overcommit(struct str name);

void check_pod_security(struct pod_check *check, const struct path *path);
void check_security_context(struct pod_check *check, const struct path *path,
			    const struct core_v1_security_context *context);
void check_pod_os(struct pod_check *check, const struct path *path);
void check_host_process(struct pod_check *check, const struct path *path);
void check_host_users(struct pod_check *check, const struct path *path);

void check_affinity(struct field_errors *errors, const struct path *path, const struct core_v1_affinity *affinity);
void check_node_selector(struct field_errors *errors, const struct path *path,
			 const struct core_v1_node_selector *selector);
void check_spread_constraints(struct field_errors *errors, const struct path *path,
			      const struct core_v1_topology_spread_constraint_slice *constraints);
void check_tolerations(struct field_errors *errors, const struct path *path,
		       const struct core_v1_toleration_slice *tolerations);
void check_taint_effect(struct field_errors *errors, const struct path *path, struct str effect, bool may_be_empty);

/* Relative, without ".." steps; and not beginning with ".." either. */
void check_descending_path(struct field_errors *errors, const struct path *path, struct str target);
void check_no_backsteps(struct field_errors *errors, const struct path *path, struct str target);
void check_local_path(struct field_errors *errors, const struct path *path, struct str target);

/* Calls @visit for each container: init, then regular, then ephemeral ones, with its path. */
void visit_containers(struct pod_check *check, const struct path *path,
		      void (*visit)(struct pod_check *check, const struct path *path,
				    const struct core_v1_container *container));

/* Pods' own: defaults (pod_defaults.c) and the update rules (pod_update.c). */
void default_pod(struct strategy_context *context, void *object);
void default_pod_spec(struct arena *arena, struct core_v1_pod_spec *spec);
void check_pod_update(struct field_errors *errors, const struct core_v1_pod *pod, const struct core_v1_pod *old);

#endif
