// program.h - finds the program of a command, as a shell would but once, at registration.
//
// May touch: util/.
#ifndef GF_HANDLER_PROGRAM_H
#define GF_HANDLER_PROGRAM_H

#include "gofer/gofer.h"

// Where `name` is: in $PATH, or itself if it holds a '/'. *out: absolute, symbolic links as they
// are (what a program does may hang on the name it was called by); gf_free.
// GOFER_ENOTFOUND, GOFER_EDENIED (a folder, or not executable), GOFER_ENOMEM.
gofer_status gf_program_find(const char *name, char **out);

// path, after the working folder and a '/' if it is relative (or empty); gf_free. GOFER_EBROKER:
// the working folder is gone; GOFER_ENOMEM.
gofer_status gf_path_absolute(const char *path, char **out);

#endif
