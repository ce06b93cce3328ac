/*
 * outbox.js: what the user said and the server has not confirmed. It outlives the connection.
 *
 * Texts go one after another, so that they stay in order. Each has an id: on one connection a repetition is stored once, and
 * after another one the history tells whether it arrived. In the hall there is neither, so a lost one is for the user to decide.
 */
import { Lost } from "./connection.js";

const SLOWER_MS = 1200;
export const PASSING = new Set(["rate_limited", "busy", "outcome_unknown", "timeout"]); // worth another try by itself

const SENDING = "Sending…";
const WAITING = "Waiting for the connection";

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

function newId() {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((b) => b.toString(16).padStart(2, "0")).join("");
}

export class Outbox {
  #list = []; // { id, text, place, status: "waiting" | "sending" | "failed", note }
  #send;
  #may;
  #changed;
  #flushing = false;

  /* send(one): a promise; may(place): whether one can be sent there now; changed(): show it. */
  constructor({ send, may, changed }) {
    this.#send = send;
    this.#may = may;
    this.#changed = changed;
  }

  at(place) {
    return this.#list.filter((one) => one.place === place);
  }

  /* named: places with history take an id. */
  add(text, place, named) {
    const note = this.#may(place) ? SENDING : WAITING;
    this.#list.push({ id: named ? newId() : undefined, text, place, status: "waiting", note });
    this.#changed();
    this.flush();
  }

  again(one) {
    one.status = "waiting";
    one.note = SENDING;
    this.#changed();
    this.flush();
  }

  drop(one) {
    this.#drop((other) => other === one);
    this.#changed();
  }

  /* Takes those back that arrived: has(id). */
  confirm(has) {
    this.#drop((one) => one.id !== undefined && has(one.id));
  }

  /* The one in the hall that this text answers, or undefined; it is done. */
  confirmText(text, place) {
    const own = this.#list.find((one) => one.place === place && one.status === "sending" && one.text === text);
    this.#drop((one) => one === own);
    return own;
  }

  /* Gives the texts for a place back, and forgets them. */
  takeBack(place) {
    const texts = this.at(place).map((one) => one.text);
    this.#drop((one) => one.place === place);
    return texts;
  }

  clear() {
    this.#list = [];
  }

  /* The connection went. */
  interrupted() {
    for (const one of this.#list) {
      if (one.status !== "failed") one.note = WAITING;
    }
    this.#changed();
  }

  async flush() {
    if (this.#flushing) return;
    this.#flushing = true;
    for (let one; (one = this.#list.find((o) => o.status === "waiting" && this.#may(o.place)));) {
      one.status = "sending";
      try {
        await this.#send(one);
        this.#drop((other) => other === one);
      } catch (error) {
        await this.#failed(one, error);
      }
      this.#changed();
    }
    this.#flushing = false;
  }

  async #failed(one, error) {
    if (error instanceof Lost && one.id !== undefined) {
      one.status = "waiting";
    } else if (error instanceof Lost) {
      one.status = "failed";
      one.note = "The connection was lost; it may have been heard.";
    } else if (PASSING.has(error.code)) {
      one.note = error.code === "rate_limited" ? "Sending more slowly…" : "The server is busy; trying again…";
      this.#changed();
      await sleep(SLOWER_MS);
      one.status = "waiting";
    } else {
      one.status = "failed";
      one.note = error.message;
    }
  }

  #drop(which) {
    this.#list = this.#list.filter((one) => !which(one));
  }
}
