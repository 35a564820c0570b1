// secret.h - reads what nobody is to see: from a terminal without an echo, else from standard
// input.
#ifndef CLI_SECRET_H
#define CLI_SECRET_H

#include "cli.h"

// One line, without its end, into out. On a terminal it is asked for twice, `what` by its name. An
// exit code; what is wrong has been said.
int secret_read(const cli *c, const char *what, char *out, size_t size);

#endif
