/*
 * Requests over HTTP: the handler to give to an HTTP server.
 *
 *	struct http_server_config config = {.handle = apiserver_http_handle, .refuse = apiserver_http_refuse,
 *					    .cookie = server, ...};
 *
 * The handler runs on the I/O threads of that server; requests have their connection's loop as their home.
 */
#ifndef WHERRY_APISERVER_HTTP_H
#define WHERRY_APISERVER_HTTP_H

struct http_request;
struct http_response;

void apiserver_http_handle(void *apiserver, struct http_request *request);
void apiserver_http_refuse(void *apiserver, struct http_request *request, int status, const char *why,
			   struct http_response *response);

#endif
