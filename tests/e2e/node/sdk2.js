// The SDK of the second generation.
'use strict';
const AWS = require('aws-sdk');
const { altered, serve } = require('./session');

const methods = { post: 'postToConnection', get: 'getConnection', delete: 'deleteConnection' };

serve(async ({ verb, id, data, endpoint, key, secret, token, skew = 0, alter }) => {
  const client = new AWS.ApiGatewayManagementApi({
    apiVersion: '2018-11-29', endpoint, region: 'us-east-1', maxRetries: 0, systemClockOffset: skew * 1000,
    accessKeyId: key, secretAccessKey: secret, sessionToken: token,
  });
  const request = client[methods[verb]]({ ConnectionId: id, ...(verb === 'post' ? { Data: data } : {}) });
  if (alter) request.on('sign', () => { request.httpRequest.body = altered(request.httpRequest.body); });
  return request.promise();
});
