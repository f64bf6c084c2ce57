/* config_topics: names and priorities of topics, and which of them may not be the same. */
#include "task/config_resolve.h"

#include <string.h>

#include "task/task.h"

int config_topic_priority(const struct config *c, const char *topic)
{
    const struct property_list *l = &c->topics.priority;
    int64_t n = 0;
    size_t i = 0;

    for (i = 0; i < l->count; i++) {
        if (strcmp(l->at[i].name, topic) == 0 && config_int(l->at[i].value, &n) == 0)
            return (int)n;
    }
    return 0;
}

int config_priorities_above(const struct config *c, int priority)
{
    unsigned seen = 0;
    size_t i = 0;

    for (i = 0; i < c->topics.requests.count; i++)
        seen |= 1U << config_topic_priority(c, c->topics.requests.at[i]);
    return __builtin_popcount(seen >> (priority + 1));
}

static int check_topic(const struct config *c, const char *where, const char *name, struct err *e)
{
    static const char bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t n = strlen(name);

    if (n == 0 || n > 249 || strspn(name, bytes) != n || strcmp(name, ".") == 0 ||
        strcmp(name, "..") == 0)
        return conf_place_err(c, 0, e,
                              "%s: `%.60s` is no name of a topic; allowed are 1 to 249 letters, "
                              "digits, dots, dashes and underscores",
                              where, name);
    return 0;
}

/* Parked records on a topic that has others as well would be taken for those, or the other way round. */
static int check_delay(const struct config *c, struct err *e)
{
    const char *delay = c->topics.delay;
    size_t i = 0;

    if (!*delay)
        return 0;
    if (check_topic(c, "topics.delay", delay, e) < 0)
        return -1;
    for (i = 0; i < c->topics.requests.count; i++) {
        if (strcmp(c->topics.requests.at[i], delay) == 0)
            return conf_place_err(c, 0, e, "topics.delay: `%s` is also in topics.requests", delay);
    }
    for (i = 0; i < c->topics.reply_allow.count; i++) {
        if (strcmp(c->topics.reply_allow.at[i], delay) == 0)
            return conf_place_err(c, 0, e, "topics.delay: `%s` is also in topics.reply_allow",
                                  delay);
    }
    if (strcmp(c->topics.replies, delay) == 0)
        return conf_place_err(c, 0, e, "topics.delay: `%s` is also topics.replies", delay);
    if (strcmp(c->topics.dead_letter, delay) == 0)
        return conf_place_err(c, 0, e, "topics.delay: `%s` is also topics.dead_letter", delay);
    return 0;
}

static bool has_topic(const struct string_list *l, const char *name)
{
    size_t i = 0;

    for (i = 0; i < l->count; i++) {
        if (strcmp(l->at[i], name) == 0)
            return true;
    }
    return false;
}

static int check_priorities(const struct config *c, struct err *e)
{
    const struct property_list *l = &c->topics.priority;
    int64_t n = 0;
    size_t i = 0;

    for (i = 0; i < l->count; i++) {
        const struct property *p = &l->at[i];

        if (!has_topic(&c->topics.requests, p->name))
            return conf_place_err(c, p->line, e,
                                  "topics.priority: `%.60s` is not in topics.requests", p->name);
        if (config_int(p->value, &n) < 0 || n < 0 || n >= TASK_PRIORITIES)
            return conf_place_err(
                c, p->line, e, "topics.priority.%.60s: `%.20s` is no priority; allowed are 0 to %d",
                p->name, p->value, TASK_PRIORITIES - 1);
    }
    return 0;
}

int conf_check_topics(const struct config *c, struct err *e)
{
    size_t i = 0;

    if (c->topics.requests.count == 0)
        return conf_place_err(c, 0, e, "topics.requests names no topic");
    for (i = 0; i < c->topics.requests.count; i++) {
        if (check_topic(c, "topics.requests", c->topics.requests.at[i], e) < 0)
            return -1;
        if (strcmp(c->topics.requests.at[i], c->topics.replies) == 0)
            return conf_place_err(c, 0, e,
                                  "topics.replies: `%s` is also in topics.requests; replies would "
                                  "be read as requests",
                                  c->topics.replies);
    }
    for (i = 0; i < c->topics.reply_allow.count; i++) {
        if (check_topic(c, "topics.reply_allow", c->topics.reply_allow.at[i], e) < 0)
            return -1;
    }
    if (*c->topics.dead_letter &&
        check_topic(c, "topics.dead_letter", c->topics.dead_letter, e) < 0)
        return -1;
    if (check_delay(c, e) < 0 || check_topic(c, "topics.replies", c->topics.replies, e) < 0)
        return -1;
    return check_priorities(c, e);
}
