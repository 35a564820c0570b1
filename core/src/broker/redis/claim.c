// claim.c - claims.
#include "broker/redis/store.h"
