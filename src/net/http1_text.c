/* Texts in pieces; see http1_text.h. */
#include "net/http1_text.h"

void http1_text_add(struct http1_text *text, const char *piece, size_t size, struct arena *arena)
{
	text->data = arena_grow(arena, text->data, text->len, text->len + size + 1);
	memcpy(text->data + text->len, piece, size);
	text->len += size;
	text->data[text->len] = '\0';
}

struct str http1_text_take(struct http1_text *text)
{
	struct str taken = {text->data ? text->data : "", text->len};

	*text = (struct http1_text){0};
	return taken;
}

struct str http1_text_take_name(struct http1_text *text)
{
	for (size_t i = 0; i < text->len; i++)
		if (text->data[i] >= 'A' && text->data[i] <= 'Z')
			text->data[i] |= 0x20;
	return http1_text_take(text);
}
