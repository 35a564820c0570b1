// net.c
#include "broker/redis/net/net.h"
