// subscription.c - which queues a worker serves: what was asked for, and what comes of it.
//
// May touch: broker/broker.h (the names of queues). Sets are made by the thread that starts the
// worker, then by housekeeping alone; the fetcher goes over to a new one by itself.
#include "worker/subscription.h"

#include <stdio.h>
#include <string.h>

#include "util/alloc.h"
#include "util/array.h"
#include "util/error.h"
#include "util/text.h"
#include "worker/crowd.h"
#include "worker/runtime.h"
#include "worker/upkeep/housekeeping.h"

enum { NUMBER_MAX = 16 };          // "=1000 " and more

// ---- the subscription ---------------------------------------------------------------------------

bool gf_is_pattern(const char *queue)
{
    size_t size = strlen(queue);
    return size > 0 && queue[size - 1] == '*';
}

gofer_status gf_subscription_add(gf_subscription *subscription, const char *queue, int32_t weight)
{
    gofer_status st = gf_check_queue(queue);
    if (st != GOFER_OK)
        return st;
    if (weight < 1 || weight > GF_WEIGHT_MAX)
        return gf_fail(GOFER_EINVAL, "weight of queue '%s' is 1 to %d, not %d", queue,
            GF_WEIGHT_MAX, (int)weight);
    for (size_t i = 0; i < subscription->count; i++)
        if (strcmp(subscription->items[i].name, queue) == 0)
            return gf_fail(GOFER_EINVAL, "queue '%s' is given twice", queue);
    if (!gf_grow(subscription->items, subscription->capacity, subscription->count + 1))
        return gf_fail_nomem("a queue");
    char *name = gf_strdup(queue);
    if (!name)
        return gf_fail_nomem("a queue");
    subscription->items[subscription->count++] = (gf_subscribed){ name, weight };
    subscription->patterns += gf_is_pattern(queue);
    return GOFER_OK;
}

// "name" or "name=weight"; the last '=', for a name may hold one.
static gofer_status add_word(gf_subscription *subscription, const char *word, size_t size)
{
    char name[GF_NAME_MAX + NUMBER_MAX + 1];
    int32_t weight = 1;
    if (size >= sizeof name)
        return gf_fail(GOFER_EINVAL, "the queue '%.60s...' has too long a name", word);
    memcpy(name, word, size);
    name[size] = '\0';
    char *equals = strrchr(name, '=');
    if (equals) {
        size_t digits = strlen(equals + 1);
        if (digits == 0 || digits > 4 || strspn(equals + 1, "0123456789") != digits)
            return gf_fail(GOFER_EINVAL, "queue '%s': after the '=' stands a weight from 1 to %d",
                name, GF_WEIGHT_MAX);
        *equals = '\0';
        weight = 0;
        for (const char *digit = equals + 1; *digit; digit++)
            weight = 10 * weight + (*digit - '0');
    }
    return gf_subscription_add(subscription, name, weight);
}

gofer_status gf_subscription_parse(gf_subscription *subscription, const char *text)
{
    static const char spaces[] = " \t\n";
    size_t before = subscription->count;
    for (text += strspn(text, spaces); *text; text += strspn(text, spaces)) {
        size_t size = strcspn(text, spaces);
        gofer_status st = add_word(subscription, text, size);
        if (st != GOFER_OK)
            return st;
        text += size;
    }
    return subscription->count > before
        ? GOFER_OK
        : gf_fail(GOFER_EINVAL, "no queue is given, such as \"mail=3 low report:*\"");
}

void gf_subscription_clear(gf_subscription *subscription)
{
    for (size_t i = 0; i < subscription->count; i++)
        gf_free(subscription->items[i].name);
    gf_free(subscription->items);
    *subscription = (gf_subscription){ 0 };
}

// ---- what comes of it -------------------------------------------------------------------------

void gf_queue_set_drop(gf_queue_set *set)
{
    if (!set || atomic_fetch_sub(&set->refs, 1) > 1)
        return;
    for (size_t i = 0; i < set->count; i++)
        gf_free(set->items[i].name);
    gf_free(set->items);
    gf_free(set->text);
    gf_free(set);
}

const gf_subscribed *gf_subscription_pattern(const gf_subscription *subscription,
    const char *queue)
{
    const gf_subscribed *best = NULL;
    for (size_t i = 0; i < subscription->count; i++) {
        const gf_subscribed *one = &subscription->items[i];
        if (!gf_is_pattern(one->name)) {
            if (strcmp(one->name, queue) == 0)
                return NULL;
            continue;
        }
        size_t size = strlen(one->name) - 1;
        if (strncmp(one->name, queue, size) == 0 && (!best || size > strlen(best->name) - 1))
            best = one;
    }
    return best;
}

static gofer_status add_queue(gf_queue_set *set, const char *name, int32_t weight)
{
    char *copy = gf_strdup(name);
    if (!copy)
        return gf_fail_nomem("a worker's queues");
    set->items[set->count++] = (gf_subscribed){ copy, weight };
    return GOFER_OK;
}

static gofer_status make_text(gf_queue_set *set, const gf_subscription *subscription)
{
    size_t size = 1, used = 0;
    for (size_t i = 0; i < set->count; i++)
        size += strlen(set->items[i].name) + NUMBER_MAX;
    for (size_t i = 0; i < subscription->count; i++)
        size += strlen(subscription->items[i].name) + NUMBER_MAX;
    if (!(set->text = gf_alloc(size)))
        return gf_fail_nomem("a worker's queues");
    *set->text = '\0';
    for (size_t i = 0; i < set->count; i++)
        used += (size_t)snprintf(set->text + used, size - used, "%s%s=%d", used ? " " : "",
            set->items[i].name, (int)set->items[i].weight);
    for (size_t i = 0; i < subscription->count; i++)
        if (gf_is_pattern(subscription->items[i].name))
            used += (size_t)snprintf(set->text + used, size - used, "%s%s=%d", used ? " " : "",
                subscription->items[i].name, (int)subscription->items[i].weight);
    return GOFER_OK;
}

gofer_status gf_queue_set_make(
    const gf_subscription *subscription, const gf_names *names, gf_queue_set **out)
{
    size_t named = subscription->count - subscription->patterns, matched = names ? names->count : 0;
    gf_queue_set *set = gf_calloc(1, sizeof *set);
    size_t most = named + (matched < GF_SUBSCRIBED_MAX ? matched : GF_SUBSCRIBED_MAX);
    if (!set || !(set->items = gf_calloc(most + 1, sizeof *set->items))) {
        gf_free(set);
        return gf_fail_nomem("a worker's queues");
    }
    atomic_init(&set->refs, 1);
    gofer_status st = GOFER_OK;
    for (size_t i = 0; i < subscription->count && st == GOFER_OK; i++)
        if (!gf_is_pattern(subscription->items[i].name))
            st = add_queue(set, subscription->items[i].name, subscription->items[i].weight);
    set->named = set->count;
    for (size_t i = 0; i < matched && st == GOFER_OK; i++) {
        const gf_subscribed *pattern = gf_subscription_pattern(subscription, names->names[i]);
        if (!pattern)
            continue;
        if (set->count - named == GF_SUBSCRIBED_MAX)
            set->left_out++;
        else
            st = add_queue(set, names->names[i], pattern->weight);
    }
    if (st == GOFER_OK)
        st = make_text(set, subscription);
    if (st == GOFER_OK)
        *out = set;
    else
        gf_queue_set_drop(set);
    return st;
}

bool gf_queue_set_same(const gf_queue_set *a, const gf_queue_set *b)
{
    if (a->count != b->count || !a->left_out != !b->left_out || a->more != b->more ||
        strcmp(a->text, b->text) != 0)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->items[i].weight != b->items[i].weight ||
            strcmp(a->items[i].name, b->items[i].name) != 0)
            return false;
    return true;
}

const char **gf_queue_set_names(const gf_queue_set *set)
{
    const char **names = gf_alloc((set->count + 1) * sizeof *names);
    for (size_t i = 0; names && i < set->count; i++)
        names[i] = set->items[i].name;
    return names;
}

// ---- a worker's ---------------------------------------------------------------------------------

static bool has(const gf_subscription *subscription, const char *queue)
{
    for (size_t i = 0; i < subscription->count; i++)
        if (strcmp(subscription->items[i].name, queue) == 0)
            return true;
    return false;
}

gofer_status gf_subscriber_name(gf_subscriber *s, const char *queue)
{
    return has(&s->named, queue) ? GOFER_OK : gf_subscription_add(&s->named, queue, 1);
}

gofer_status gf_subscriber_default(gf_subscriber *s)
{
    if (s->subscription.count && !s->by_default)
        return GOFER_OK;
    s->by_default = true;          // also of a start before that failed
    gofer_status st = has(&s->subscription, "default")
        ? GOFER_OK : gf_subscription_add(&s->subscription, "default", 1);
    for (size_t i = 0; i < s->named.count && st == GOFER_OK; i++)
        if (!has(&s->subscription, s->named.items[i].name))
            st = gf_subscription_add(&s->subscription, s->named.items[i].name, 1);
    return st;
}

gofer_status gf_subscriber_name_more(gofer_worker *w, const char *const *queues, size_t count)
{
    gf_subscriber *s = &w->subscriber;
    gofer_status st = GOFER_OK;
    pthread_mutex_lock(&s->lock);
    size_t before = s->subscription.count;
    for (size_t i = 0; i < count && s->by_default && st == GOFER_OK; i++)
        if (!has(&s->subscription, queues[i]))
            st = gf_subscription_add(&s->subscription, queues[i], 1);
    bool more = s->subscription.count > before;
    pthread_mutex_unlock(&s->lock);
    if (more) {
        atomic_fetch_add(&s->changes, 1);
        gf_housekeeping_ask_presence(w);
    }
    return st;
}

gf_queue_set *gf_subscriber_take(gf_subscriber *s)
{
    pthread_mutex_lock(&s->lock);
    gf_queue_set *set = s->set;
    atomic_fetch_add(&set->refs, 1);
    pthread_mutex_unlock(&s->lock);
    return set;
}

void gf_subscriber_change(gf_subscriber *s, gf_subscription *subscription)
{
    pthread_mutex_lock(&s->lock);
    gf_subscription old = s->subscription;
    s->subscription = *subscription;
    s->by_default = false;
    *subscription = (gf_subscription){ 0 };
    pthread_mutex_unlock(&s->lock);
    atomic_fetch_add(&s->changes, 1);
    gf_subscription_clear(&old);
}

bool gf_subscriber_has_patterns(gf_subscriber *s)
{
    pthread_mutex_lock(&s->lock);
    bool has = s->subscription.patterns > 0;
    pthread_mutex_unlock(&s->lock);
    return has;
}

bool gf_subscriber_log_left_out(gofer_worker *w)
{
    char left_out[32];
    gf_queue_set *set = gf_subscriber_take(&w->subscriber);
    bool some = set->left_out > 0, told = some && w->subscriber.told;
    snprintf(left_out, sizeof left_out, "%zu", set->left_out);
    w->subscriber.told = some;
    if (some && !told && gf_worker_logs(w, GOFER_LOG_WARN))
        gf_logf(&w->log, GOFER_LOG_WARN, "more queues match than a worker serves", "worker", w->id,
            "#left_out", left_out, NULL);
    gf_queue_set_drop(set);
    return told;
}

// The queues that patterns match, as many as are served at a time, how many are left out, and
// whether some of these have tasks.
static gofer_status load_names(gofer_worker *w, gf_names *names, size_t *left_out, bool *more)
{
    gf_subscriber *s = &w->subscriber;
    gofer_status st = w->ops->inspect->names(w->broker, names);
    if (st != GOFER_OK)
        return st;
    pthread_mutex_lock(&s->lock);
    gf_crowd_match(&s->subscription, names);
    pthread_mutex_unlock(&s->lock);
    size_t count = names->count;
    if (count <= GF_SUBSCRIBED_MAX)
        return GOFER_OK;
    bool *filled = gf_alloc(count * sizeof *filled);
    st = filled ? w->ops->inspect->filled(w->broker, names->names, count, filled)
                : gf_fail_nomem("a worker's queues");
    if (st == GOFER_OK)
        *more = gf_crowd_choose(names, filled, s->set, &s->turn);
    gf_free(filled);
    *left_out = count - names->count;
    return st;
}

gofer_status gf_subscriber_look(gofer_worker *w, bool *changed)
{
    gf_subscriber *s = &w->subscriber;
    gf_names names = { 0 };
    gf_queue_set *new = NULL;
    size_t left_out = 0;
    bool more = false;
    *changed = false;
    gofer_status st =
        gf_subscriber_has_patterns(s) ? load_names(w, &names, &left_out, &more) : GOFER_OK;
    if (st != GOFER_OK) {
        gf_names_clear(&names);
        return st;
    }
    pthread_mutex_lock(&s->lock);
    st = gf_queue_set_make(&s->subscription, &names, &new);
    gf_queue_set *old = s->set;
    if (st == GOFER_OK) {
        new->left_out += left_out;
        new->more = more;
    }
    if (st == GOFER_OK && (!old || !gf_queue_set_same(old, new))) {
        s->set = new;
        new = old;
        *changed = true;
        atomic_fetch_add(&s->version, 1);
    }
    pthread_mutex_unlock(&s->lock);
    gf_queue_set_drop(new);
    gf_names_clear(&names);
    return st;
}
