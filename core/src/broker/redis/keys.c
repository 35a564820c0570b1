// keys.c - names of keys.
#include "broker/redis/store.h"
