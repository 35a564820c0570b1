// safety.h - headers of every answer, also of those that are given before there is a request.
#ifndef WEB_SAFETY_H
#define WEB_SAFETY_H

// Nothing but the server's own files is a part of the page, which asks nobody else, and no page of
// others has a hold on it.
#define WEB_SAFETY(HEADER) \
    HEADER("Content-Security-Policy", \
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " \
        "connect-src 'self'; font-src 'none'; base-uri 'none'; form-action 'none'; " \
        "frame-ancestors 'none'; require-trusted-types-for 'script'") \
    HEADER("X-Content-Type-Options", "nosniff") \
    HEADER("Referrer-Policy", "no-referrer") \
    HEADER("Cross-Origin-Opener-Policy", "same-origin") \
    HEADER("Cross-Origin-Resource-Policy", "same-origin") \
    HEADER("Connection", "close")       // a connection has one request

#endif
