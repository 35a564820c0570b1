// process.h - the metrics that every process has, by the names that Prometheus' clients agree on.
#ifndef WEB_PROCESS_H
#define WEB_PROCESS_H

#include "exposition.h"

void web_process(web_exposition *e);    // what the system does not tell is left out

#endif
