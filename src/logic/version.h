/* The Kubernetes version whose behaviour this program has: what /version, kubelets and user agents say. */
#ifndef WHERRY_LOGIC_VERSION_H
#define WHERRY_LOGIC_VERSION_H

#define KUBERNETES_VERSION "v1.36.1"
#define KUBERNETES_MAJOR   "1"
#define KUBERNETES_MINOR   "36"

#endif
