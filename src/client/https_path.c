/* URLs of API requests; see https_path.h. */
#include "client/https_path.h"

#include "base/buf.h"

#define URL_MAX 65536

/* Everything but RFC 3986's unreserved characters as %XX. */
static void escape(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
			     c == '.' || c == '_' || c == '~';

		if (plain)
			buf_char(out, (char)c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

static void path(struct buf *out, struct str server, const struct api_request *request)
{
	const struct resource *resource = request->resource;

	buf_str(out, server);
	buf_c(out, resource->group.len ? "/apis/" : "/api/");
	buf_str(out, resource->api_version);
	if (resource->namespaced && request->namespace.len) {
		buf_c(out, "/namespaces/");
		escape(out, request->namespace);
	}
	buf_char(out, '/');
	buf_str(out, resource->plural);
	if (request->name.len) {
		buf_char(out, '/');
		escape(out, request->name);
	}
	if (request->subresource.len) {
		buf_char(out, '/');
		buf_str(out, request->subresource);
	}
}

static void parameter(struct buf *out, char *separator, const char *name, struct str value)
{
	if (!value.len)
		return;
	buf_char(out, *separator);
	*separator = '&';
	buf_c(out, name);
	buf_char(out, '=');
	escape(out, value);
}

static void selectors(struct buf *out, char *separator, const struct api_request *request)
{
	parameter(out, separator, "labelSelector", request->label_selector);
	parameter(out, separator, "fieldSelector", request->field_selector);
}

struct str https_url(struct str server, const struct api_request *request, struct arena *arena)
{
	struct buf cleanup_buf out;
	char separator = '?';

	buf_init(&out, URL_MAX);
	path(&out, server, request);
	selectors(&out, &separator, request);
	if (request->operation != API_GET && request->operation != API_LIST && request->operation != API_DELETE)
		parameter(&out, &separator, "fieldManager", request->field_manager);
	if (request->force)
		parameter(&out, &separator, "force", STR("true"));
	return arena_str(arena, buf_view(&out));
}

struct str https_watch_url(struct str server, const struct api_request *request, uint64_t revision, struct arena *arena)
{
	struct buf cleanup_buf out;
	char separator = '?';

	buf_init(&out, URL_MAX);
	path(&out, server, request);
	parameter(&out, &separator, "watch", STR("true"));
	parameter(&out, &separator, "allowWatchBookmarks", STR("true"));
	if (revision) {
		parameter(&out, &separator, "resourceVersion",
			  arena_printf(arena, "%llu", (unsigned long long)revision));
	} else {
		parameter(&out, &separator, "sendInitialEvents", STR("true"));
		parameter(&out, &separator, "resourceVersionMatch", STR("NotOlderThan"));
	}
	selectors(&out, &separator, request);
	return arena_str(arena, buf_view(&out));
}
