/*
 * invoke.js: Lambda functions without Lambda. Serves its Invoke API for the functions of a folder, in plain Node.
 *
 *     node invoke.js FOLDER [PORT]
 *
 * "POST /2015-03-31/functions/chat/invocations" calls what FOLDER/chat.js exports as handler, with the event in the body, and
 * answers as Lambda does. Functions keep what is in their memory between calls, and may run at the same time: one process
 * serves them all. For programs of this machine alone, since it asks nobody for a signature; web pages are refused.
 */
const fs = require("fs");
const http = require("http");
const path = require("path");
const { pathToFileURL } = require("url");

const folder = path.resolve(process.argv[2] ?? ".");
const port = Number(process.argv[3] ?? 9001);
const EVENT_BYTES = 6291456; /* as Lambda has it */

/* The file of "chat", "chat:live", or an ARN that ends like them; null if there is none. */
function fileOf(url) {
    const found = /^\/2015-03-31\/functions\/([^/]+)\/invocations(\?|$)/.exec(url);
    const words = found ? decodeURIComponent(found[1]).split(":") : [];
    const name = words.length > 2 ? words[words.indexOf("function") + 1] : words[0];
    const file = /^[A-Za-z0-9_-]{1,64}$/.test(name ?? "") ? path.join(folder, name + ".js") : null;
    return file && fs.existsSync(file) ? file : null;
}

async function load(file) {
    const module = await import(pathToFileURL(file));
    return module.handler ?? module.default.handler;
}

/* Handlers of either kind: those that return a promise, and those that call back. */
function call(handler, event) {
    return new Promise((resolve, reject) => {
        const result = handler(event, {}, (error, value) => (error ? reject(error) : resolve(value)));
        if (handler.length < 3) resolve(result);
    });
}

function answer(response, status, body, headers = {}) {
    response.writeHead(status, { "Content-Type": "application/json", ...headers });
    response.end(JSON.stringify(body ?? null));
}

async function invoke(request, response) {
    const file = fileOf(request.url);
    if (request.method !== "POST" || !file)
        return answer(response, 404, { Message: "No such function" }, { "x-amzn-ErrorType": "ResourceNotFoundException" });
    if (request.headers.origin)
        return answer(response, 403, { Message: "Not for web pages" }, { "x-amzn-ErrorType": "AccessDeniedException" });
    const pieces = [];
    let size = 0;
    for await (const piece of request) {
        size += piece.length;
        if (size > EVENT_BYTES)
            return answer(response, 413, { Message: "Too large" }, { "x-amzn-ErrorType": "RequestTooLargeException" });
        pieces.push(piece);
    }
    try {
        const handler = await load(file);
        answer(response, 200, await call(handler, JSON.parse(Buffer.concat(pieces).toString())));
    } catch (error) {
        console.error(error);
        const told = { errorType: error?.name ?? "Error", errorMessage: String(error?.message ?? error), trace: [] };
        answer(response, 200, told, { "X-Amz-Function-Error": "Unhandled" });
    }
}

const server = http.createServer((request, response) => invoke(request, response).catch(() => response.destroy()));
server.listen(port, "127.0.0.1", () => console.log(`Functions of ${folder} at http://127.0.0.1:${server.address().port}`));
