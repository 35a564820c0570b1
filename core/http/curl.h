// curl.h - libcurl, loaded when requests are to be sent: the command line starts without it.
#ifndef HTTP_CURL_H
#define HTTP_CURL_H

#include <stdbool.h>
#include <stddef.h>

#include <curl/curl.h>

// What is used of it. The real functions take their last argument by "..." .
typedef struct http_curl {
    CURLcode (*global_init)(long flags);
    CURL *(*easy_init)(void);
    CURLcode (*easy_setopt)(CURL *curl, CURLoption option, ...);
    CURLcode (*easy_perform)(CURL *curl);
    CURLcode (*easy_getinfo)(CURL *curl, CURLINFO info, ...);
    void (*easy_cleanup)(CURL *curl);
    const char *(*easy_strerror)(CURLcode code);
    struct curl_slist *(*slist_append)(struct curl_slist *list, const char *text);
    void (*slist_free_all)(struct curl_slist *list);
} http_curl;

// false: why says what is to be installed. Before there are threads that might load it, too.
bool http_curl_load(http_curl *out, char *why, size_t size);
// The process does not wait, at its end, for a name that nobody resolves. libcurl knows this from
// 7.87 on, and may be older than the headers that gofer was built with: then it is as it was.
void http_curl_quick_exit(const http_curl *c, CURL *handle);

#endif
