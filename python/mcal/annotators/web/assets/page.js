"use strict";

/* The labelling page. Items wait in a queue with their pictures loaded, so that the next one is
   there at once; what people say goes to the server in order, one request after the other, and is
   sent again until the server has answered. */

const NO_LABEL = -1;
const MANY_CLASSES = 20;   // more than these are found by typing
const MOST_SHOWN = 120;
const QUEUE = 12;          // items asked for
const LOW = 7;             // ask again when fewer wait
const LOOK_S = 2;          // how often to look for work
const RENEW_S = 20;        // how often to tell the server that somebody is here
const AWAY_S = 120;        // nobody is here after so long without a touch
const MOST_ZOOM = 16;

const $ = (id) => document.getElementById(id);
const make = (tag, text, className) => {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
};
const keyOf = (item) => `${item.order}:${item.index}`;
const count = (n) => n.toLocaleString("en-US");
const dollars = (usd) => "$" + usd.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const state = {
  mark: "",             // of the campaign
  classes: [],
  current: null,
  queue: [],
  answered: new Set(),   // said here, whatever the server still tells
  pending: [],           // said here, not yet taken by the server
  orders: [],
  status: null,
  nSaid: 0,
  isAsking: false,
  undoing: null,
  askedAt: 0,
  touchedAt: Date.now(),
  keys: null,
};

/* ---- the server ------------------------------------------------------------------------- */

let line = Promise.resolve();

/* One request after the other: what was said is there before more work is asked for. */
function inLine(work) {
  line = line.then(work, work);
  return line;
}

async function ask(path, body) {
  for (let attempt = 0; ; attempt++) {
    let answer = null;
    try {
      answer = await fetch(path, body === undefined ? {} : {
        method: "POST",
        headers: { "Content-Type": "application/json", "MCal-Campaign": state.mark },
        body: JSON.stringify(body),
      });
    } catch {
      // no connection: the server is being started again, or the network is gone
    }
    if (answer && answer.ok) {
      const found = await answer.json().catch(() => null);
      if (found) {
        trouble("");
        return found;
      }
    }
    if (answer && answer.status === 401) {
      trouble("Open the address that mcal label prints now: this page's has run out.");
    } else if (answer && answer.status === 409) {
      trouble("Another campaign is served here now: open the address that mcal label prints.");
    } else if (answer && answer.status === 400) {
      const { problem } = await answer.json();
      throw new Error(problem);
    } else if (attempt > 0) {
      trouble("No connection. What you said is sent as soon as it is back.");
    }
    const asked = answer ? Number(answer.headers.get("Retry-After")) : 0;
    await pause(Math.max(1000 * asked, Math.min(5000, 250 * 2 ** attempt)));
  }
}

function takeNews(found) {
  state.orders = found.orders.map((order) => ({ ...order }));
  for (const said of state.pending) countOne(said.order, 1);
  state.status = found.status;
}

function countOne(order, change) {
  const found = state.orders.find((each) => each.order === order);
  if (found) found.n_judged = Math.min(found.n_ordered, found.n_judged + change);
}

async function askForWork() {
  if (state.isAsking) return;
  state.isAsking = true;
  try {
    await inLine(async () => {
      const found = await ask("/api/take", { n: QUEUE });
      state.askedAt = Date.now();
      takeNews(found);
      const mine = new Map(found.items.map((item) => [keyOf(item), item]));
      // What is no longer mine was given to others while nobody was here.
      state.queue = state.queue.filter((item) => mine.has(keyOf(item)));
      const known = new Set(state.queue.map(keyOf));
      if (state.current) known.add(keyOf(state.current));
      for (const [key, item] of mine) {
        if (!known.has(key) && !state.answered.has(key)) state.queue.push(load(item));
      }
    });
  } finally {
    state.isAsking = false;
  }
  if (!state.current) next();
  show();
}

/* ---- answers ---------------------------------------------------------------------------- */

function say(label) {
  if (state.undoing) return;   // what is on the screen is about to change
  const item = state.current;
  if (!item || !item.isShown) return;
  state.answered.add(keyOf(item));
  state.pending.push(item);
  state.nSaid++;
  countOne(item.order, 1);
  flash(label);
  next();
  inLine(async () => {
    try {
      const body = { order: item.order, index: item.index, label };
      const { taken } = await ask("/api/say", body);
      if (!taken) {
        state.nSaid--;
        toast(`${item.name}: somebody else was faster`);
      }
    } catch (error) {
      toast(`Not taken: ${error.message}`);
      giveBack(item);
    }
    state.pending.splice(state.pending.indexOf(item), 1);
  });
  if (state.queue.length < LOW) askForWork();
}

/* An answer that was refused: its item comes again. */
function giveBack(item) {
  state.nSaid--;
  countOne(item.order, -1);
  state.answered.delete(keyOf(item));
  state.queue.push(item);
  if (state.current) show();
  else next();
}

function skip() {
  const item = state.current;
  if (!item) return;
  const key = keyOf(item);
  state.answered.add(key);
  flash("skip");
  next();
  inLine(async () => {
    await ask("/api/skip", { order: item.order, index: item.index }).catch(() => {});
    state.answered.delete(key);
  });
  if (state.queue.length < LOW) askForWork();
}

function undo() {
  const undoing = inLine(async () => {
    const found = await ask("/api/undo", {});
    if (!found.item) {
      toast(found.said_any ? "Too late: that answer has been handed over" : "Nothing to take back");
      return;
    }
    state.nSaid = Math.max(0, state.nSaid - 1);
    state.answered.delete(keyOf(found.item));
    countOne(found.item.order, -1);
    if (state.current) state.queue.unshift(state.current);
    state.queue.unshift(load(found.item));
    await next();
    const said = found.label === NO_LABEL ? "none of these" : state.classes[found.label];
    toast(`Taken back: ${said}`);
  });
  state.undoing = undoing;
  undoing.finally(() => { if (state.undoing === undoing) state.undoing = null; });
}

/* ---- pictures --------------------------------------------------------------------------- */

function load(item) {
  const picture = new Image();
  picture.alt = item.name;
  picture.draggable = false;
  picture.src = `/picture/${state.mark}/${item.order}/${item.index}`;
  item.picture = picture;
  item.ready = picture.decode().then(() => true, () => false);
  return item;
}

function next() {
  state.current = state.queue.shift() || null;
  show();
  return state.current ? present(state.current) : Promise.resolve();
}

async function present(item) {
  const stage = $("stage");
  item.isShown = false;
  const slow = setTimeout(() => {
    if (state.current === item && !item.isShown) {
      stage.replaceChildren(make("span", "Loading ...", "loading"));
    }
  }, 200);
  const isPicture = await item.ready;
  clearTimeout(slow);
  if (state.current !== item) return;
  if (isPicture) {
    stage.replaceChildren(item.picture);
    zoom.reset();
  } else {
    stage.replaceChildren(nameless(item));
  }
  $("name").textContent = item.name;
  $("caption").hidden = !isPicture;
  stage.dataset.item = keyOf(item);
  item.isShown = true;
}

function nameless(item) {
  const box = make("div", undefined, "nameless");
  const name = make("strong");
  if (/^https?:\/\//i.test(item.name)) {
    const link = make("a", item.name);
    link.href = item.name;
    link.target = "_blank";
    link.rel = "noopener noreferrer";
    name.append(link);
  } else {
    name.append(make("bdi", item.name));
  }
  box.append(name, make("span", "There is no picture of this item."));
  return box;
}

/* Fitting, zooming and moving the picture. */
const zoom = {
  factor: 1, x: 0, y: 0,
  reset() {
    this.factor = 1;
    this.x = this.y = 0;
    this.apply();
  },
  apply() {
    const picture = $("stage").querySelector("img");
    if (!picture) return;
    const { clientWidth, clientHeight } = $("stage");
    const { naturalWidth, naturalHeight } = picture;
    let fit = Math.min((clientWidth - 16) / naturalWidth, (clientHeight - 16) / naturalHeight);
    const isTiny = fit >= 3;
    fit = isTiny ? Math.floor(fit) : Math.min(fit, 2);
    picture.classList.toggle("tiny", isTiny || this.factor * fit >= 3);
    picture.classList.toggle("zoomed", this.factor > 1);
    picture.style.width = `${Math.max(1, naturalWidth * fit)}px`;
    picture.style.height = `${Math.max(1, naturalHeight * fit)}px`;
    const reach = (size, room) => Math.max(0, (size * fit * this.factor - room) / 2);
    const farX = reach(naturalWidth, clientWidth);
    const farY = reach(naturalHeight, clientHeight);
    this.x = Math.min(farX, Math.max(-farX, this.x));
    this.y = Math.min(farY, Math.max(-farY, this.y));
    picture.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.factor})`;
  },
  by(change, clientX, clientY) {
    const box = $("stage").getBoundingClientRect();
    const fromX = (clientX ?? box.left + box.width / 2) - box.left - box.width / 2;
    const fromY = (clientY ?? box.top + box.height / 2) - box.top - box.height / 2;
    const factor = Math.min(MOST_ZOOM, Math.max(1, this.factor * change));
    this.x = fromX - ((fromX - this.x) * factor) / this.factor;
    this.y = fromY - ((fromY - this.y) * factor) / this.factor;
    this.factor = factor;
    this.apply();
  },
};

const fingers = new Map();
function watchFingers() {
  const stage = $("stage");
  const spread = () => {
    const [a, b] = [...fingers.values()];
    return { far: Math.hypot(a.x - b.x, a.y - b.y), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  };
  stage.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const old = fingers.size === 2 ? spread() : null;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (old) {
      const now = spread();
      zoom.x += now.x - old.x;
      zoom.y += now.y - old.y;
      zoom.by(now.far / Math.max(1, old.far), now.x, now.y);
    } else if (fingers.size === 1) {
      zoom.x += event.clientX - before.x;
      zoom.y += event.clientY - before.y;
      zoom.apply();
    }
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    stage.addEventListener(kind, (event) => fingers.delete(event.pointerId));
  }
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom.by(Math.exp(-event.deltaY / 400), event.clientX, event.clientY);
  }, { passive: false });
  stage.addEventListener("dblclick", (event) => {
    if (zoom.factor > 1) zoom.reset();
    else zoom.by(4, event.clientX, event.clientY);
  });
  new ResizeObserver(() => zoom.apply()).observe(stage);
}

/* ---- what is seen ----------------------------------------------------------------------- */

const BATCHES = { test: "Test set", train: "Training", audit: "Check of the machine", rest: "The rest" };

function show() {
  const { current, status, orders } = state;
  $("stage").hidden = !current;
  $("panel").hidden = Boolean(current);
  $("search").hidden = !current || !isSearched();
  for (const id of ["classes", "none", "skip"]) $(id).hidden = !current;
  if (!current) {
    $("caption").hidden = true;
    delete $("stage").dataset.item;
  }
  if (!status) return;
  const order = orders.find((each) => current && each.order === current.order) || orders[0];
  $("undo").hidden = !current && status.phase !== "people";
  $("batch").textContent = order
    ? `${BATCHES[order.purpose]}${order.purpose === "train" ? ` ${order.round + 1}` : ""}: ` +
      `${count(order.n_judged)} of ${count(order.n_ordered)}`
    : "";
  $("bar").value = order && order.n_ordered ? order.n_judged / order.n_ordered : 0;
  $("bar").hidden = !order || status.phase === "done";
  $("batch").hidden = status.phase === "done";
  $("bought").textContent = status.n_human === null ? ""
    : `${count(status.n_human)} of ${count(status.n_pool)} labels bought,`;
  $("spent").textContent = moneyWords(status);
  $("you").textContent = `${count(state.nSaid)} by you \u00b7 Help`;
  $("you").setAttribute("aria-label", `You labelled ${count(state.nSaid)}. Help and name`);
  document.title = order && current
    ? `${order.n_judged}/${order.n_ordered} ${$("title").textContent}` : $("title").textContent;
  if (!current) showPanel(status, order);
}

function moneyWords(status) {
  if (status.spent_usd === null) return "";
  const isForecast = status.predicted_usd !== null && status.phase !== "done";
  return dollars(status.spent_usd) + (isForecast ? ` of about ${dollars(status.predicted_usd)}` : "");
}

function showPanel(status, order) {
  const isOpen = order && order.n_judged < order.n_ordered;
  const isWhole = order && !isOpen;
  const [title, words] = {
    opening: ["Opening the campaign", status.words || "The items are being read."],
    working: ["The machine is at work", status.words],
    elsewhere: ["Nothing to label now", status.words],
    people: isWhole
      ? ["This batch is labelled", "In a moment the machine goes on. You can still take back your last answers."]
      : ["Nothing for you now", isOpen
        ? "Others have the last items of this batch, or you have labelled all that you may."
        : "The next items are being chosen."],
    failed: ["The campaign has stopped", status.words],
    done: ["All done", status.promise],
  }[status.phase];
  $("panel-title").textContent = title;
  $("panel-words").textContent = words;
  const isStill = ["done", "failed"].includes(status.phase);
  $("panel").classList.toggle("still", isStill);
  $("panel-bar").hidden = status.share === null || isStill;
  $("panel-bar").value = status.share || 0;
  $("bill").hidden = !status.bill.length;
  $("bill").tBodies[0].replaceChildren(...status.bill.map((row) => {
    const line = make("tr");
    const head = make("th", row.words);
    head.scope = "row";
    line.append(
      head,
      make("td", row.n_items === null ? "" : count(row.n_items)),
      make("td", row.cost_usd === null ? "" : dollars(row.cost_usd)),
    );
    return line;
  }));
}

let toastTimer = 0;
function toast(words) {
  $("toast").textContent = words;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { $("toast").textContent = ""; }, 2500);
}

function trouble(words) {
  if ($("trouble").textContent !== words) $("trouble").textContent = words;
}

function flash(label) {
  const button = label === NO_LABEL ? $("none") : label === "skip" ? $("skip")
    : $("classes").querySelector(`[data-label="${label}"]`);
  if (button) {
    button.classList.add("chosen");
    setTimeout(() => button.classList.remove("chosen"), 150);
  }
  if (isSearched()) {
    $("search").value = "";
    showClasses();
  }
}

/* ---- classes and keys ------------------------------------------------------------------- */

const isSearched = () => state.classes.length > MANY_CLASSES;

/* Which key means what. Classes named by one letter or digit keep it: "7" is the class "7". */
function keysFor(classes) {
  const own = classes.map((name) => name.toLowerCase());
  const isShort = own.every((name) => /^[a-z0-9]$/.test(name)) && new Set(own).size === own.length;
  const keys = new Map();
  if (classes.length <= MANY_CLASSES) {
    const free = [..."123456789abcdeghijklmopqrtuvwxy"];   // without n, s, z, f
    classes.forEach((_, label) => keys.set(isShort ? own[label] : free[label], label));
  }
  const left = (...wanted) => wanted.filter((key) => !keys.has(key));
  const letters = classes.length <= MANY_CLASSES;
  return {
    classes: keys,
    none: letters ? left("0", "n", ".") : ["0"],
    undo: letters ? [...left("z"), "Backspace", "ArrowLeft"] : ["Backspace", "ArrowLeft"],
    skip: letters ? [...left("s"), "ArrowRight"] : ["ArrowRight"],
    fit: letters ? left("f") : [],
  };
}

const keyNames = { ArrowLeft: "\u2190", ArrowRight: "\u2192", Backspace: "\u232b" };
const keyName = (key) => keyNames[key] || key;

function labelTool(id, words, key) {
  $(id).replaceChildren(make("kbd", keyName(key)), make("span", words));
  $(id).setAttribute("aria-keyshortcuts", key);
}

/* Labels to show, best first: those that begin with what was typed, then a word of theirs, then
   those that contain it. */
function matching(query) {
  const sought = query.trim().toLowerCase();
  if (!sought) return state.classes.map((_, label) => label);
  const ranks = state.classes.map((name, label) => {
    const text = name.toLowerCase();
    const at = text.indexOf(sought);
    const rank = at < 0 ? 3 : at === 0 ? 0 : /[\s_\-/]/.test(text[at - 1]) ? 1 : 2;
    return [rank, label];
  });
  return ranks.filter(([rank]) => rank < 3).sort((a, b) => a[0] - b[0] || a[1] - b[1])
    .map(([, label]) => label);
}

function showClasses() {
  const labels = isSearched() ? matching($("search").value) : state.classes.map((_, label) => label);
  const named = new Map([...state.keys.classes].map(([key, label]) => [label, key]));
  $("classes").replaceChildren(...labels.slice(0, MOST_SHOWN).map((label, place) => {
    const key = isSearched() ? (place < 9 ? String(place + 1) : "") : named.get(label);
    const button = make("button");
    button.type = "button";
    button.dataset.label = label;
    if (key) {
      button.append(make("kbd", key));
      button.setAttribute("aria-keyshortcuts", key);
    }
    button.append(make("bdi", state.classes[label]));
    return button;
  }));
  if (!labels.length) $("classes").append(make("span", "No class is called so.", "small"));
  if (labels.length > MOST_SHOWN) {
    $("classes").append(make("span", `${count(labels.length - MOST_SHOWN)} more: type`, "small"));
  }
  arrange();
}

/* As many columns as fit, in rows as even as can be. */
function arrange() {
  const wide = window.innerWidth > 480 ? 152 : 104;
  const most = Math.max(1, Math.floor($("classes").clientWidth / wide));
  const n = $("classes").childElementCount;
  const rows = Math.max(1, Math.ceil(n / most));
  $("classes").style.setProperty("--columns", String(Math.ceil(n / rows) || 1));
}

function pressed(event) {
  state.touchedAt = Date.now();
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || $("about").open) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const { keys } = state;
  if (!keys) return;
  const isTyping = isSearched() && $("search").value !== "";
  const isControl = event.target instanceof HTMLButtonElement && (key === "Enter" || key === " ");
  if (isControl) return;
  const done = () => event.preventDefault();
  if (isSearched() && state.current) {
    const place = "123456789".indexOf(key);
    if (key === "Enter" || (key.length === 1 && place >= 0)) {
      const button = $("classes").querySelectorAll("button")[key === "Enter" ? 0 : place];
      if (button && (isTyping || key !== "Enter")) say(Number(button.dataset.label));
      return done();
    }
    if (key === "Escape") {
      $("search").value = "";
      showClasses();
      return done();
    }
    if (isTyping && key !== "0") return;
  } else if (keys.classes.has(key) && state.current) {
    say(keys.classes.get(key));
    return done();
  }
  if (keys.undo.includes(key)) {
    undo();
  } else if (keys.none.includes(key) && state.current) {
    say(NO_LABEL);
  } else if (keys.skip.includes(key)) {
    skip();
  } else if (key === "+" || key === "=") {
    zoom.by(1.5);
  } else if (key === "-") {
    zoom.by(1 / 1.5);
  } else if (keys.fit.includes(key)) {
    zoom.reset();
  } else {
    if (isSearched() && key.length === 1 && key !== " ") $("search").focus();
    return;
  }
  done();
}

/* ---- beginning -------------------------------------------------------------------------- */

function showHelp() {
  const { keys } = state;
  const rows = [
    [keys.none, "none of these classes"],
    [keys.skip, "skip: you get it again later, others may take it"],
    [keys.undo, "take back your last answer"],
    [["+", "-", ...keys.fit], "zoom, and the whole picture again"],
  ];
  if (isSearched()) rows.unshift([["a ... z", "Enter"], "find a class, take the first"]);
  $("keys").replaceChildren(...rows.flatMap(([names, words]) => {
    const term = make("dt");
    for (const name of names) term.append(make("kbd", keyName(name)), " ");
    return [term, make("dd", words)];
  }));
  $("about").showModal();
}

async function rename() {
  try {
    await inLine(async () => {
      const found = await ask("/api/name", { name: $("who").value });
      state.nSaid = found.n_said;
      toast(`You are ${found.name} from now on`);
    });
    $("about").close();
    state.queue = [];
    askForWork();
  } catch (error) {
    toast(error.message);
  }
}

async function begin() {
  const found = await ask("/api/campaign");
  state.mark = found.mark;
  state.classes = found.classes;
  state.nSaid = found.n_said;
  state.keys = keysFor(found.classes);
  takeNews(found);
  $("title").textContent = found.title;
  $("who").value = found.name;
  labelTool("undo", "Undo", state.keys.undo[0]);
  labelTool("none", "None of these", state.keys.none[0]);
  labelTool("skip", "Skip", state.keys.skip[0]);
  showClasses();
  $("undo").addEventListener("click", undo);
  $("none").addEventListener("click", () => say(NO_LABEL));
  $("skip").addEventListener("click", skip);
  $("classes").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) say(Number(button.dataset.label));
  });
  $("search").addEventListener("input", showClasses);
  $("you").addEventListener("click", showHelp);
  $("close").addEventListener("click", () => $("about").close());
  $("rename").addEventListener("click", rename);
  document.addEventListener("keydown", pressed);
  for (const kind of ["pointerdown", "pointermove"]) {
    document.addEventListener(kind, () => { state.touchedAt = Date.now(); }, { passive: true });
  }
  watchFingers();
  new ResizeObserver(arrange).observe($("classes"));
  await askForWork();
  setInterval(() => {
    const now = Date.now();
    const isHere = now - state.touchedAt < 1000 * AWAY_S;
    const isDue = now - state.askedAt > 1000 * RENEW_S;
    if (state.status.phase === "done") return;
    if (!state.current || (isHere && isDue)) askForWork();
  }, 1000 * LOOK_S);
}

begin();
