// flow_plan.c - a flow's plan as JSON.
//
// Each reader returns false with the reason in why. What is left of a step without its name and
// what it comes after is read as a line of a batch. The library checks the plan as a whole.
#include "flow_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool complain(char *why, const char *text)
{
    snprintf(why, FLOW_PLAN_WHY, "%s", text);
    return false;
}

static char *text_of(gf_json value)
{
    bool text = (value.kind == GF_JSON_STRING || value.kind == GF_JSON_KEY) &&
        !gf_json_has_nul(value);
    char *out = text ? malloc(value.size + 1) : NULL;
    if (out)
        gf_json_text(value, out);
    return out;
}

// ---- what a step comes after

typedef struct after {
    char   **names;                     // NULL at the end, once count is known
    int32_t *rules;
    size_t   count;
} after;

static int32_t rule_of(gf_json value)
{
    static const char *const words[] = { "success", "failure", "always" };
    for (int32_t i = 0; i < 3; i++)
        if (value.kind == GF_JSON_STRING && gf_json_is(value, words[i]))
            return i;
    return -1;
}

static bool add_after(after *a, gf_json name, int32_t rule)
{
    a->names[a->count] = text_of(name);
    a->rules[a->count] = rule;
    return a->names[a->count] && ++a->count;
}

// A name, a list of names, or an object of names and rules.
static bool read_after(after *a, gf_json value, char *why)
{
    gf_json one, rule;
    enum { ROOM = GOFER_FLOW_AFTER_MAX + 2 };      // one too many, which the library refuses
    a->names = calloc(ROOM, sizeof *a->names);
    a->rules = calloc(ROOM, sizeof *a->rules);
    if (!a->names || !a->rules)
        return complain(why, "there is no memory for the plan");
    bool good = true;
    gf_json_scan s = gf_json_inside(value);
    if (value.kind == GF_JSON_STRING) {
        good = add_after(a, value, 0);
    } else if (value.kind == GF_JSON_ARRAY) {
        while (good && a->count < ROOM - 1 && gf_json_value(&s, &one) > GF_JSON_CLOSE)
            good = add_after(a, one, 0);
    } else if (value.kind == GF_JSON_OBJECT) {
        while (good && a->count < ROOM - 1 && gf_json_member(&s, &one, &rule))
            good = rule_of(rule) >= 0 && add_after(a, one, rule_of(rule));
    } else {
        good = value.kind == GF_JSON_NULL;
    }
    return good || complain(why, "'after' must be a list of names, or an object of names and "
        "\"success\", \"failure\" or \"always\"");
}

// ---- a step

static void clear_step(gofer_flow_step *step)
{
    if (!step)
        return;
    for (size_t i = 0; step->after && step->after[i]; i++)
        free((char *)step->after[i]);
    free((void *)step->after);
    free((void *)step->rules);
    free((char *)step->name);
    free((char *)step->each);
    free(step);
}

// A member of a text that may be there once.
static bool take_word(const char **out, gf_json value, const char *key, char *why)
{
    char *word = *out ? NULL : text_of(value);
    if (!word)
        snprintf(why, FLOW_PLAN_WHY, *out ? "'%s' is given twice"
                                          : "'%s' must be a string without NUL", key);
    *out = word ? word : *out;
    return word != NULL;
}

// Its own members go into the step, the rest is written to `line`, an object again. *used: bytes.
static bool take_members(gofer_flow_step *step, gf_json object, char *line, size_t *used, char *why)
{
    gf_json key, value;
    after a = { 0 };
    bool good = true;
    line[(*used)++] = '{';
    for (gf_json_scan s = gf_json_inside(object); good && gf_json_member(&s, &key, &value);) {
        if (gf_json_is(key, "name")) {
            good = take_word(&step->name, value, "name", why);
        } else if (gf_json_is(key, "each")) {
            good = take_word(&step->each, value, "each", why);
        } else if (gf_json_is(key, "after")) {
            good = !a.names ? read_after(&a, value, why) : complain(why, "'after' is given twice");
        } else {
            // Its text, with a colon; the object's own text has room for no less.
            *used += (size_t)snprintf(line + *used, key.size + value.size + 3, "%s%.*s:",
                line[*used - 1] == '{' ? "" : ",", (int)key.size, key.text);
            memcpy(line + *used, value.text, value.size);
            *used += value.size;
        }
    }
    line[(*used)++] = '}';
    step->after = (const char *const *)a.names;
    step->rules = a.rules;
    return good && (step->name || complain(why, "'name' is missing"));
}

static bool add_step(flow_plan *plan, gf_json object, char *why)
{
    size_t used = 0, at = plan->count;
    if (object.kind != GF_JSON_OBJECT)
        return complain(why, "a step must be an object");
    char *line = malloc(2 * object.size + 8);
    gofer_flow_step *step = malloc(sizeof *step);
    plan->lines[at] = task_line_new(NULL);
    plan->steps[at] = step;
    plan->count++;
    if (step)
        gofer_flow_step_init(step);
    bool good = line && step && plan->lines[at];
    if (!good)
        complain(why, "there is no memory for the plan");
    good = good && take_members(step, object, line, &used, why) &&
        task_line_read(plan->lines[at], line, used, why);
    free(line);
    if (!good)
        return false;
    step->type = plan->lines[at]->type;
    step->payload = plan->lines[at]->payload;
    step->payload_size = plan->lines[at]->payload_size;
    plan->lines[at]->opts.effect = NULL;
    step->opts = &plan->lines[at]->opts;
    return true;
}

static bool grow(flow_plan *plan)
{
    if (plan->count < plan->room)
        return true;
    size_t room = plan->room ? 2 * plan->room : 16;
    gofer_flow_step **steps = realloc(plan->steps, room * sizeof *steps);
    plan->steps = steps ? steps : plan->steps;
    task_line **lines = realloc(plan->lines, room * sizeof *lines);
    plan->lines = lines ? lines : plan->lines;
    plan->room = steps && lines ? room : plan->room;
    return steps && lines;
}

static bool read_steps(flow_plan *plan, gf_json list, char *why)
{
    gf_json one;
    char reason[FLOW_PLAN_WHY];
    if (list.kind != GF_JSON_ARRAY)
        return complain(why, "'steps' must be a list of objects");
    for (gf_json_scan s = gf_json_inside(list); gf_json_value(&s, &one) > GF_JSON_CLOSE;) {
        if (plan->count > GOFER_FLOW_STEPS_MAX)
            return true;                // the library refuses them
        if (!grow(plan))
            return complain(why, "there is no memory for the plan");
        if (add_step(plan, one, reason))
            continue;
        const gofer_flow_step *step = plan->count ? plan->steps[plan->count - 1] : NULL;
        bool named = step && step->name;
        snprintf(why, FLOW_PLAN_WHY, named ? "step '%.128s': %.250s" : "step %s: %.250s",
            named ? step->name : "without a name", reason);
        return false;
    }
    return true;
}

// ---- the whole

static bool read_time(gf_json value, bool is_time, const char *key, int64_t *out, char *why)
{
    char *text = value.kind == GF_JSON_STRING ? text_of(value) : NULL;
    gofer_status st = !text ? GOFER_EINVAL
        : is_time           ? gofer_parse_time(text, out)
                            : gofer_parse_duration(text, out);
    free(text);
    if (st != GOFER_OK)
        snprintf(why, FLOW_PLAN_WHY, "'%s' must be a %s, such as \"%s\"", key,
            is_time ? "time" : "duration", is_time ? "2027-01-01T06:00:00Z" : "2h");
    return st == GOFER_OK;
}

static bool read_on_dead(gf_json value, int32_t *out, char *why)
{
    static const char *const words[] = { "stop", "cancel", "continue" };
    for (int32_t i = 0; i < 3; i++)
        if (value.kind == GF_JSON_STRING && gf_json_is(value, words[i])) {
            *out = i;
            return true;
        }
    return complain(why, "'on_dead' must be \"stop\", \"cancel\" or \"continue\"");
}

static bool read_member(flow_plan *plan, gf_json key, gf_json value, char *why)
{
    if (gf_json_is(key, "steps"))
        return plan->count == 0 ? read_steps(plan, value, why)
                                : complain(why, "'steps' is given twice");
    if (gf_json_is(key, "on_dead"))
        return read_on_dead(value, &plan->opts.on_dead, why);
    if (gf_json_is(key, "deadline"))
        return read_time(value, true, "deadline", &plan->opts.deadline_ms, why);
    if (gf_json_is(key, "retention"))
        return read_time(value, false, "retention", &plan->opts.retention_ms, why);
    if (gf_json_is(key, "id")) {
        free(plan->id);
        plan->id = text_of(value);
        plan->opts.flow_id = plan->id;
        return plan->id || complain(why, "'id' must be a string without NUL");
    }
    snprintf(why, FLOW_PLAN_WHY, "there is no member %.*s of a plan: steps, on_dead, deadline, "
        "retention, id", (int)(key.size > 60 ? 60 : key.size), key.text);
    return false;
}

bool flow_plan_read(flow_plan *plan, const char *text, size_t size, char why[FLOW_PLAN_WHY])
{
    gf_json whole, key, value;
    *plan = (flow_plan){ .count = 0 };
    gofer_flow_options_init(&plan->opts);
    if (size > GOFER_FLOW_BYTES_MAX) {
        snprintf(why, FLOW_PLAN_WHY, "the plan has %zu bytes: at most %d", size,
            GOFER_FLOW_BYTES_MAX);
        return false;
    }
    gf_json_unmark(&text, &size);
    gf_json_scan s = gf_json_start(text, size);
    if (gf_json_whole(&s, &whole) != GF_JSON_OBJECT)
        return complain(why, s.wrong ? s.wrong : "a plan must be a JSON object");
    for (s = gf_json_inside(whole); gf_json_member(&s, &key, &value);)
        if (!read_member(plan, key, value, why))
            return false;
    return plan->count > 0 || complain(why, "the plan has no steps");
}

void flow_plan_clear(flow_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        clear_step(plan->steps[i]);
        task_line_free(plan->lines[i]);
    }
    free(plan->steps);
    free(plan->lines);
    free(plan->id);
    *plan = (flow_plan){ .count = 0 };
}
