// curl.h - libcurl, loaded when spans are asked for: the command line starts without it.
#ifndef OTLP_CURL_H
#define OTLP_CURL_H

#include <stdbool.h>
#include <stddef.h>

#include <curl/curl.h>

// What is used of it. The real functions take their last argument by "..." .
typedef struct otlp_curl {
    CURLcode (*global_init)(long flags);
    CURL *(*easy_init)(void);
    CURLcode (*easy_setopt)(CURL *curl, CURLoption option, ...);
    CURLcode (*easy_perform)(CURL *curl);
    CURLcode (*easy_getinfo)(CURL *curl, CURLINFO info, ...);
    void (*easy_cleanup)(CURL *curl);
    const char *(*easy_strerror)(CURLcode code);
    struct curl_slist *(*slist_append)(struct curl_slist *list, const char *text);
    void (*slist_free_all)(struct curl_slist *list);
} otlp_curl;

// false: why says what is to be installed. Before there are threads that might load it, too.
bool otlp_curl_load(otlp_curl *out, char *why, size_t size);

#endif
