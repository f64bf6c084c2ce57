/* listen: takes addresses apart; see listen.h. Pure: no socket, no resolver. */
#include "task/listen.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "task/config.h"

bool listen_is_loopback(const char *host)
{
    struct in_addr v4;

    if (strcasecmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
        strcmp(host, "[::1]") == 0)
        return true;
    return inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

/* Splits text into host and port; the brackets of an IPv6 address go. False: it is neither of the forms. */
static bool split(const char *text, char *host, size_t cap, const char **ret_port)
{
    const char *colon = strrchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : 0;

    *ret_port = colon ? colon + 1 : text;
    if (n == 0) {
        snprintf(host, cap, "127.0.0.1");
        return true;
    }
    if (text[0] == '[' && text[n - 1] == ']') {
        text++;
        n -= 2;
    } else if (memchr(text, ':', n)) {
        return false;
    }
    return n > 0 && (size_t)snprintf(host, cap, "%.*s", (int)n, text) < cap;
}

int listen_parse(const char *text, struct listen_at *ret, struct err *e)
{
    struct listen_at at = {.port = 0};
    struct in6_addr v6;
    struct in_addr v4;
    const char *port_text = NULL;
    int64_t port = -1;

    if (!split(text, at.host, sizeof at.host, &port_text) || *port_text == '+' ||
        config_int(port_text, &port) < 0 || port < 0 || port > UINT16_MAX)
        return err_set(e, EX_CONFIG,
                       "`%.60s` is no address to listen on; write 127.0.0.1:%d, [::1]:%d or a port",
                       text, LISTEN_PORT_DEFAULT, LISTEN_PORT_DEFAULT);
    if (strcasecmp(at.host, "localhost") == 0)
        snprintf(at.host, sizeof at.host, "127.0.0.1");
    at.port = (uint16_t)port;
    at.v6 = inet_pton(AF_INET6, at.host, &v6) == 1;
    if (!at.v6 && inet_pton(AF_INET, at.host, &v4) != 1)
        return err_set(e, EX_CONFIG,
                       "`%.60s`: write the host as a number, such as 127.0.0.1 or 0.0.0.0; names "
                       "are not looked up",
                       text);
    at.any = at.v6 ? memcmp(&v6, &in6addr_any, sizeof v6) == 0 : v4.s_addr == INADDR_ANY;
    at.loopback = listen_is_loopback(at.host);
    *ret = at;
    return 0;
}
