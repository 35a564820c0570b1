// hello.h - what a child says first: lines of a word and its value.
//
//     protocol 1 [2 ...]       what it speaks; must be there
//     want N                   how many tasks it runs at a time; 1
//     name TEXT                for the log
//     type PATTERN             a type it has a handler for; any number
//     retry POLICY             of the type before it
//     room NAME N              the type before it runs where so many do at a time, of all types
//                              that name this room
//     spans own                it makes the spans of its tasks itself: the worker makes none
//     queue NAME               a queue that its tasks are in, for a worker that was given none
//     aggregate PATTERN        groups that it makes tasks of; any number
//
// Words that are not known are passed over. Pure but for memory.
#ifndef GF_CHILDREN_HELLO_H
#define GF_CHILDREN_HELLO_H

#include <stdbool.h>
#include <stddef.h>

#include "gofer/gofer.h"

enum { GF_CHILD_PROTOCOL = 1, GF_CHILD_WANT_MAX = 10000, GF_HELLO_TYPES_MAX = 10000,
       GF_HELLO_NAMES_MAX = 1000, GF_HELLO_NAME = 64, GF_HELLO_ROOMS_MAX = 15 };

typedef struct gf_hello_type {
    char  *pattern, *retry;        // owned; retry NULL: none
    size_t room;                   // which of the rooms, from 1 on; 0: none
} gf_hello_type;

typedef struct gf_hello_room {
    char   name[32];
    size_t want;
} gf_hello_room;

// Each but once.
typedef struct gf_hello_names {
    char **items;                  // owned, as each of them is
    size_t count, room;
} gf_hello_names;

typedef struct gf_hello {
    size_t         want;
    char           name[GF_HELLO_NAME];        // UTF-8; "": not said
    gf_hello_type *types;          // owned
    size_t         count, room;
    gf_hello_names queues, groups;
    gf_hello_room  rooms[GF_HELLO_ROOMS_MAX];
    size_t         room_count;
    bool           spans;
} gf_hello;

// EINVAL, EVERSION (none of its protocols is ours), ENOMEM; *out is empty then.
gofer_status gf_hello_read(const char *text, size_t size, gf_hello *out);
void         gf_hello_clear(gf_hello *hello);

#endif
