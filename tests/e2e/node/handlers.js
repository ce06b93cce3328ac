// A chat of one room, in the style in which people write for Lambda. It knows who is there as long as it runs.
'use strict';
const AWS = require('aws-sdk');
const { ApiGatewayManagementApiClient, PostToConnectionCommand } = require('@aws-sdk/client-apigatewaymanagementapi');

const present = new Set();

function api({ domainName, stage }) {
  return new AWS.ApiGatewayManagementApi({ apiVersion: '2018-11-29', endpoint: `https://${domainName}/${stage}` });
}

exports.connect = async (event) => {
  if ((event.queryStringParameters || {}).name === 'nobody') return { statusCode: 403, body: 'no' };
  present.add(event.requestContext.connectionId);
  return { statusCode: 200, body: 'Connected.' };
};

exports.disconnect = async (event) => {
  present.delete(event.requestContext.connectionId);
  await Promise.all([...present].map((id) => api({ ...event.requestContext }).postToConnection(
    { ConnectionId: id, Data: `left ${event.requestContext.disconnectStatusCode}` }).promise()));
  return { statusCode: 200, body: 'Disconnected.' };
};

// $default: to everybody; whoever is gone is forgotten.
exports.everybody = async (event) => {
  const gateway = api(event.requestContext);
  await Promise.all([...present].map(async (id) => {
    try {
      await gateway.postToConnection({ ConnectionId: id, Data: event.body }).promise();
    } catch (error) {
      if (error.statusCode !== 410) throw error;
      present.delete(id);
    }
  }));
  return { statusCode: 200, body: 'Data sent.' };
};

// A two-way route; in the older style, with a callback.
exports.count = (event, context, callback) => {
  callback(null, { statusCode: 200, body: JSON.stringify({ present: present.size, by: context.functionName }) });
};

// Back to whom it came from, by the SDK of the third generation.
exports.mirror = async ({ body, requestContext: { domainName, stage, connectionId } }) => {
  const client = new ApiGatewayManagementApiClient({ endpoint: `https://${domainName}/${stage}` });
  await client.send(new PostToConnectionCommand({ ConnectionId: connectionId, Data: body }));
  client.destroy();
  return { statusCode: 200, body: 'mirrored' };
};

exports.broken = async () => {
  throw new TypeError('This handler is broken.');
};

exports.function = async (event) => ({ statusCode: 200, body: `emulated ${event.body || event.requestContext.routeKey}` });
