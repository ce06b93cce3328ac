/*
 * app.js: what the user wants and what the server says, brought together. docs/chat-protocol.md shows every message.
 *
 * What the user wants (a name, a room, texts to be said) outlives the connection: after every new one it is put in place again.
 */
import { Connection, Lost } from "./connection.js";
import { Outbox, PASSING } from "./outbox.js";
import { Own } from "./own.js";
import { Questions } from "./questions.js";
import { RoomLog, entryOf } from "./roomlog.js";
import * as view from "./view.js";

const { $, complain } = view;
const HALL = Symbol("the hall"); // a place to speak in beside the rooms, which are strings
const KEPT_MOST = 2000; // messages on the screen
const MISSED_MOST = 1000; // more than that are not fetched at once
const PEOPLE_MS = 4000;
const PEOPLE_HIDDEN_MS = 20000;
const SLOWER_MS = 1200;

const config = { stage: "development", mode: "full", bytes: 32768 };
const me = { name: "", room: "" }; // as the server spells them; "" for none
const rooms = new Set();
const hall = { entries: [], more: false, missedFrom: 0, unread: 0 };
const drafts = new Map(); // place -> text not said there
let connection;
let ask; // the Questions to ask over it
let log = null; // of me.room
let place = null; // where the user looks and speaks: a room, HALL or null
let ready = false; // connected, and everything is in place
let unread = 0; // messages since the window was hidden

const own = new Own();
const outbox = new Outbox({
  send: (one) => {
    if (one.place === HALL) return ask.sayInHall(one.text);
    own.add(one.id);
    return ask.say(one.text, one.id);
  },
  may: (where) => ready && (where === HALL || where === me.room),
  changed: showPending,
});

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/* ---- what is kept in the browser ---- */

function remember() {
  try {
    if (me.name) {
      sessionStorage.setItem("chatroom", JSON.stringify({ name: me.name, room: me.room }));
      localStorage.setItem("chatroom-name", me.name);
    } else {
      sessionStorage.removeItem("chatroom");
    }
  } catch {
    /* a browser that keeps nothing: the page works without */
  }
}

function recall() {
  try {
    $("name").value = localStorage.getItem("chatroom-name") ?? "";
    const { name, room } = JSON.parse(sessionStorage.getItem("chatroom") ?? "{}");
    if (typeof name === "string") me.name = name;
    if (typeof room === "string") me.room = room;
  } catch {
    /* as above */
  }
}

/* ---- places ---- */

function showTitle() {
  const where = place === HALL ? "The hall" : place;
  document.title = `${unread ? `(${unread}) ` : ""}${where ? `${where} · ` : ""}Chatroom`;
}

function showRooms() {
  view.showRooms(rooms, place === HALL ? "" : me.room);
  view.showHall(config.mode === "both", place === HALL, hall.unread);
}

function showPending() {
  view.showPending(outbox.at(place), (one) => outbox.again(one), (one) => {
    outbox.drop(one);
    $("text").focus();
  });
}

/* The field keeps what was being written for each place. */
function changePlace(next) {
  if (next === place) return;
  if (place !== null) drafts.set(place, $("text").value);
  place = next;
  $("text").value = drafts.get(place) ?? "";
  drafts.delete(place);
  growField();
  complain("text");
}

function showRoom() {
  changePlace(me.room);
  view.show("room");
  view.showHead(me.room, "", { leave: true, people: true });
  view.showEmptyRoom("Nobody has said anything here yet.", "Write the first message; whoever joins later can read it.");
  view.showLog(log);
  showPending();
  showRooms();
  showTitle();
  view.focus("text");
}

function showHall() {
  changePlace(HALL);
  hall.unread = 0;
  view.show("hall");
  view.showHead("The hall", "Everybody hears everybody. Nobody has a name, and nothing is kept.", { leave: false, people: false });
  view.showEmptyRoom("It is quiet.", "Say something: everybody who is connected hears it.");
  view.showLog(hall);
  showPending();
  showRooms();
  showTitle();
  view.focus("text");
}

function showNowhere(title, text) {
  changePlace(null);
  view.show("nowhere");
  view.showNowhere(title ?? `Hello, ${me.name}.`,
    text ?? (rooms.size ? "Choose a room on the left to read what was said and join in, or open a new one."
      : "There is no room yet. Open the first one: everybody who is here sees it at once."));
  showRooms();
  showTitle();
}

function showStart() {
  changePlace(null);
  view.show("start");
  showTitle();
  view.focus("name");
}

/* What was not said in a room that is left is given back as a draft. */
function forgetRoom() {
  const unsaid = outbox.takeBack(me.room);
  if (place === me.room) changePlace(null);
  if (unsaid.length) drafts.set(me.room, [...unsaid, drafts.get(me.room) ?? ""].join("\n").trim());
  me.room = "";
  log = null;
  view.showAnew("");
  view.showPeople([], 0, me.name);
  complain("leave");
  remember();
}

/* ---- entering ---- */

async function signIn(name) {
  const answer = await ask.register(name);
  me.name = answer.name ?? name;
  rooms.clear();
  for (const room of answer.rooms ?? []) rooms.add(room);
  view.showMe(me.name);
  remember();
}

/* A server in simple mode has no names: the hall is all there is. */
function onlyHall() {
  config.mode = "simple";
  document.body.dataset.mode = "simple";
  me.name = me.room = "";
  showHall();
}

function startLog(room, answer) {
  if (me.room && me.room !== room) forgetRoom();
  me.room = room;
  log = new RoomLog(room, answer.epoch, own);
  log.add((answer.messages ?? []).map(entryOf));
  log.more = Boolean(answer.more);
  rooms.add(room);
  view.showAnew("");
  remember();
}

/* The log goes on where it was left: what was said meanwhile is fetched and marked. */
async function resumeLog(answer) {
  const known = log;
  const before = known.last;
  known.add((answer.messages ?? []).map(entryOf));
  known.missedFrom = known.last > before && before > 0 ? before + 1 : 0;
  for (let gap = known.gap(); gap; gap = known.gap()) {
    const page = await ask.history({ after: gap });
    if (known.add(page.messages.map(entryOf)).length === 0) break;
  }
}

async function enter(room) {
  const answer = await ask.join(room);
  const name = answer.room ?? room;
  const known = log?.room === name ? log : null;
  const missed = (answer.newest ?? 0) - (known?.last ?? 0);
  if (known && known.epoch === answer.epoch && missed <= MISSED_MOST) {
    await resumeLog(answer);
  } else {
    startLog(name, answer);
    if (known && known.epoch !== answer.epoch) {
      view.showAnew("This room was closed while you were away, and opened anew. What was said before is gone.");
    } else if (known) {
      log.missedFrom = known.last + 1;
    }
  }
  outbox.confirm((id) => log.has(id));
}

/* ---- the connection ---- */

async function restore() {
  if (config.mode === "simple") {
    if (place !== HALL) onlyHall();
    return;
  }
  if (!me.name) return showStart();
  const looked = place;
  await signIn(me.name);
  if (me.room) await enter(me.room);
  if (looked === HALL) showHall();
  else if (me.room) showRoom();
  else showNowhere();
}

async function opened() {
  const mine = connection;
  try {
    await restore();
  } catch (error) {
    if (error instanceof Lost) return;
    if (PASSING.has(error.code)) {
      await sleep(SLOWER_MS);
      if (mine.open && !ready) opened();
      return;
    }
    if (error.code === "unknown_action" && !rooms.size) {
      onlyHall();
    } else if (me.room && rooms.has(me.room)) {
      forgetRoom();
      showNowhere("The room is closed to you.", error.message);
    } else {
      me.name = me.room = "";
      remember();
      showStart();
      complain("name", error.message);
    }
  }
  ready = true;
  connection.settled();
  view.showState("connected", "Connected");
  view.showAway("");
  outbox.flush();
  lookAround();
}

function closed(code, reason) {
  ready = false;
  outbox.interrupted();
  view.showState("away", "Not connected");
  awayBecause = code === 1001 && /going away/i.test(reason) ? "The server is restarting." : code === 1009 ? "That message was too long for the server."
    : navigator.onLine === false ? "You are offline." : reason && code !== 1006 ? `The server ended the connection: ${reason}.`
    : "The server does not answer.";
}

let awayBecause = "";
let awayTimer = 0;

function waiting(until) {
  clearInterval(awayTimer);
  view.showAway(awayBecause, until);
  awayTimer = setInterval(() => {
    if (ready) clearInterval(awayTimer);
    else view.showAway(awayBecause, until);
  }, 1000);
}

/* ---- what the server says ---- */

function heard(message) {
  switch (message.type) {
  case "single-room":
    rooms.add(String(message.message));
    if (me.name) showRooms();
    break;
  case "delete-room":
    rooms.delete(message.room);
    if (place === null && me.name && ready) showNowhere();
    else showRooms();
    break;
  case "client-message":
    if (message.room === undefined) heardInHall(message);
    else if (message.room === log?.room) heardInRoom(entryOf(message));
    break;
  case "members":
    if (message.room === me.room) heardMembers(message);
    break;
  }
}

let names = [];

function heardMembers(message) {
  names = message.members ?? [];
  view.showPeople(names, message.count ?? names.length, me.name);
}

function tell(entry) {
  if (entry.own) return;
  view.announce(entry.nameless ? entry.text : `${entry.author}: ${entry.text}`);
  if (document.hidden) {
    unread++;
    showTitle();
  }
}

function heardInRoom(entry) {
  const before = log.last;
  if (log.add([entry]).length === 0) return;
  outbox.confirm((id) => id === entry.id);
  tell(entry);
  if (!names.includes(entry.author)) lookAround();
  if (place !== me.room) return;
  if (log.trim(KEPT_MOST) || entry.seq < before) view.showLog(log, true);
  else view.showNew(entry, log);
  showPending();
}

function heardInHall(message) {
  const mine = outbox.confirmText(message.message, HALL);
  const entry = { ...entryOf(message), nameless: true, own: Boolean(mine) };
  hall.entries.push(entry);
  hall.entries.splice(0, hall.entries.length - KEPT_MOST);
  tell(entry);
  if (place === HALL) {
    view.showNew(entry, hall);
    showPending();
  } else if (config.mode === "both") {
    hall.unread++;
    showRooms();
  }
}

/* ---- who is here ---- */

let looking = 0;

/* The server does not tell when somebody comes or goes: the page asks, now and then. */
async function lookAround() {
  clearTimeout(looking);
  looking = setTimeout(lookAround, document.hidden ? PEOPLE_HIDDEN_MS : PEOPLE_MS);
  if (!ready || !me.room) return;
  try {
    await ask.members();
  } catch {
    /* the next time */
  }
}

/* ---- saying something ---- */

/* False: it cannot be sent, and why is told. */
function say(text) {
  if (new TextEncoder().encode(JSON.stringify(text)).length > config.bytes - 200) {
    complain("text", `That is too long: the server takes about ${Math.floor(config.bytes / 1024)} KB at a time.`);
    return false;
  }
  outbox.add(text, place, place !== HALL);
  view.toTheEnd();
  return true;
}

/* ---- what the user does ---- */

/* Runs act() unless it still runs; what goes wrong is told at id. */
const running = new Set();

async function doing(id, act) {
  if (running.has(id)) return;
  running.add(id);
  complain(id);
  try {
    await act();
  } catch (error) {
    complain(id, error instanceof Lost ? "There is no connection; try again in a moment." : error.message);
  }
  running.delete(id);
}

function submitName() {
  const name = $("name").value.trim();
  if (!name) return complain("name", "Please choose a name.");
  doing("name", async () => {
    try {
      await signIn(name);
      showNowhere();
      view.focus(rooms.size ? "rooms-title" : "new-room");
    } catch (error) {
      if (error.code !== "unknown_action") throw error;
      onlyHall();
    }
  });
}

function submitRoom() {
  const room = $("new-room").value.trim();
  if (!room) return complain("new-room", "Please give the room a name.");
  doing("new-room", async () => {
    const answer = await ask.create(room);
    startLog(answer.room ?? room, answer);
    $("new-room").value = "";
    showRoom();
    lookAround();
  });
}

function chooseRoom(room) {
  complain("new-room");
  if (room === me.room) return showRoom();
  doing("rooms", async () => {
    await enter(room);
    showRoom();
    lookAround();
  });
}

function leave() {
  const room = me.room;
  doing("leave", async () => {
    await ask.leave();
    if (me.room === room) forgetRoom();
    showNowhere(`You left ${room}.`);
    view.focus("nowhere-title", "rooms-title");
  });
}

function signOut() {
  if (me.room) forgetRoom();
  me.name = "";
  drafts.clear();
  outbox.clear();
  own.clear();
  remember();
  showStart();
  ready = false;
  view.showState("connecting", "Connecting…");
  connection.restart(); // a name cannot be taken back otherwise
}

function submitText() {
  const text = $("text").value.trim();
  complain("text");
  if (!text || place === null || !say(text)) return;
  $("text").value = "";
  growField();
}

function loadOlder() {
  const known = log;
  doing("older", async () => {
    const page = await ask.history({ before: known.first });
    known.add(page.messages.map(entryOf));
    known.more = Boolean(page.more);
    if (known === log && place === me.room) view.showLog(log, true);
  });
}

function growField() {
  const field = $("text");
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight + 2, 200)}px`;
}

function prepare() {
  const submit = (id, act) => $(id).addEventListener("submit", (event) => {
    event.preventDefault();
    act();
  });
  submit("name-form", submitName);
  submit("room-form", submitRoom);
  submit("text-form", submitText);
  $("rooms").addEventListener("click", (event) => {
    const button = event.target.closest("[data-room]");
    if (button) chooseRoom(button.dataset.room);
  });
  $("hall").addEventListener("click", showHall);
  $("filter").addEventListener("input", showRooms);
  $("leave").addEventListener("click", leave);
  $("sign-out").addEventListener("click", signOut);
  $("older").addEventListener("click", loadOlder);
  $("retry").addEventListener("click", () => connection.hurry());
  $("new-room").addEventListener("input", () => complain("new-room"));
  $("name").addEventListener("input", () => complain("name"));
  $("text").addEventListener("input", growField);
  $("text").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submitText();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    unread = 0;
    showTitle();
    lookAround();
  });
  view.prepareDrawers();
  view.prepareScroll();
}

async function start() {
  prepare();
  recall();
  try {
    Object.assign(config, await (await fetch("config.json")).json());
  } catch {
    /* the defaults of the server */
  }
  const url = new URL(config.stage, document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  connection = new Connection(url.href, { opened, closed, waiting, message: heard });
  ask = new Questions(connection);
  connection.start();
}

start();
