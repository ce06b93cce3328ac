/*
 * handler.js: a chat as it runs on API Gateway and Lambda, with the SDK used in the stock way. It does not know where it is.
 */
const {
    ApiGatewayManagementApiClient,
    GoneException,
    PostToConnectionCommand,
} = require("@aws-sdk/client-apigatewaymanagementapi");

/* On Lambda this is a table, for another call may run elsewhere; here one process has them all. */
const connections = new Set();

/* On API Gateway, and behind a proxy with TLS, it is https. */
const protocol = process.env.CALLBACK_PROTOCOL ?? "https";

async function post(client, connectionId, message) {
    try {
        await client.send(new PostToConnectionCommand({ ConnectionId: connectionId, Data: JSON.stringify(message) }));
    } catch (error) {
        if (!(error instanceof GoneException)) throw error;
        connections.delete(connectionId);
    }
}

async function say(event) {
    const { connectionId, domainName, stage } = event.requestContext;
    const client = new ApiGatewayManagementApiClient({ endpoint: `${protocol}://${domainName}/${stage}` });
    const message = { from: connectionId, text: event.body };
    await Promise.all([...connections].map((id) => post(client, id, message)));
    return { statusCode: 200 };
}

exports.handler = async (event) => {
    const { connectionId, routeKey } = event.requestContext;
    switch (routeKey) {
        case "$connect":
            connections.add(connectionId);
            return { statusCode: 200 };
        case "$disconnect":
            connections.delete(connectionId);
            return { statusCode: 200 };
        case "whoami":
            return { statusCode: 200, body: JSON.stringify({ connectionId }) };
        default:
            return say(event);
    }
};
