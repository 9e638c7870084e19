/* What answers the paths that are no resources; the table is in step_path.c. */
#ifndef WHERRY_APISERVER_PATHS_H
#define WHERRY_APISERVER_PATHS_H

#include "apiserver/request.h"

enum step_result path_api(struct request *request);  /* discovery.c */
enum step_result path_apis(struct request *request); /* discovery.c */
enum step_result path_version(struct request *request);
enum step_result path_health(struct request *request);
enum step_result path_metrics(struct request *request);
enum step_result path_openapi(struct request *request);
enum step_result path_openid_keys(struct request *request);
enum step_result path_openid_configuration(struct request *request);
enum step_result path_root(struct request *request);
/* The table's word for what serves @path, "/livez" for all below it too; NULL: nothing does. */
const char *path_served(struct str path);
/* Go's answer to a path nobody knows. */
enum step_result path_not_found(struct request *request);

/* "address:port" this server tells clients to use. */
struct str apiserver_address(struct request *request);

#endif
