// text.h - text that grows: how replies are put together.
//
// Nobody checks each step: a text that could not grow is `failed`, takes nothing more, and who
// sends it looks once. Threads: a text belongs to one.
#ifndef WEB_TEXT_H
#define WEB_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct web_text {
    char  *at;          // NUL-terminated once anything is in it; NULL before
    size_t size, room;
    bool   failed;      // there was no memory
} web_text;

void web_text_add(web_text *t, const char *bytes, size_t size);
void web_text_put(web_text *t, const char *text);
// Room for so many bytes more, for who writes them himself and then says how many they were; NULL:
// no memory.
char *web_text_room(web_text *t, size_t more);
void web_text_grown(web_text *t, size_t by);
void web_text_format(web_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
// A JSON string literal; what is not UTF-8 becomes U+FFFD.
void web_text_json(web_text *t, const char *bytes, size_t size);
void web_text_free(web_text *t);    // it is empty afterwards

#endif
