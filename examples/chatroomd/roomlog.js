/*
 * roomlog.js: the part of one room's log that the page knows, by seq.
 *
 * A position (epoch, seq) is good as long as the epoch is the same: with another one the room was started anew, and nothing
 * known of it holds any more.
 */
export class RoomLog {
  #own;

  /* own: an Own, which marks the entries of this window. */
  constructor(room, epoch, own) {
    this.#own = own;
    this.room = room;
    this.epoch = epoch;
    this.entries = []; // rising by seq
    this.more = false; // there is something older on the server
    this.missedFrom = 0; // the first seq that came while the page was away; 0: none
  }

  get first() {
    return this.entries[0]?.seq ?? 0;
  }

  get last() {
    return this.entries[this.entries.length - 1]?.seq ?? 0;
  }

  has(id) {
    return this.entries.some((entry) => entry.id === id);
  }

  /* Takes entries in any order, each once. Returns those that were new. */
  add(entries) {
    const known = new Set(this.entries.map((entry) => entry.seq));
    const fresh = entries.filter((entry) => !known.has(entry.seq) && known.add(entry.seq));
    fresh.sort((a, b) => a.seq - b.seq);
    for (const entry of fresh) entry.own = this.#own.has(this.room, entry);
    this.entries.push(...fresh);
    this.entries.sort((a, b) => a.seq - b.seq);
    return fresh;
  }

  /* Forgets the oldest beyond most; they can be asked for again. */
  trim(most) {
    if (this.entries.length <= most) return false;
    this.entries.splice(0, this.entries.length - most);
    this.more = true;
    return true;
  }

  /* The seq after which an entry is missing, although a later one is known; 0: none is. */
  gap() {
    for (let i = 1; i < this.entries.length; i++) {
      if (this.entries[i].seq > this.entries[i - 1].seq + 1) return this.entries[i - 1].seq;
    }
    return 0;
  }
}

/* History says "content", live messages say "message"; here both are text. */
export function entryOf(message) {
  return {
    seq: Number(message.seq) || 0,
    author: String(message.user ?? ""),
    text: String(message.content ?? message.message ?? ""),
    time: Number(message.ts) || Date.now(),
    id: message.id,
  };
}
