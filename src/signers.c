#include "signers.h"

#include "memory.h"

#include <chatroom/event.h>
#include <chatroom/policy.h>

enum { KEY_LEAST = 16, KEY_MOST = 128, SECRET_MOST = 256, TOKEN_MOST = 4096, ARN_MOST = 1024 };

static const unsigned skew_ms = 300000; /* API Gateway's five minutes */

/* ---- configuring ---- */

static const struct cr_signer *find(const chatroom *c, chatroom_span access_key)
{
    const struct cr_signer *signer = c->signers;

    while (signer && !chatroom_span_equal(signer->access_key, access_key))
        signer = signer->next;
    return signer;
}

static void free_text(chatroom *c, chatroom_span text)
{
    cr_free(&c->alloc, (char *)text.bytes, text.size + 1);
}

static void free_secret(chatroom *c, chatroom_span text)
{
    cr_free_secret(&c->alloc, (char *)text.bytes, text.size + 1);
}

static void free_signer(chatroom *c, struct cr_signer *signer)
{
    free_text(c, signer->access_key);
    free_secret(c, signer->secret);
    free_secret(c, signer->token);
    free_text(c, signer->policy);
    cr_free(&c->alloc, signer, sizeof *signer);
}

static bool copy_text(chatroom *c, chatroom_span text, chatroom_span *ret_copy)
{
    *ret_copy = chatroom_bytes(cr_copy(&c->alloc, text), text.size);
    return ret_copy->bytes != NULL;
}

static struct cr_signer *copy(chatroom *c, const struct chatroom_credential *given)
{
    struct cr_signer *signer = cr_new(&c->alloc, sizeof *signer);

    if (!signer)
        return NULL;
    if (copy_text(c, given->access_key, &signer->access_key) && copy_text(c, given->secret, &signer->secret) &&
        copy_text(c, given->token, &signer->token) && copy_text(c, given->policy, &signer->policy))
        return signer;
    free_signer(c, signer);
    return NULL;
}

static bool is_access_key(chatroom_span key)
{
    for (size_t i = 0; i < key.size; i++)
        if (!(key.bytes[i] >= 'A' && key.bytes[i] <= 'Z') && !(key.bytes[i] >= 'a' && key.bytes[i] <= 'z') &&
            !(key.bytes[i] >= '0' && key.bytes[i] <= '9') && key.bytes[i] != '_')
            return false;
    return key.size >= KEY_LEAST && key.size <= KEY_MOST;
}

static int check(const struct chatroom_credential *given, struct chatroom_error *error)
{
    if (!is_access_key(given->access_key))
        return chatroom_error_set(error, CHATROOM_EINVAL,
                                  "An access key has 16 to 128 letters, digits and underscores.");
    if (given->secret.size == 0 || given->secret.size > SECRET_MOST)
        return chatroom_error_set(error, CHATROOM_EINVAL, "A secret has 1 to 256 bytes.");
    if (given->token.size > TOKEN_MOST)
        return chatroom_error_set(error, CHATROOM_EINVAL, "A session token has at most 4096 bytes.");
    return given->policy.size > 0 ? chatroom_policy_check(given->policy, error) : CHATROOM_OK;
}

int chatroom_add_credential(chatroom *c, const struct chatroom_credential *given, struct chatroom_error *error)
{
    int result =
        c->started ? chatroom_error_set(error, CHATROOM_EINVAL, "It was started before.") : check(given, error);
    struct cr_signer *signer;

    if (result != CHATROOM_OK)
        return result;
    if (find(c, given->access_key))
        return chatroom_error_set(error, CHATROOM_EEXIST, "There is that access key already.");
    signer = copy(c, given);
    if (!signer)
        return chatroom_error_set(error, CHATROOM_ENOMEM, chatroom_strerror(CHATROOM_ENOMEM));
    signer->next = c->signers;
    c->signers = signer;
    return CHATROOM_OK;
}

void cr_signers_free(chatroom *c)
{
    while (c->signers) {
        struct cr_signer *signer = c->signers;

        c->signers = signer->next;
        free_signer(c, signer);
    }
}

/* ---- verifying ---- */

static bool find_key(void *arg, chatroom_span access_key, chatroom_span *ret_secret, chatroom_span *ret_token)
{
    const struct cr_signer *signer = find(arg, access_key);

    if (!signer)
        return false;
    *ret_secret = signer->secret;
    *ret_token = signer->token;
    return true;
}

void cr_signers_verify(const chatroom *c, const struct chatroom_sigv4_request *request, struct cr_signed *ret_signed)
{
    const struct chatroom_sigv4_scope scope = {
        .region = c->api.region, .service = chatroom_str("execute-api"), .time_ms = c->now.wall_ms, .skew_ms = skew_ms};
    struct chatroom_sigv4_result result;

    ret_signed->explained = 0;
    result = chatroom_sigv4_verify(request, &scope, find_key, (void *)c, ret_signed->explanation,
                                   sizeof ret_signed->explanation, &ret_signed->explained);
    ret_signed->verdict = result.verdict;
    ret_signed->access_key = result.access_key;
    ret_signed->signer = result.verdict == CHATROOM_SIGV4_GOOD ? find(c, result.access_key) : NULL;
}

bool cr_signer_may(const chatroom *c, const struct cr_signer *signer, const char *action, chatroom_span resource)
{
    char arn[ARN_MOST];
    chatroom_span text;

    if (signer->policy.size == 0)
        return true;
    return chatroom_event_method_arn(&c->api, resource, arn, sizeof arn, &text) == CHATROOM_OK &&
           chatroom_policy_evaluate(signer->policy, chatroom_str(action), text) == CHATROOM_POLICY_ALLOW;
}

/* ---- $connect ---- */

static int refuse(chatroom_request *request, const char *why)
{
    (void)chatroom_request_detail(request, chatroom_str(why)); /* no memory: no detail */
    chatroom_request_status(request, 403);
    return CHATROOM_EREFUSED;
}

static int authorize(chatroom_request *request, void *arg)
{
    const struct chatroom_request_head *head = request->info.head;
    const struct chatroom_sigv4_request as_signed = {.method = chatroom_str("GET"),
                                                     .target = head->target,
                                                     .headers = head->headers,
                                                     .header_count = head->header_count};
    struct cr_signed found;

    cr_signers_verify(arg, &as_signed, &found);
    if (found.verdict != CHATROOM_SIGV4_GOOD)
        return refuse(request, "The handshake is not signed, or not rightly.");
    if (!cr_signer_may(arg, found.signer, "execute-api:Invoke", chatroom_str("$connect")))
        return refuse(request, "The signer's policy does not allow it to connect.");
    return CHATROOM_OK;
}

int chatroom_authorize_signatures(chatroom *c)
{
    return chatroom_authorizer(c, authorize, c, 0);
}
