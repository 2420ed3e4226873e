// A page that changes while you look: it follows the stream, fetches what changed, and lets heat fade in between.

import { heatAt } from "./heat.js";

const EVERY = 250; // ms between two refreshes, at least
const FADE = 2_000; // ms between two looks at the clock
const SOON = 1_200; // ms after which the ledger has what the stream told
const LONG = 30_000; // ms after which a board is put in order again, should nothing happen
const HALF_A_RING = 60; // as in phrases.py

const live = document.querySelector("#live");
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const ahead = Date.parse(live.dataset.now) - Date.now(); // the server's clock is the one that counts
const now = () => Date.now() + ahead;

const WORDS = {
  en: { live: "live", away: "reconnecting…", now: "now", just: "just now", days: "days", ago: "% ago", ahead: "in %", late: "% late", hot: "% is hot now" },
  es: { live: "en directo", away: "reconectando…", now: "ahora", just: "ahora mismo", days: "días", ago: "hace %", ahead: "en %", late: "% tarde", hot: "% está que arde" },
}[document.documentElement.lang];
const say = (name, what = "") => WORDS[name].replace("%", what);

// The stream.

let position = live.dataset.position;
let wasAway = false;

function follow() {
  const source = new EventSource(`/v1/stream?from=${encodeURIComponent(position)}`);
  source.onopen = () => {
    tell("live", say("live"));
    if (wasAway) refresh();
    wasAway = false;
  };
  source.onerror = () => {
    wasAway = true;
    tell("away", say("away"));
    if (source.readyState === EventSource.CLOSED) {
      refresh(); // leads to /enter when the key is no longer good
      setTimeout(follow, 2_000);
    }
  };
  source.addEventListener("change", (event) => {
    position = event.lastEventId;
    const { lead_id: lead, type } = JSON.parse(event.data);
    if (live.dataset.lead && live.dataset.lead !== lead) return;
    changed.set(lead, type.includes("went_hot") || changed.get(lead));
    refresh();
  });
  source.addEventListener("reset", (event) => {
    position = event.lastEventId;
    refresh();
  });
  addEventListener("pagehide", () => source.close());
}

function tell(state, words) {
  const pill = document.querySelector("#state");
  if (pill.dataset.state === state) return;
  pill.dataset.state = state;
  pill.querySelector("span").textContent = words;
}

// Refreshes, at most one in EVERY, and fewer where the server is slow; the swap itself is htmx's.

const changed = new Map(); // lead → has it just become hot?
let due = 0;
let last = 0;
let took = 0;
let later = 0;

function refresh() {
  if (due || document.hidden) return;
  due = setTimeout(fetchNow, Math.max(0, last + Math.max(EVERY, took) - Date.now()));
}

function fetchNow() {
  due = 0;
  last = Date.now();
  live.dispatchEvent(new Event("refresh"));
  if (live.dataset.lead) {
    clearTimeout(later);
    if (changed.size) later = setTimeout(refresh, SOON);
  }
}

document.addEventListener("visibilitychange", () => document.hidden || refresh());

// Lines glide to their new places; changed ones flash.

const places = new Map();
const lines = () => live.querySelectorAll(".line");

document.addEventListener("htmx:before:swap", () => {
  places.clear();
  for (const line of lines()) places.set(line.id, line.getBoundingClientRect().top);
});

document.addEventListener("htmx:after:swap", () => {
  took = Date.now() - last;
  for (const line of lines()) {
    move(line, places.get(line.id));
    if (changed.has(line.dataset.lead)) flash(line);
    if (changed.get(line.dataset.lead)) announce(say("hot", line.querySelector("h3 a").textContent));
  }
  if (live.dataset.lead) {
    if (changed.size) flash(live.querySelector("#lead"));
    drawCurve();
  }
  changed.clear();
  look();
});

function move(line, before) {
  if (calm.matches) return;
  const options = { duration: 420, easing: "cubic-bezier(.2, .8, .2, 1)" };
  if (before === undefined) {
    line.animate([{ opacity: 0, transform: "translateY(-10px)" }, { opacity: 1, transform: "none" }], options);
    return;
  }
  const by = before - line.getBoundingClientRect().top;
  if (by) line.animate([{ transform: `translateY(${by}px)` }, { transform: "none" }], options);
}

function flash(element) {
  const glow = getComputedStyle(element).getPropertyValue("--flash");
  element.animate([{ boxShadow: `inset 0 0 0 999px ${glow}` }, { boxShadow: "inset 0 0 0 999px transparent" }], {
    duration: calm.matches ? 600 : 1_600,
    easing: "ease-out",
  });
}

function announce(sentence) {
  document.querySelector("#news").textContent = sentence;
}

// Heat fades and times pass without any event.

function look() {
  for (const ember of live.querySelectorAll(".ember[data-heat]")) {
    const points = heatOf(ember);
    const number = ember.querySelector(".points");
    number.value = points;
    number.textContent = points.toFixed(1);
    const level = 100 * (1 - 2 ** (-points / HALF_A_RING));
    ember.querySelector(".arc").setAttribute("stroke-dasharray", `${level.toFixed(1)} 100`);
  }
  for (const time of live.querySelectorAll("time[data-say]")) {
    const at = Date.parse(time.dateTime);
    time.title = exact.format(at);
    time.textContent = SAY[time.dataset.say](at);
    if (time.dataset.say === "due") time.parentElement.classList.toggle("late", at < now());
  }
}

const heatOf = (ember) => heatAt(JSON.parse(ember.dataset.heat), now());

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const clock = new Intl.DateTimeFormat(document.documentElement.lang, { hour12: false, hour: "2-digit", minute: "2-digit" });
const SAY = {
  clock: (at) => clock.format(at),
  on: (at) => exact.format(at),
  ago: (at) => (now() - at < 45_000 ? say("just") : say("ago", long(now() - at))),
  due: (at) => {
    const left = at - now();
    if (Math.abs(left) < 45_000) return say("now");
    return left > 0 ? say("ahead", long(left)) : say("late", long(-left));
  },
};

function long(ms) {
  if (ms < 3_600_000) return `${Math.max(1, Math.round(ms / 60_000))} min`;
  if (ms < 48 * 3_600_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} ${say("days")}`;
}

// A lead's curve.

let plot = null;
let curve = null;

async function drawCurve() {
  const figure = document.querySelector("#curve");
  const response = await fetch(`/leads/${live.dataset.lead}/curve`, { headers: { accept: "application/json" } });
  if (!response.ok) return;
  curve = await response.json();
  const data = series(curve);
  if (plot) plot.setData(data);
  else plot = new uPlot(options(figure), data, figure);
  figure.setAttribute("aria-label", `Heat over time; ${heatOf(live.querySelector(".ember")).toFixed(1)} now`);
}

function series({ points, now }) {
  const turn = Date.parse(now) / 1_000;
  const times = points.map(({ at }) => Date.parse(at) / 1_000);
  const heat = points.map((point) => point.heat);
  const gone = times.filter((time) => time <= turn).length;
  return [
    times,
    heat.map((each, index) => (index < gone ? each : null)),
    heat.map((each, index) => (index >= gone - 1 ? each : null)),
  ];
}

function options(figure) {
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);
  const axis = { stroke: () => color("--quiet"), font: "12px system-ui", ticks: { show: false } };
  return {
    ...size(figure),
    legend: { show: false },
    padding: [12, 22, 0, 0],
    cursor: { y: false, points: { size: 8 } },
    scales: { y: { range: (_, low, high) => [0, Math.max(high * 1.12, (curve.bands.hot ?? 0) * 1.15)] } },
    axes: [
      { ...axis, size: 30, space: 80, grid: { show: false }, values: (_, times, __, ___, step) => times.map((time) => tick(time, step)) },
      { ...axis, size: 42, grid: { stroke: () => color("--line"), width: 1 } },
    ],
    series: [
      {},
      { stroke: () => color("--hot"), width: 2.5, fill: glow, points: { show: false } },
      { stroke: () => color("--hot"), width: 1.5, dash: [3, 5], points: { show: false } },
    ],
    hooks: {
      drawAxes: [(u) => thresholds(u, color)],
      setCursor: [(u) => read(u)],
    },
  };
}

function tick(seconds, step) {
  const at = new Date(seconds * 1_000);
  return step >= 86_400 || (at.getHours() === 0 && at.getMinutes() === 0) ? day.format(at) : clock.format(at);
}

function size(figure) {
  return { width: figure.clientWidth, height: Math.min(280, Math.max(200, figure.clientWidth * 0.42)) };
}

function glow(u) {
  const gradient = u.ctx.createLinearGradient(0, u.bbox.top, 0, u.bbox.top + u.bbox.height);
  gradient.addColorStop(0, "rgb(255 120 40 / 55%)");
  gradient.addColorStop(1, "rgb(255 170 60 / 4%)");
  return gradient;
}

function thresholds(u, color) {
  u.ctx.save();
  u.ctx.setLineDash([2 * devicePixelRatio, 4 * devicePixelRatio]);
  u.ctx.textAlign = "right";
  u.ctx.textBaseline = "bottom";
  u.ctx.font = `${11 * devicePixelRatio}px system-ui`;
  for (const [band, points] of Object.entries(curve.bands)) {
    const y = u.valToPos(points, "y", true);
    u.ctx.strokeStyle = u.ctx.fillStyle = color(`--${band}`);
    u.ctx.beginPath();
    u.ctx.moveTo(u.bbox.left, y);
    u.ctx.lineTo(u.bbox.left + u.bbox.width, y);
    u.ctx.stroke();
    u.ctx.fillText(band, u.bbox.left + u.bbox.width, y - 3 * devicePixelRatio);
  }
  u.ctx.restore();
}

function read(u) {
  const reading = document.querySelector("#curve-reading");
  const index = u.cursor.idx;
  if (index == null || u.cursor.left < 0) {
    reading.textContent = "dashed: if nothing more happens";
    return;
  }
  reading.textContent = `${(u.data[1][index] ?? u.data[2][index]).toFixed(1)} · ${exact.format(u.data[0][index] * 1_000)}`;
}

if (live.dataset.lead) {
  drawCurve();
  new ResizeObserver(([entry]) => plot?.setSize(size(entry.target))).observe(document.querySelector("#curve"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot?.redraw());
}

look();
follow();
setInterval(look, FADE);
setInterval(refresh, LONG);
