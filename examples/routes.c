/*
 * routes.c: your own routes.
 *
 *     cc routes.c -o routes $(pkg-config --cflags --libs chatroom)
 *
 * routes [ADDR:PORT] lets in who knows the word (ws://ADDR:PORT/?word=sesame) and understands
 *
 *     {"action":"shout","text":"hi"}   one way: everybody gets the message, its sender no answer
 *     {"action":"whoami"}              two ways: an answer to the sender
 *     {"action":"work","n":30}         an answer that takes its time: a thread works it out, the loop goes on
 */
#include <chatroom/backend/memory.h>
#include <chatroom/backend/ws_epoll.h>
#include <chatroom/chatroom.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- $connect: who may come in ---- */

static int check_word(chatroom_request *request, void *arg)
{
    chatroom_span target = chatroom_request_info(request)->head->target;
    chatroom_span word = chatroom_str("?word=sesame");

    (void)arg;
    if (target.size >= word.size && memcmp(target.bytes + target.size - word.size, word.bytes, word.size) == 0)
        return CHATROOM_OK;
    chatroom_request_status(request, 401);
    return chatroom_request_refuse(request, "no_word", "Say the word.");
}

/* ---- one way ---- */

static int shout(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_broadcast(request, chatroom_request_body(request));
}

/* ---- two ways ---- */

static int whoami(chatroom_request *request, void *arg)
{
    const struct chatroom_request_info *info = chatroom_request_info(request);
    char bytes[256];
    struct chatroom_json json = chatroom_json_on(bytes, sizeof bytes);
    chatroom_span text;

    (void)arg;
    chatroom_json_open(&json, '{');
    chatroom_json_name(&json, "connectionId");
    chatroom_json_string(&json, info->connection_id);
    chatroom_json_name(&json, "sourceIp");
    chatroom_json_string(&json, info->source_ip);
    chatroom_json_close(&json, '}');
    return chatroom_json_done(&json, &text) ? chatroom_request_reply(request, text) : CHATROOM_ETOOBIG;
}

/* ---- later, from another thread ---- */

/* Threads that work; the instance must outlive them. */
struct workers {
    pthread_mutex_t lock;
    pthread_cond_t quiet;
    unsigned running;
};

struct job {
    struct workers *workers;
    chatroom_request *request;
    unsigned n;
    uint64_t result;
};

/* On the owner's thread again: answers, as any handler does. */
static int answer(chatroom_request *request, void *arg)
{
    const struct job *job = arg;
    char text[64];
    int size = snprintf(text, sizeof text, "{\"n\":%u,\"fibonacci\":%llu}", job->n, (unsigned long long)job->result);

    return chatroom_request_reply(request, chatroom_bytes(text, (size_t)size));
}

static uint64_t fibonacci(unsigned n) /* NOLINT: it is meant to take long */
{
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static void *work(void *arg)
{
    struct job *job = arg;
    struct workers *workers = job->workers;

    job->result = fibonacci(job->n);
    chatroom_request_resume(job->request, answer, job); /* the job is the request's from here on */
    pthread_mutex_lock(&workers->lock);
    if (--workers->running == 0)
        pthread_cond_signal(&workers->quiet);
    pthread_mutex_unlock(&workers->lock);
    return NULL;
}

static int start_thread(struct job *job)
{
    pthread_t thread;
    int result;

    pthread_mutex_lock(&job->workers->lock);
    result = pthread_create(&thread, NULL, work, job);
    if (result == 0) {
        job->workers->running++;
        pthread_detach(thread);
    }
    pthread_mutex_unlock(&job->workers->lock);
    return result == 0 ? CHATROOM_OK : CHATROOM_EAGAIN;
}

/* At most two digits. */
static bool read_n(chatroom_span number, unsigned *ret_n)
{
    *ret_n = 0;
    for (size_t i = 0; i < number.size && i < 3; i++) {
        if (number.bytes[i] < '0' || number.bytes[i] > '9')
            return false;
        *ret_n = *ret_n * 10 + (unsigned)(number.bytes[i] - '0');
    }
    return *ret_n <= 40 && number.size <= 2;
}

static int begin_work(chatroom_request *request, void *arg)
{
    struct job *job = chatroom_request_memory(request, sizeof *job);
    struct chatroom_json_value n;
    int result = chatroom_request_field(request, "n", &n);

    if (result != CHATROOM_OK)
        return result;
    if (!job)
        return CHATROOM_ENOMEM;
    *job = (struct job){.workers = arg, .request = request};
    if (n.type != CHATROOM_JSON_NUMBER || !read_n(n.raw, &job->n))
        return chatroom_request_refuse(request, "bad_n", "n is a whole number from 0 to 40.");
    result = start_thread(job);
    if (result == CHATROOM_OK)
        chatroom_request_defer(request);
    return result;
}

static void wait_for(struct workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    while (workers->running > 0)
        pthread_cond_wait(&workers->quiet, &workers->lock);
    pthread_mutex_unlock(&workers->lock);
}

/* ---- the program ---- */

static int bind_routes(chatroom *c, struct workers *workers)
{
    int result = chatroom_route(c, "$connect", check_word, NULL);

    if (result == CHATROOM_OK)
        result = chatroom_route(c, "shout", shout, NULL);
    if (result == CHATROOM_OK)
        result = chatroom_route(c, "whoami", whoami, NULL);
    return result == CHATROOM_OK ? chatroom_route(c, "work", begin_work, workers) : result;
}

static int make(const char *listen, struct chatroom_config *config, chatroom **ret_chatroom,
                struct chatroom_error *error)
{
    struct chatroom_ws_epoll_options options = CHATROOM_WS_EPOLL_OPTIONS;
    int result;

    options.listen = &listen;
    options.listen_count = 1;
    result = chatroom_ws_epoll(&options, &config->transport, error);
    if (result == CHATROOM_OK)
        result = chatroom_memory_store(&config->store);
    return result == CHATROOM_OK ? chatroom_new(config, ret_chatroom, error) : result;
}

static int serve(chatroom *c, const struct chatroom_transport *transport, struct chatroom_error *error)
{
    static const int signals[] = {SIGINT, SIGTERM, 0};
    char address[128];
    int result = chatroom_start(c, chatroom_host_now(), error);

    if (result == CHATROOM_OK)
        result = chatroom_ws_epoll_address(transport, 0, address, sizeof address);
    if (result != CHATROOM_OK)
        return result;
    fprintf(stderr, "routes at ws://%s/?word=sesame\n", address);
    return chatroom_run(c, signals, error);
}

int main(int argc, char **argv)
{
    struct workers workers = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
    struct chatroom_config config = CHATROOM_CONFIG;
    struct chatroom_error error = {0, ""};
    chatroom *c = NULL;
    int result = make(argc > 1 ? argv[1] : "127.0.0.1:8080", &config, &c, &error);

    if (result == CHATROOM_OK)
        result = bind_routes(c, &workers);
    if (result == CHATROOM_OK)
        result = serve(c, &config.transport, &error);
    if (result != CHATROOM_OK)
        fprintf(stderr, "routes: %s\n", error.text[0] ? error.text : chatroom_strerror(result));
    wait_for(&workers);
    chatroom_free(c);
    return result == CHATROOM_OK ? 0 : 1;
}
