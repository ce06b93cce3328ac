/*
 * connection.js: one WebSocket that comes back by itself, and questions asked over it one at a time.
 *
 * The protocol does not say which question an error answers. With one question under way it can only be that one, and a chat
 * has no need for more.
 */
const ANSWER_MS = 20000;
const SLOWER_MS = 1100; // the server tells of its limit once a second; what comes sooner may stay without an answer
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30000;

/* The server said no: code is stable, message a sentence. */
export class Refusal extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/* The connection went before the answer came: it is not known whether the question arrived. */
export class Lost extends Error {}

export class Connection {
  #url;
  #on;
  #socket = null;
  #questions = []; // the first one is under way
  #resting = false;
  #attempts = 0;
  #timer = 0;
  #nextAt = 0;

  /*
   * on.opened(): it is there, ask away; on.closed(code, reason): it went, or did not come; on.waiting(atMs): the next attempt;
   * on.message(message): each one, after the question under way has seen it.
   */
  constructor(url, on) {
    this.#url = url;
    this.#on = on;
    window.addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry());
  }

  get open() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  start() {
    clearTimeout(this.#timer);
    this.#nextAt = 0;
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.addEventListener("open", () => this.#on.opened());
    socket.addEventListener("message", (event) => socket === this.#socket && this.#receive(event.data));
    socket.addEventListener("close", (event) => socket === this.#socket && this.#gone(event.code, event.reason));
  }

  /* Everything is as the user left it: the next loss is a new one. */
  settled() {
    this.#attempts = 0;
  }

  /* Waiting for the next attempt ends now. */
  hurry() {
    if (this.#nextAt) this.start();
  }

  /* Drops the connection and makes another one. */
  restart() {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#fail(new Lost("The connection was closed."));
    this.start();
  }

  /*
   * Sends a message and waits for what answer() makes of those that come: undefined means "not mine, go on". Errors go to
   * refused(), which throws them unless the caller knows better. Throws Refusal or Lost.
   */
  ask(message, answer, refused = (error) => { throw error; }) {
    return new Promise((resolve, reject) => {
      this.#questions.push({ message, answer, refused, resolve, reject, timer: 0 });
      if (this.#questions.length === 1) this.#next();
    });
  }

  /* Sends once more, in the name of the question under way. */
  repeat(message) {
    if (this.open) this.#socket.send(JSON.stringify(message));
  }

  #next() {
    const question = this.#questions[0];
    if (!question || question.timer || this.#resting) return;
    if (!this.open) {
      this.#fail(new Lost("There is no connection."));
      return;
    }
    question.timer = setTimeout(() => this.#silent(), ANSWER_MS);
    for (const one of [].concat(question.message)) this.#socket.send(JSON.stringify(one));
  }

  #receive(data) {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    if (message === null || typeof message !== "object") return;
    this.#match(message);
    this.#on.message(message);
  }

  #match(message) {
    const question = this.#questions[0];
    if (!question?.timer) return;
    try {
      const result = message.type === "error"
        ? question.refused(new Refusal(message.code, String(message.message ?? message.code)))
        : question.answer(message);
      if (result === undefined) return;
      this.#finish().resolve(result);
    } catch (error) {
      this.#finish().reject(error);
      if (error.code === "rate_limited" || error.code === "busy") this.#rest();
    }
    this.#next();
  }

  #rest() {
    this.#resting = true;
    setTimeout(() => {
      this.#resting = false;
      this.#next();
    }, SLOWER_MS);
  }

  #finish() {
    const question = this.#questions.shift();
    clearTimeout(question.timer);
    return question;
  }

  #fail(error) {
    const questions = this.#questions;
    this.#questions = [];
    for (const question of questions) {
      clearTimeout(question.timer);
      question.reject(error);
    }
  }

  #silent() {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#gone(1006, "The server did not answer.");
  }

  /* Exponential, with half of it by chance, so that a restarted server does not meet everybody at once. */
  #gone(code, reason) {
    const most = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.#attempts);
    const delay = most / 2 + Math.random() * most / 2;
    this.#attempts++;
    this.#socket = null;
    this.#fail(new Lost("The connection was lost."));
    this.#on.closed(code, reason);
    clearTimeout(this.#timer);
    this.#nextAt = Date.now() + delay;
    this.#timer = setTimeout(() => this.start(), delay);
    this.#on.waiting(this.#nextAt);
  }
}
