/*
 * questions.js: the messages of docs/chat-protocol.md that have an answer, each with how to know it.
 *
 * All of them throw what Connection.ask() throws.
 */
import { Refusal } from "./connection.js";

const AGAIN_MS = 1200; // a refusal because of speed is told of once a second
const NOBODY = "no-rooms"; // who speaks in the hall

const when = (test) => (m) => (test(m) ? m : undefined);
const isOf = (type) => when((m) => m.type === type);
const isCreated = when((m) => m.type === undefined && "scan" in m);
const isJoined = when((m) => (m.type === undefined || m.type === "multi-message") && "scanStatus" in m);

export class Questions {
  #connection;

  constructor(connection) {
    this.#connection = connection;
  }

  register(name) {
    return this.#connection.ask({ action: "register", value: name }, isOf("signup"));
  }

  create(room) {
    return this.#connection.ask({ action: "new-room", value: room }, isCreated);
  }

  join(room) {
    return this.#connection.ask({ action: "join-room", value: room }, isJoined);
  }

  /* Success is silent, so a question follows of which the answer tells: who is in no room is told so. */
  leave() {
    let why = null;
    return this.#connection.ask([{ action: "leave-room", value: "leave-room" }, { action: "members" }],
      (m) => {
        if (m.type === "members") throw why ?? new Refusal("busy", "You are still in the room; try again.");
        return undefined;
      },
      (error) => {
        if (error.code === "no_room") return true;
        why = error;
        setTimeout(() => this.#connection.repeat({ action: "members" }), AGAIN_MS);
        return undefined;
      });
  }

  /* query: { before } or { after }, a seq. */
  history(query) {
    return this.#connection.ask({ action: "history", ...query }, isOf("history"));
  }

  members() {
    return this.#connection.ask({ action: "members" }, isOf("members"));
  }

  say(text, id) {
    return this.#connection.ask({ action: "dispatch", value: text, id },
      when((m) => m.type === "client-message" && m.id === id));
  }

  sayInHall(text) {
    return this.#connection.ask({ action: "dispatch", name: NOBODY, value: text },
      when((m) => m.type === "client-message" && m.room === undefined && m.message === text));
  }
}
