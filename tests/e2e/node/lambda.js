// The Lambda Invoke API on a free port of loopback, for handlers that were written for Lambda.
//
//     node lambda.js FILE [--emulator]
//
// FILE exports functions: NAME(event, context[, callback]). With --emulator it has the habits of the runtime interface
// emulator: one function named "function", one call at a time, no headers about errors.
'use strict';
const crypto = require('crypto');
const http = require('http');
const path = require('path');

const handlers = require(path.resolve(process.argv[2]));
const emulator = process.argv.includes('--emulator');
let busy = false;

function contextOf(name) {
  const requestId = crypto.randomUUID();
  return {
    functionName: name, functionVersion: '$LATEST', memoryLimitInMB: '128', awsRequestId: requestId,
    invokedFunctionArn: `arn:aws:lambda:us-east-1:000000000000:function:${name}`,
    getRemainingTimeInMillis: () => 3000, callbackWaitsForEmptyEventLoop: false,
  };
}

// What the handler returns, promises or says to its callback, whichever comes.
function call(name, event) {
  return new Promise((resolve, reject) => {
    const returned = handlers[name](event, contextOf(name), (error, result) => error ? reject(error) : resolve(result));
    if (returned && typeof returned.then === 'function') returned.then(resolve, reject);
    else if (handlers[name].length < 3) resolve(returned);
  });
}

function errorOf(error) {
  const { message = String(error), name = 'Error', stack = '' } = error || {};
  return { errorType: name, errorMessage: message, trace: stack.split('\n') };
}

function answer(response, status, value, headers = {}) {
  const body = value === undefined ? 'null' : JSON.stringify(value);
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body), ...headers });
  response.end(body);
}

async function invoke(name, body, response) {
  try {
    answer(response, 200, await call(name, JSON.parse(body)), emulator ? {} : { 'X-Amz-Executed-Version': '$LATEST' });
  } catch (error) {
    console.error(error);
    answer(response, 200, errorOf(error), emulator ? {} : { 'X-Amz-Function-Error': 'Unhandled' });
  }
}

const server = http.createServer((request, response) => {
  const found = /^\/2015-03-31\/functions\/([^/?]+)\/invocations(\?.*)?$/.exec(request.url);
  const name = found && decodeURIComponent(found[1]);
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', async () => {
    if (request.method !== 'POST' || !handlers[name])
      return answer(response, 404, { Message: `Function not found: ${name}` }, { 'x-amzn-ErrorType': 'ResourceNotFoundException' });
    if (emulator && busy) return answer(response, 400, { errorMessage: 'busy' });
    busy = true;
    await invoke(name, Buffer.concat(pieces), response);
    busy = false;
  });
});

server.listen(0, '127.0.0.1', () => console.log(`listening on 127.0.0.1:${server.address().port}`));
process.on('SIGTERM', () => process.exit(0));
