// Calls of an SDK, one a line: {verb, id, data, ...} on standard input; {value} or {error, status} on standard output.
'use strict';
const readline = require('readline');

exports.serve = (call) => {
  const lines = readline.createInterface({ input: process.stdin });
  let before = Promise.resolve();
  console.log('listening on 127.0.0.1:0'); // no port: it is spoken to by its standard input
  lines.on('line', (line) => {
    before = before.then(() => call(JSON.parse(line))).then((value) => ({ value: value || {} }), (error) => error.answer || (
      { error: error.code || error.name, status: error.statusCode || (error.$metadata || {}).httpStatusCode, text: String(error) }
    )).then((answer) => console.log(JSON.stringify(answer)));
  });
};

// The last character is another one.
exports.altered = (body) => {
  const bytes = Buffer.from(body);
  bytes[bytes.length - 1] ^= 1;
  return bytes;
};
