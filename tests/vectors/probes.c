#include "vectors/replay.h"
bool use_probes(replay *r, const cJSON *file)
{
    (void)file;
    return tell_differences(r);
}
