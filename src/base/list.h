/*
 * Intrusive doubly linked lists: the link lives in the element, a list never allocates.
 *
 *	struct list watchers;			list_init(&watchers);
 *	struct watcher { struct list link; };	list_append(&watchers, &w->link);
 *	LIST_FOREACH(struct watcher, w, &watchers, link)
 *		...
 *
 * An element that is in no list has an initialised link (list_init) if list_remove() may be called on it; removing
 * twice is then harmless.
 */
#ifndef WHERRY_BASE_LIST_H
#define WHERRY_BASE_LIST_H

#include "base/alloc.h"

struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *list)
{
	list->next = list->prev = list;
}
static inline bool list_empty(const struct list *list)
{
	return list->next == list;
}
/* Puts @link before @position; before the head is the end of the list. */
static inline void list_insert_before(struct list *position, struct list *link)
{
	link->prev = position->prev;
	link->next = position;
	position->prev->next = link;
	position->prev = link;
}
static inline void list_append(struct list *list, struct list *link)
{
	list_insert_before(list, link);
}
static inline void list_prepend(struct list *list, struct list *link)
{
	list_insert_before(list->next, link);
}
static inline void list_remove(struct list *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	list_init(link);
}
/* Moves all of @from to the end of @to; @from is empty afterwards. */
static inline void list_splice(struct list *to, struct list *from)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	from->prev->next = to;
	to->prev->next = from->next;
	to->prev = from->prev;
	list_init(from);
}

#define LIST_ENTRY(link, type, member) CONTAINER_OF(link, type, member)
#define LIST_FIRST(list, type, member) (list_empty(list) ? NULL : LIST_ENTRY((list)->next, type, member))
#define LIST_FOREACH(type, it, list, member)                                                                           \
	for (type *it = LIST_ENTRY((list)->next, type, member); &it->member != (list);                                 \
	     it = LIST_ENTRY(it->member.next, type, member))
/* The current element may be removed or freed in the body. */
#define LIST_FOREACH_SAFE(type, it, list, member)                                                                      \
	for (type *it = LIST_ENTRY((list)->next, type, member),                                                        \
		  *it##_next = LIST_ENTRY(it->member.next, type, member);                                              \
	     &it->member != (list); it = it##_next, it##_next = LIST_ENTRY(it->member.next, type, member))

#endif
