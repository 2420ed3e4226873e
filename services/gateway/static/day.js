// A rep's day by keyboard: move, say what happened in one line, look at what was understood, log it, and go on.

const live = document.querySelector("#live");
const dialog = document.querySelector("#log");
const form = document.querySelector("#log-form");
const field = (name) => form.elements[name];
const says = (name, what) => dialog.dataset[name].replace("%", () => what);
const PAUSE = 200; // ms after the last key before a line is read

// The day ends at midnight where the rep is.

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && zone !== live.dataset.zone && !sessionStorage.getItem("zone")) {
  sessionStorage.setItem("zone", zone);
  document.cookie = `ascua_zone=${zone}; path=/; max-age=31536000; samesite=strict`;
  location.reload();
}

// Lines, and the one at hand.

const done = new Set(); // steps logged here, which an older answer may still show
const lines = () => [...live.querySelectorAll(".todo")];
const at = () => document.activeElement?.closest?.(".todo") ?? null;

function go(line) {
  if (!line) return;
  line.querySelector(".do").focus();
  line.scrollIntoView({ block: "nearest" });
}

function move(by) {
  const all = lines();
  const here = all.indexOf(at());
  go(all[here < 0 ? 0 : Math.min(all.length - 1, Math.max(0, here + by))]);
}

const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
  l: (line) => line && open(line),
  n: (line) => line && open(line, dialog.dataset.noAnswer),
  m: (line) => line && open(line, dialog.dataset.tomorrow),
  c: (line) => line?.querySelector("a.act")?.click(),
  o: (line) => line?.querySelector("h3 a").click(),
};

addEventListener("keydown", (event) => {
  if (dialog.open || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, select, textarea")) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act(at());
});

live.addEventListener("click", (event) => {
  if (event.target.closest(".do")) open(event.target.closest(".todo"));
});

document.addEventListener("htmx:after:swap", clear);

// What is done leaves the page, or a refresh that brings the lead's next step would stand beside it.
function clear() {
  for (const line of lines()) if (done.has(line.dataset.step)) line.remove();
}

// Logging.

let lead = null; // what the dialog is about: { id, step, name, action, key }
let read = ""; // the line that the fields show
let reading = 0;
let soon = 0;
const held = new Set(); // fields that were set by hand

function open(line, words = "") {
  const { lead: id, step, name, action, said } = line.dataset;
  lead = { id, step, name, action, key: key() };
  form.reset();
  held.clear();
  read = "";
  wrong("");
  document.querySelector("#log-title").textContent = says("title", name);
  document.querySelector("#log-step").textContent = said;
  field("line").value = words;
  field("at").max = local(new Date());
  show({});
  dialog.showModal();
  field("line").focus();
  if (words) readLine();
}

async function readLine() {
  clearTimeout(soon);
  const line = field("line").value.trim();
  const mine = ++reading;
  const body = { line, zone: zone || "UTC", language: document.documentElement.lang };
  const proposal = line ? await ask("/v1/activities/proposals", body) : {};
  if (mine !== reading || !proposal) return false;
  read = line;
  show(proposal);
  return true;
}

function show(proposal) {
  const { next_step: next, not_understood: unread = [], assumed = [] } = proposal;
  lead.unread = unread;
  lead.assumed = assumed;
  // A line that only says when was no activity: the step is moved, and nothing is told that did not happen. What such
  // a line says besides is kept as a note.
  const isMove = next && !proposal.kind && !proposal.result;
  set("kind", isMove ? (unread.length ? "note" : "") : (proposal.kind ?? lead.action));
  set("result", proposal.result ?? "done");
  set("objection", proposal.objection ?? "");
  set("direction", proposal.direction ?? "");
  set("minutes", proposal.duration_seconds ? Math.round(proposal.duration_seconds / 60) : "");
  set("at", proposal.at ? local(new Date(proposal.at)) : "");
  set("next_action", next ? (next.action ?? proposal.kind ?? lead.action) : "");
  set("due", next ? local(new Date(next.due)) : "");
  fit();
}

function set(name, value) {
  if (!held.has(name)) field(name).value = value;
}

// What goes with nothing is not asked for.
function fit() {
  const isDone = field("kind").value !== "";
  if (!isDone && !field("next_action").value) field("next_action").value = lead.action;
  const wanted = {
    result: isDone,
    objection: isDone && field("result").value === "objection",
    direction: isDone,
    minutes: isDone,
    at: isDone,
    due: field("next_action").value,
  };
  for (const name in wanted) field(name).closest("div").hidden = !wanted[name];
  field("due").required = !isDone;
  const notes = [];
  if (lead.assumed.length) notes.push(says("assumed", lead.assumed.map((each) => dialog.dataset[`is_${each}`] ?? each).join(", ")));
  if (lead.unread.length) notes.push(says(isDone ? "notUnderstood" : "notKept", lead.unread.join(" · ")));
  document.querySelector("#log-reading").textContent = notes.join(" ");
}

field("line").addEventListener("input", () => {
  clearTimeout(soon);
  soon = setTimeout(readLine, PAUSE);
});

form.addEventListener("change", (event) => {
  if (event.target.name !== "line") held.add(event.target.name);
  fit();
});

dialog.querySelector(".chips").addEventListener("click", (event) => {
  const chip = event.target.closest(".chip");
  if (!chip) return;
  field("line").value = chip.dataset.line;
  held.delete("result");
  field("line").focus();
  readLine();
});

document.querySelector("#log-cancel").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => {
  clearTimeout(soon);
  reading += 1;
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  // Only what was shown is logged: a line that was typed just now is shown first.
  if (field("line").value.trim() !== read) return void (await readLine());
  const { id, step, name, key } = lead;
  const isMove = field("kind").value === "";
  const button = form.querySelector("[type=submit]");
  if (button.disabled) return;
  button.disabled = true;
  const logged = isMove
    ? await ask(`/v1/leads/${id}/next-step`, { ...planned(), rep: live.dataset.rep }, key)
    : await ask(`/v1/leads/${id}/activities`, activity(step), key);
  button.disabled = false;
  if (!logged) return;
  const all = lines();
  const here = all.findIndex((line) => line.dataset.lead === id);
  const following = all[here + 1] ?? all[here - 1];
  done.add(step);
  clear();
  dialog.close();
  document.querySelector("#logged").textContent = says(isMove ? "moved" : "logged", name);
  go(following);
});

const value = (name) => field(name).value || undefined;

function planned() {
  if (!value("due") || !value("next_action")) return undefined;
  return { action: value("next_action"), due: new Date(value("due")).toISOString() };
}

function activity(step) {
  // What was done before, or is but a note, does not do the step at hand.
  const isBeside = value("at") || (value("kind") === "note" && lead.action !== "note");
  return {
    kind: value("kind"),
    result: value("result"),
    objection: value("result") === "objection" ? value("objection") : undefined,
    direction: value("direction"),
    duration_seconds: value("minutes") && Number(value("minutes")) * 60,
    rep: live.dataset.rep,
    note: value("line")?.trim() || undefined,
    at: value("at") && new Date(value("at")).toISOString(),
    step_id: isBeside ? undefined : step,
    next: planned(),
  };
}

async function ask(path, body, key, tell = wrong) {
  try {
    const headers = { "content-type": "application/json", ...(key && { "idempotency-key": key }) };
    const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
    if (response.ok) {
      tell("");
      return await response.json();
    }
    tell(says("failed", (await response.json()).detail));
  } catch {
    tell(dialog.dataset.unreachable);
  }
  return null;
}

function wrong(sentence) {
  const place = document.querySelector("#log-wrong");
  place.textContent = sentence;
  place.hidden = !sentence;
}

function local(date) {
  const two = (number) => String(number).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

function key() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// The calendar.

document.querySelector("#feed-make").addEventListener("click", async (event) => {
  const body = { rep: live.dataset.rep, zone: zone || "UTC", language: document.documentElement.lang };
  const made = await ask("/v1/calendars", body, undefined, (why) => (document.querySelector("#feed-link").textContent = why));
  if (!made) return;
  event.target.hidden = true;
  const link = document.createElement("a");
  link.href = link.textContent = made.url;
  document.querySelector("#feed-link").replaceChildren(link);
  link.focus();
});

go(lines()[0]);
