// The SDK of the third generation, where each error is a class.
'use strict';
const api = require('@aws-sdk/client-apigatewaymanagementapi');
const { altered, serve } = require('./session');

const commands = { post: api.PostToConnectionCommand, get: api.GetConnectionCommand, delete: api.DeleteConnectionCommand };
const classes = ['GoneException', 'PayloadTooLargeException', 'LimitExceededException', 'ForbiddenException'];

serve(async ({ verb, id, data, endpoint, key, secret, token, skew = 0, alter }) => {
  const client = new api.ApiGatewayManagementApiClient({
    endpoint, region: 'us-east-1', maxAttempts: 1, systemClockOffset: skew * 1000,
    credentials: { accessKeyId: key, secretAccessKey: secret, sessionToken: token },
  });
  if (alter) {
    client.middlewareStack.add((next) => (args) => {
      args.request.body = altered(args.request.body);
      return next(args);
    }, { step: 'deserialize' });
  }
  try {
    const { $metadata, ...value } = await client.send(new commands[verb]({ ConnectionId: id, Data: data }));
    return value;
  } catch (error) {
    // What has no class in the model is told by its name.
    const name = classes.find((one) => error instanceof api[one]) || `unmodelled ${error.name}`;
    error.answer = { error: name, status: error.$metadata.httpStatusCode, text: String(error) };
    throw error;
  } finally {
    client.destroy();
  }
});
