// info.h - building the immutable snapshots that inspection hands out.
//
// A gofer_info is a record (fields in order) or a list (records, and fields of its own).
// Builders return 0, or -1 for no memory after recording it; an info whose building failed
// is only good for gofer_info_free. May touch: util/, cJSON.
#ifndef GF_INFO_H
#define GF_INFO_H

#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"
#include "message/message.h"

gofer_info *gf_info_record(void);                    // NULL: no memory
gofer_info *gf_info_list(void);
// What was made to the caller, or freed: returns the status, and *out is set on GOFER_OK alone.
gofer_status gf_info_hand_over(gofer_status st, gofer_info *made, gofer_info **out);
char *gf_info_json_items(const gofer_info *list);    // the records as a JSON array; gf_free.
                                                     //   NULL: no memory
int gf_info_add(gofer_info *list, gofer_info *item); // takes item over, also on failure
int gf_info_move(gofer_info *list, gofer_info *from, size_t index);   // the item of another list,
                                                                      //   where NULL stays behind
gofer_info *gf_info_take(gofer_info *list, size_t index);            // an item for the caller;
                                                                     //   NULL stays behind
void gf_info_drop(gofer_info *info, const char *field);              // as if it had not been set
void gf_info_sort(gofer_info *list, const char *field);   // by a number, ascending; equal ones
                                                          //   stay in order
int gf_info_set_int(gofer_info *info, const char *field, int64_t value);
int gf_info_set_bool(gofer_info *info, const char *field, int value);
int gf_info_set_text(gofer_info *info, const char *field, const char *text);   // NULL: not set
int gf_info_put_text(gofer_info *info, const char *field, const char *text);   // in its place
int gf_info_set_bytes(gofer_info *info, const char *field, const void *bytes, size_t size);
int gf_info_set_child(gofer_info *info, const char *field, gofer_info *child); // takes child over
// Fields id, type, queue, headers, max_retry, … that every task record has, and those that gofer's
// own headers stand for; payload only if with_payload.
int gf_info_set_message(gofer_info *info, const gf_message *m, int with_payload);
// A line of util/record.h as a record of the same fields.
gofer_info *gf_info_of_record(const char *line, size_t size);
// Many such lines as a list; none: not set.
int gf_info_set_records(gofer_info *info, const char *field, const char *lines, size_t size);

#endif
