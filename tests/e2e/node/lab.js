// Connect, Disconnect and SendMessage as the workshop's stack "simple" has them, one hall for everybody. Where the workshop
// has a table of connections there is a Map; the rest, the address of the API above all, is done in its way.
'use strict';
const AWS = require('aws-sdk');

const records = new Map(); // client-records, key ID

exports.Connect = async (event) => {
  const { connectionId, domainName, stage } = event.requestContext;
  records.set(connectionId, { ID: connectionId, domain: domainName, stage });
  return { statusCode: 200 };
};

exports.Disconnect = async (event) => {
  records.delete(event.requestContext.connectionId);
  return { statusCode: 200 };
};

exports.SendMessage = async (event) => {
  const { value, name } = JSON.parse(event.body);
  const posts = [];
  for (const { ID, domain, stage } of records.values()) {
    const api = new AWS.ApiGatewayManagementApi({ apiVersion: '2018-11-29', endpoint: domain + '/' + stage });
    const Data = JSON.stringify({ message: value, user: name, type: 'client-message' });
    posts.push(api.postToConnection({ ConnectionId: ID, Data }).promise().catch((error) => {
      if (error.statusCode !== 410) throw error;
      records.delete(ID);
    }));
  }
  await Promise.all(posts);
  return { statusCode: 200, body: JSON.stringify({ dispatchStatus: 'SUCCESS', present: records.size }) };
};
