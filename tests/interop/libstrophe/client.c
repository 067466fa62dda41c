/* libstrophe against a server: log in, ping, send a message to oneself, log out; then a wrong
 * password. The environment says which server (XMPPWIRE_SERVER_*, see ../README.md). */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strophe.h>
#include <unistd.h>

static const char BODY[] = "a < b && c > d, ]]> \"quoted\", \xC3\xBC\xC3\xB1\xC3\xAF \xF0\x9F\x90\x88";

struct session {
    int connected, secured, ponged, echoed, disconnected;
};

static const char *get(const char *name) {
    char variable[64];
    snprintf(variable, sizeof variable, "XMPPWIRE_SERVER_%s", name);
    const char *value = getenv(variable);
    if (value == NULL) {
        fprintf(stderr, "%s is not set\n", variable);
        exit(2);
    }
    return value;
}

static void leave_when_done(xmpp_conn_t *conn, const struct session *session) {
    if (session->ponged && session->echoed)
        xmpp_disconnect(conn);
}

static int on_pong(xmpp_conn_t *conn, xmpp_stanza_t *stanza, void *userdata) {
    struct session *session = userdata;
    const char *type = xmpp_stanza_get_type(stanza);
    session->ponged = type != NULL && strcmp(type, "result") == 0;
    leave_when_done(conn, session);
    return 0;
}

static int on_message(xmpp_conn_t *conn, xmpp_stanza_t *stanza, void *userdata) {
    struct session *session = userdata;
    const char *from = xmpp_stanza_get_from(stanza);
    char *body = xmpp_message_get_body(stanza);
    session->echoed = body != NULL && strcmp(body, BODY) == 0 && from != NULL &&
                      strcmp(from, xmpp_conn_get_bound_jid(conn)) == 0;
    xmpp_free(xmpp_conn_get_context(conn), body);
    leave_when_done(conn, session);
    return 0;
}

static void on_connected(xmpp_conn_t *conn, struct session *session) {
    xmpp_ctx_t *ctx = xmpp_conn_get_context(conn);
    session->connected = 1;
    session->secured = xmpp_conn_is_secured(conn);

    xmpp_stanza_t *iq = xmpp_iq_new(ctx, "get", "ping1");
    xmpp_stanza_t *ping = xmpp_stanza_new(ctx);
    xmpp_stanza_set_name(ping, "ping");
    xmpp_stanza_set_ns(ping, "urn:xmpp:ping");
    xmpp_stanza_set_to(iq, get("DOMAIN"));
    xmpp_stanza_add_child_ex(iq, ping, 0);
    xmpp_id_handler_add(conn, on_pong, "ping1", session);
    xmpp_send(conn, iq);
    xmpp_stanza_release(iq);

    xmpp_stanza_t *message = xmpp_message_new(ctx, "chat", xmpp_conn_get_bound_jid(conn), "m1");
    xmpp_message_set_body(message, BODY);
    xmpp_handler_add(conn, on_message, NULL, "message", NULL, session);
    xmpp_send(conn, message);
    xmpp_stanza_release(message);
}

static void on_connection(xmpp_conn_t *conn, xmpp_conn_event_t event, int error,
                          xmpp_stream_error_t *stream_error, void *userdata) {
    struct session *session = userdata;
    (void)error, (void)stream_error;
    if (event == XMPP_CONN_CONNECT) {
        on_connected(conn, session);
    } else {
        session->disconnected = 1;
        xmpp_stop(xmpp_conn_get_context(conn));
    }
}

static struct session run(const char *password) {
    struct session session = {0};
    char jid[256];
    snprintf(jid, sizeof jid, "%s@%s", get("USER"), get("DOMAIN"));
    xmpp_ctx_t *ctx = xmpp_ctx_new(NULL, xmpp_get_default_logger(
        getenv("STROPHE_DEBUG") ? XMPP_LEVEL_DEBUG : XMPP_LEVEL_ERROR));
    xmpp_conn_t *conn = xmpp_conn_new(ctx);
    xmpp_conn_set_flags(conn, XMPP_CONN_FLAG_MANDATORY_TLS);
    xmpp_conn_set_cafile(conn, get("CA"));
    xmpp_conn_set_jid(conn, jid);
    xmpp_conn_set_pass(conn, password);
    unsigned short port = (unsigned short)atoi(get("PORT"));
    if (xmpp_connect_client(conn, get("ADDRESS"), port, on_connection, &session) == XMPP_EOK)
        xmpp_run(ctx);
    xmpp_conn_release(conn);
    xmpp_ctx_free(ctx);
    return session;
}

static int failed;

static int check(const char *what, int holds) {
    if (!holds) {
        printf("FAILED %s\n", what);
        failed++;
    }
    return holds;
}

int main(void) {
    int passed = 0;
    alarm(30); /* a hang ends in SIGALRM */
    xmpp_initialize();
    struct session good = run(get("PASSWORD"));
    passed += check("logs in", good.connected);
    passed += check("is encrypted", good.secured);
    passed += check("the server answers a ping", good.ponged);
    passed += check("a message to oneself comes back unchanged", good.echoed);
    passed += check("disconnects", good.disconnected);
    struct session bad = run("wrong");
    passed += check("a wrong password is refused", !bad.connected && bad.disconnected);
    xmpp_shutdown();
    printf("libstrophe: %d passed, %d failed\n", passed, failed);
    return failed ? 1 : 0;
}
