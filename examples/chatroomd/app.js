/*
 * app.js: what the user wants and what the server says, brought together. docs/chat-protocol.md shows every message.
 *
 * What the user wants (a name, a room, texts to be said) outlives the connection: after every new one it is put in place again.
 */
import { Connection, Lost, Refusal } from "./connection.js";
import { RoomLog, entryOf } from "./roomlog.js";
import * as view from "./view.js";

const { $, complain } = view;
const HALL = Symbol("the hall"); // a place to speak in beside the rooms, which are strings
const NOBODY = "no-rooms"; // who speaks in the hall
const KEPT_MOST = 2000; // messages on the screen
const MISSED_MOST = 1000; // more than that are not fetched at once
const PEOPLE_MS = 4000;
const PEOPLE_HIDDEN_MS = 20000;
const SLOWER_MS = 1200;
const PASSING = new Set(["rate_limited", "busy", "outcome_unknown", "timeout"]); // worth another try by itself

const config = { stage: "development", mode: "full", bytes: 32768 };
const me = { name: "", room: "" }; // as the server spells them; "" for none
const rooms = new Set();
const hall = { entries: [], more: false, missedFrom: 0, unread: 0 };
const drafts = new Map(); // place -> text not said there
let connection;
let log = null; // of me.room
let place = null; // where the user looks and speaks: a room, HALL or null
let pending = []; // { id, text, place, status: "waiting" | "sending" | "failed", note }
let ready = false; // connected, and everything is in place
let unread = 0; // messages since the window was hidden

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/* ---- questions to the server ---- */

const isJoined = (m) => (m.type === undefined || m.type === "multi-message") && "scanStatus" in m;
const isCreated = (m) => m.type === undefined && "scan" in m;
const when = (test) => (m) => (test(m) ? m : undefined);

const register = (name) => connection.ask({ action: "register", value: name }, when((m) => m.type === "signup"));
const createRoom = (room) => connection.ask({ action: "new-room", value: room }, when(isCreated));
const joinRoom = (room) => connection.ask({ action: "join-room", value: room }, when(isJoined));
const history = (query) => connection.ask({ action: "history", ...query }, when((m) => m.type === "history"));
const members = () => connection.ask({ action: "members" }, when((m) => m.type === "members"));
const dispatch = (text, id) =>
  connection.ask({ action: "dispatch", value: text, id }, when((m) => m.type === "client-message" && m.id === id));
const dispatchInHall = (text) =>
  connection.ask({ action: "dispatch", name: NOBODY, value: text },
    when((m) => m.type === "client-message" && m.room === undefined && m.message === text));

/* Success is silent, so a question follows of which the answer tells: who is in no room is told so. */
function leaveRoom() {
  let why = null;
  return connection.ask([{ action: "leave-room", value: "leave-room" }, { action: "members" }],
    (m) => {
      if (m.type === "members") throw why ?? new Refusal("busy", "You are still in the room; try again.");
      return undefined;
    },
    (error) => {
      if (error.code === "no_room") return true;
      why = error;
      setTimeout(() => connection.repeat({ action: "members" }), SLOWER_MS);
      return undefined;
    });
}

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
  view.showPending(pending.filter((one) => one.place === place), sayAgain, discard);
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
  view.showLog(log, me.name);
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
  view.showLog(hall, me.name);
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
  const unsaid = pending.filter((one) => one.place === me.room).map((one) => one.text);
  if (place === me.room) changePlace(null);
  if (unsaid.length) drafts.set(me.room, [...unsaid, drafts.get(me.room) ?? ""].join("\n").trim());
  pending = pending.filter((one) => one.place !== me.room);
  me.room = "";
  log = null;
  view.showAnew("");
  view.showPeople([], 0, me.name);
  complain("leave");
  remember();
}

/* ---- entering ---- */

async function signIn(name) {
  const answer = await register(name);
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
  log = new RoomLog(room, answer.epoch);
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
    const page = await history({ after: gap });
    if (known.add(page.messages.map(entryOf)).length === 0) break;
  }
}

async function enter(room) {
  const answer = await joinRoom(room);
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
  pending = pending.filter((one) => !one.id || !log.has(one.id));
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
  flush();
  lookAround();
}

function closed(code, reason) {
  ready = false;
  for (const one of pending) {
    if (one.status !== "failed") one.note = "Waiting for the connection";
  }
  showPending();
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
  if (entry.own || entry.author === me.name) return;
  view.announce(entry.nameless ? entry.text : `${entry.author}: ${entry.text}`);
  if (document.hidden) {
    unread++;
    showTitle();
  }
}

function heardInRoom(entry) {
  const before = log.last;
  if (log.add([entry]).length === 0) return;
  pending = pending.filter((one) => !one.id || one.id !== entry.id);
  tell(entry);
  if (!names.includes(entry.author)) lookAround();
  if (place !== me.room) return;
  if (log.trim(KEPT_MOST) || entry.seq < before) view.showLog(log, me.name, true);
  else view.showNew(entry, log, me.name);
  showPending();
}

function heardInHall(message) {
  const own = pending.find((one) => one.place === HALL && one.status === "sending" && one.text === message.message);
  const entry = { ...entryOf(message), nameless: true, own: Boolean(own) };
  hall.entries.push(entry);
  hall.entries.splice(0, hall.entries.length - KEPT_MOST);
  pending = pending.filter((one) => one !== own);
  tell(entry);
  if (place === HALL) {
    view.showNew(entry, hall, me.name);
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
    await members();
  } catch {
    /* the next time */
  }
}

/* ---- saying something ---- */

function newId() {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((b) => b.toString(16).padStart(2, "0")).join("");
}

function say(text) {
  const one = { id: place === HALL ? undefined : newId(), text, place, status: "waiting", note: "" };
  if (new TextEncoder().encode(JSON.stringify({ action: "dispatch", value: text, id: one.id })).length > config.bytes) {
    complain("text", `That is too long: the server takes about ${Math.floor(config.bytes / 1024)} KB at a time.`);
    return false;
  }
  one.note = ready ? "Sending…" : "Waiting for the connection";
  pending.push(one);
  showPending();
  view.toTheEnd();
  flush();
  return true;
}

function sayAgain(one) {
  one.status = "waiting";
  one.note = "Sending…";
  showPending();
  flush();
}

function discard(one) {
  pending = pending.filter((other) => other !== one);
  showPending();
  $("text").focus();
}

/* One after another, so that they stay in order. A repetition has the same id and is stored once. */
let flushing = false;

async function flush() {
  if (flushing) return;
  flushing = true;
  for (let one; ready && (one = pending.find((p) => p.status === "waiting" && (p.place === HALL || p.place === me.room)));) {
    one.status = "sending";
    try {
      await (one.place === HALL ? dispatchInHall(one.text) : dispatch(one.text, one.id));
      pending = pending.filter((other) => other !== one);
    } catch (error) {
      await notSaid(one, error);
    }
    showPending();
  }
  flushing = false;
}

async function notSaid(one, error) {
  if (error instanceof Lost && one.place !== HALL) {
    one.status = "waiting"; // history will tell whether it arrived
  } else if (error instanceof Lost) {
    one.status = "failed";
    one.note = "The connection was lost; it may have been heard.";
  } else if (PASSING.has(error.code)) {
    one.note = error.code === "rate_limited" ? "Sending more slowly…" : "The server is busy; trying again…";
    showPending();
    await sleep(SLOWER_MS);
    one.status = "waiting";
  } else {
    one.status = "failed";
    one.note = error.message;
  }
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
    const answer = await createRoom(room);
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
    await leaveRoom();
    if (me.room === room) forgetRoom();
    showNowhere(`You left ${room}.`);
    view.focus("nowhere-title");
  });
}

function signOut() {
  if (me.room) forgetRoom();
  me.name = "";
  drafts.clear();
  pending = [];
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
    const page = await history({ before: known.first });
    known.add(page.messages.map(entryOf));
    known.more = Boolean(page.more);
    if (known === log && place === me.room) view.showLog(log, me.name, true);
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
  connection.start();
}

start();
