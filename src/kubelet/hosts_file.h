/* The /etc/hosts a pod's containers see, written by the kubelet. */
#ifndef WHERRY_KUBELET_HOSTS_FILE_H
#define WHERRY_KUBELET_HOSTS_FILE_H

#include "kubelet/pod_view.h"

/* Writes ROOT/pods/<uid>/etc-hosts; *ret_path is empty where the runtime's own is to be used. */
int hosts_file_write(const struct kubelet_context *context, const struct pod_view *view, struct arena *arena,
		     struct str *ret_path, struct error *err) MUST_CHECK;

#endif
