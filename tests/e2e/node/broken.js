'use strict';

exports.function = async () => {
  throw new Error('This handler is broken.');
};
