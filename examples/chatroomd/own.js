/*
 * own.js: which messages this window sent. A name does not tell: anybody may register the same one.
 *
 * The page gives each message a random id, which everybody hears with it. So an id is good for one entry only, the first one
 * heard with it; whoever repeats it comes later. Kept for the window, so that a reload knows them still.
 */
const KEY = "chatroom-own";
const KEPT_MOST = 500;

const placeOf = (room, entry) => `${entry.seq} ${entry.time} ${room}`; // outlives an epoch

export class Own {
  #places = new Map(); // id -> place of its entry, "" as long as it has not been heard

  constructor() {
    try {
      this.#places = new Map(JSON.parse(sessionStorage.getItem(KEY) ?? "[]"));
    } catch {
      /* a browser that keeps nothing */
    }
  }

  /* Before it is sent. */
  add(id) {
    if (this.#places.has(id)) return;
    this.#places.set(id, "");
    for (const oldest of this.#places.keys()) {
      if (this.#places.size <= KEPT_MOST) break;
      this.#places.delete(oldest);
    }
    this.#keep();
  }

  /* Entries of a room are to be asked about in their order. */
  has(room, entry) {
    const known = this.#places.get(entry.id);
    const place = placeOf(room, entry);
    if (known === "") {
      this.#places.set(entry.id, place);
      this.#keep();
    }
    return known === "" || known === place;
  }

  clear() {
    this.#places.clear();
    this.#keep();
  }

  #keep() {
    try {
      sessionStorage.setItem(KEY, JSON.stringify([...this.#places]));
    } catch {
      /* as above */
    }
  }
}
