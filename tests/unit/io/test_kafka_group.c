/* When commits are held back: the requests of a group's life, as the interceptor sees them go by. */
#include <criterion/criterion.h>

#include "io/kafka/group.h"

enum step { SENT, ANSWERED, CUT };

static const struct row {
    enum step step;
    int16_t api; /* 8 OffsetCommit, 11 JoinGroup, 12 Heartbeat, 13 LeaveGroup, 14 SyncGroup */
    bool joining;
} rows[] = {
    {SENT, 12, false},     {ANSWERED, 12, false}, {SENT, 8, false},      {SENT, 11, true},
    {ANSWERED, 8, true},   {ANSWERED, 11, true},  {SENT, 14, true},      {CUT, 14, true},
    {SENT, 11, true},      {CUT, 11, true},       {SENT, 11, true},      {ANSWERED, 11, true},
    {SENT, 14, true},      {ANSWERED, 14, false}, {SENT, 8, false},      {ANSWERED, 8, false},
    {ANSWERED, 14, false}, {SENT, 11, true},      {ANSWERED, 14, false}, {SENT, 13, false},
};

Test(kafka_group, steps)
{
    struct group_watch w;

    atomic_init(&w.joining, false);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].step == SENT)
            group_watch_sent(&w, rows[i].api);
        else
            group_watch_answered(&w, rows[i].api,
                                 rows[i].step == CUT ? RD_KAFKA_RESP_ERR__TRANSPORT : 0);
        cr_assert_eq(atomic_load(&w.joining), rows[i].joining, "row %zu", i);
    }
}
