/*
 * view.js: what is on the screen. Everything that came from somebody is put there as text, with textContent alone.
 */
const NEAR_THE_END_PX = 80;
const TOGETHER_MS = 5 * 60 * 1000; // messages of one author within this time share a head
const ROOMS_MOST = 300; // buttons at once; the rest can be found by name
const FILTER_FROM = 8; // rooms
const HUES = 8; // classes in style.css

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const date = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const narrow = matchMedia("(max-width: 759px)");
const medium = matchMedia("(max-width: 1079px)");
const touch = matchMedia("(pointer: coarse)"); // where a focused field brings up a keyboard

export const $ = (id) => document.getElementById(id);

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

export function plural(count, one, many) {
  return `${count.toLocaleString()} ${count === 1 ? one : many}`;
}

/* ---- people have a colour and initials ---- */

function hueOf(name) {
  let hash = 0;
  for (const c of name) hash = (hash * 31 + c.codePointAt(0)) >>> 0;
  return hash % HUES;
}

function initialsOf(name) {
  const words = name.split(" ").filter(Boolean);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return letters.map((word) => [...word][0]).join("").toLocaleUpperCase();
}

function dress(avatar, name) {
  avatar.className = `avatar hue-${hueOf(name)}`;
  avatar.textContent = initialsOf(name);
  avatar.setAttribute("aria-hidden", "true");
  return avatar;
}

/* ---- where we are ---- */

/* view: "start", "nowhere", "room" or "hall". */
export function show(view) {
  document.body.dataset.view = view;
  $("start").hidden = view !== "start";
  $("app").hidden = view === "start";
  openDrawer("");
}

export function showState(state, text) {
  $("state").dataset.state = state;
  if ($("state").textContent !== text) $("state").textContent = text;
}

/* what: a sentence, or "" when there is nothing to tell; until: when the next attempt is made. */
export function showAway(what, until) {
  const seconds = Math.max(0, Math.ceil((until - Date.now()) / 1000));
  $("away").hidden = !what;
  $("away-what").textContent = what;
  $("away-when").textContent = !until ? "" : seconds ? `Trying again in ${seconds}\u00a0s.` : "Trying again…";
}

/* An error stands where its cause stands: id is "name", "new-room", "text" … */
export function complain(id, sentence = "") {
  const place = $(`${id}-error`);
  if (place.textContent !== sentence) place.textContent = sentence;
  $(id)?.setAttribute("aria-invalid", String(Boolean(sentence)));
}

/* The first of these that can be seen takes the focus. */
export function focus(...ids) {
  if (touch.matches) return;
  ids.some((id) => {
    $(id).focus();
    return document.activeElement === $(id);
  });
}

/* ---- drawers, where the window is narrow ---- */

let opener = null;

export function openDrawer(which) {
  document.body.dataset.drawer = which;
  $("shade").hidden = !which;
  if (which) opener = document.activeElement; // before it is inert
  $("chat").inert = Boolean(which);
  $("open-rooms").setAttribute("aria-expanded", String(which === "side"));
  $("open-people").setAttribute("aria-expanded", String(which === "people"));
  if (which) {
    const panel = $(which === "side" ? "side" : "people-panel");
    (panel.querySelector("[aria-current=true]") ?? panel.querySelector("button, [tabindex]"))?.focus();
  } else if (opener) {
    opener.focus();
    opener = null;
  }
}

function toggleDrawer(which) {
  openDrawer(document.body.dataset.drawer === which ? "" : which);
}

export function prepareDrawers() {
  $("open-rooms").addEventListener("click", () => toggleDrawer("side"));
  $("open-people").addEventListener("click", () => toggleDrawer("people"));
  $("shade").addEventListener("click", () => openDrawer(""));
  document.addEventListener("keydown", (event) => event.key === "Escape" && document.body.dataset.drawer && openDrawer(""));
  for (const query of [narrow, medium]) query.addEventListener("change", () => openDrawer(""));
}

/* ---- rooms ---- */

function roomButton(room, current) {
  const button = make("button", "room");
  const name = make("bdi", "", room);
  button.type = "button";
  button.dataset.room = room;
  button.title = room;
  if (current) button.setAttribute("aria-current", "true");
  button.append(name);
  return button;
}

function emptyRooms(count, found) {
  if (count === 0) return "No room yet. Give one a name and open it:";
  if (found === 0) return "No room has that in its name.";
  return found > ROOMS_MOST ? `${plural(found - ROOMS_MOST, "more room", "more rooms")}: find one by its name.` : "";
}

export function showRooms(rooms, current) {
  const filter = $("filter").value.trim().toLocaleLowerCase();
  const focused = document.activeElement?.dataset?.room;
  const found = [...rooms].filter((room) => room.toLocaleLowerCase().includes(filter)).sort((a, b) => a.localeCompare(b));
  const items = found.slice(0, ROOMS_MOST).map((room) => {
    const item = make("li");
    item.append(roomButton(room, room === current));
    return item;
  });
  $("rooms").replaceChildren(...items);
  if (focused !== undefined) items.find((item) => item.firstChild.dataset.room === focused)?.firstChild.focus();
  $("room-count").textContent = rooms.size ? rooms.size.toLocaleString() : "";
  $("filter-box").hidden = rooms.size < FILTER_FROM && !filter;
  $("rooms-empty").textContent = emptyRooms(rooms.size, found.length);
  $("rooms-empty").hidden = !$("rooms-empty").textContent;
}

export function showMe(name) {
  $("me-name").textContent = name;
  dress($("me-avatar"), name);
}

export function showHall(possible, current, unread) {
  $("hall").hidden = !possible;
  $("hall").setAttribute("aria-current", String(current));
  $("hall-unread").textContent = unread ? unread.toLocaleString() : "";
}

export function showHead(title, note, { leave, people }) {
  $("room-title").textContent = title;
  $("room-note").textContent = note;
  $("leave").hidden = !leave;
  $("open-people").hidden = !people;
  document.body.toggleAttribute("data-people", people);
}

export function showNowhere(title, text) {
  $("nowhere-title").textContent = title;
  $("nowhere-text").textContent = text;
}

/* ---- people ---- */

export function showPeople(names, count, me) {
  const others = names.filter((name) => name !== me).sort((a, b) => a.localeCompare(b));
  const own = names.filter((name) => name === me);
  const items = [...own, ...others].map((name, index) => {
    const item = make("li");
    const label = make("bdi", "", name);
    item.append(dress(make("span"), name), label);
    if (index === 0 && own.length) item.append(make("small", "", "you"));
    return item;
  });
  $("people").replaceChildren(...items);
  $("people-count").textContent = count ? count.toLocaleString() : "";
  $("people-short").textContent = count ? count.toLocaleString() : "";
  $("people-more").textContent = count > names.length ? `and ${plural(count - names.length, "other", "others")}` : "";
}

/* ---- messages ---- */

let lastEntry = null; // the one at the end of the list on the screen

function dayOf(time) {
  return new Date(time).toDateString();
}

function dayName(time) {
  const day = dayOf(time);
  if (day === dayOf(Date.now())) return "Today";
  if (day === dayOf(Date.now() - 86400000)) return "Yesterday";
  return date.format(time);
}

function timeOf(time) {
  const element = make("time", "", clock.format(time));
  element.dateTime = new Date(time).toISOString();
  element.title = moment.format(time);
  return element;
}

function headOf(entry) {
  const head = make("p", "head");
  const author = make("bdi", `author hue-${hueOf(entry.author)}`, entry.author);
  head.append(author);
  if (entry.own) head.append(make("span", "hidden", " (you)"));
  head.append(" ", timeOf(entry.time));
  return head;
}

function textOf(entry) {
  const text = make("p", "text", entry.text);
  text.dir = "auto";
  return text;
}

function messageOf(entry, first) {
  const item = make("li", `message${entry.own ? " mine" : ""}${first ? " first" : ""}`);
  if (entry.seq) item.dataset.seq = entry.seq;
  if (!entry.nameless) item.append(dress(make("span"), entry.author));
  const body = make("div", "body");
  if (entry.nameless) body.append(textOf(entry), timeOf(entry.time));
  else body.append(headOf(entry), textOf(entry));
  item.append(body);
  return item;
}

/* The nodes for one entry after another: day, mark of what was missed, message. */
function* nodesOf(entry, before, log) {
  const newDay = !before || dayOf(before.time) !== dayOf(entry.time);
  const missed = Boolean(log.missedFrom) && entry.seq >= log.missedFrom && (!before || before.seq < log.missedFrom);
  const goesOn = before && before.author === entry.author && before.own === entry.own;
  if (newDay) yield make("li", "mark day", dayName(entry.time));
  if (missed) yield make("li", "mark missed", "While you were away");
  yield messageOf(entry, newDay || missed || !goesOn || entry.time - before.time > TOGETHER_MS);
}

function nodesOfAll(entries, before, log) {
  const nodes = [];
  for (const entry of entries) {
    nodes.push(...nodesOf(entry, before, log));
    before = entry;
  }
  lastEntry = before;
  return nodes;
}

let following = true; // the end is in sight, and stays there when something is added or the window changes
let below = 0; // messages that came below the edge

function atTheEnd() {
  const box = $("scroll");
  return box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_THE_END_PX;
}

export function toTheEnd() {
  following = true;
  $("scroll").scrollTop = $("scroll").scrollHeight;
  showLatest(0);
}

function showLatest(count) {
  below = count;
  $("latest").hidden = count === 0;
  $("latest").textContent = `${plural(count, "new message", "new messages")} ↓`;
}

export function prepareScroll() {
  $("latest").addEventListener("click", toTheEnd);
  /* Only somebody who scrolls up has left the end: a window that shrinks moves it out of sight as well. */
  let top = 0;
  $("scroll").addEventListener("scroll", () => {
    const now = $("scroll").scrollTop;
    if (atTheEnd()) following = true;
    else if (now < top) following = false;
    top = now;
    if (following && below) showLatest(0);
  }, { passive: true });
  const observer = new ResizeObserver(() => following && toTheEnd());
  for (const id of ["scroll", "messages", "pending"]) observer.observe($(id));
}

/* The whole log anew. keep: what is in sight stays in sight, as when older messages came in above; else the end is shown. */
export function showLog(log, keep = false) {
  const box = $("scroll");
  const fromEnd = box.scrollHeight - box.scrollTop;
  $("messages").replaceChildren(...nodesOfAll(log.entries, null, log));
  showOlder(log);
  if (keep) box.scrollTop = box.scrollHeight - fromEnd;
  else toTheEnd();
  following = atTheEnd();
}

/* One more at the end. */
export function showNew(entry, log) {
  const follow = following || entry.own;
  $("messages").append(...nodesOf(entry, lastEntry, log));
  lastEntry = entry;
  showOlder(log);
  if (follow) toTheEnd();
  else showLatest(below + 1);
}

function showOlder(log) {
  $("older-box").hidden = !log.more;
  $("messages-empty").hidden = log.entries.length > 0;
}

export function showEmptyRoom(...lines) {
  $("messages-empty").replaceChildren(...lines.map((line) => make("p", "", line)));
}

export function showAnew(sentence) {
  $("anew").textContent = sentence;
  $("anew").hidden = !sentence;
}

/* ---- what was not sent yet ---- */

function pendingOf(one, again, drop) {
  const item = make("li", `message mine first pending ${one.status}`);
  const body = make("div", "body");
  const status = make("p", "status", one.note);
  body.append(textOf(one), status);
  if (one.status === "failed") {
    for (const [label, act] of [["Try again", again], ["Discard", drop]]) {
      const button = make("button", "quiet", label);
      button.type = "button";
      button.addEventListener("click", () => act(one));
      status.append(" ", button);
    }
    status.setAttribute("role", "alert");
  }
  item.append(body);
  return item;
}

export function showPending(list, again, drop) {
  $("pending").replaceChildren(...list.map((one) => pendingOf(one, again, drop)));
  if (list.length) $("messages-empty").hidden = true;
  if (following) toTheEnd();
}

/* ---- for those who listen ---- */

export function announce(text) {
  $("announcer").append(make("p", "", text));
  while ($("announcer").childElementCount > 20) $("announcer").firstChild.remove();
}
