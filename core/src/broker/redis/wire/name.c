// name.c
#include "broker/redis/wire/wire.h"
