/*
 * What differs between two texts, line by line, as a unified diff with three lines around each change.
 *
 * Which lines are taken for the same is decided as Python's difflib does (Ratcliff and Obershelp: the longest common
 * run, then what is before and after it; lines that are too frequent begin no run), since upstream's messages are made
 * so. Any thread.
 */
#ifndef WHERRY_APISERVER_REGISTRY_LINE_DIFF_H
#define WHERRY_APISERVER_REGISTRY_LINE_DIFF_H

#include "base/arena.h"
#include "base/str.h"

/* Hunks without a header of files; empty when nothing differs, or when a text has too many lines to compare. */
struct str line_diff(struct str a, struct str b, struct arena *arena);

#endif
