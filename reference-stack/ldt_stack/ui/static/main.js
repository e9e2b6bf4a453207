// Wires the parts: themes, stations, map, chart; asks for the newest values again every few seconds.

import * as api from "./api.js";
import { CityMap } from "./map.js";
import { SeriesChart, format, moment } from "./series.js";

const by = (id) => document.getElementById(id);
const state = { config: null, theme: null, stations: [], chosen: null, map: null, chart: null };

function element(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  if (text !== null) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function write(node, text) { if (node.textContent !== text) node.textContent = text; }  // the same again is not announced again

function say(text) { write(by("live"), text); }

// Entries that were there stay the same nodes, so that whoever has the focus keeps it when the values are renewed.
function renew(box, entries, make, update) {
  const known = new Map([...box.children].map((node) => [node.dataset.key, node]));
  const nodes = entries.map((entry) => {
    const node = known.get(entry.key) ?? make(entry);
    node.dataset.key = entry.key;
    update(node, entry);
    return node;
  });
  if (nodes.length !== box.children.length || nodes.some((node, place) => node !== box.children[place])) box.replaceChildren(...nodes);
}

function drawThemes() {
  const make = (theme) => {
    const button = element("button", theme.label, { type: "button" });
    button.addEventListener("click", () => chooseTheme(theme));
    return button;
  };
  renew(by("themes"), state.config.themes, make, (button, theme) => {
    button.setAttribute("aria-pressed", String(theme.key === state.theme.key));
  });
}

function drawStations() {
  by("stations-title").textContent = `${state.theme.label}: ${state.stations.length} stations`;
  const make = (station) => {
    const button = element("button", null, { type: "button" });
    button.append(element("span", station.name), element("span", "", { class: "value" }));
    button.addEventListener("click", () => chooseStation(station.id));
    const entry = element("li", null);
    entry.append(button);
    return entry;
  };
  renew(by("stations"), state.stations.map((station) => ({ ...station, key: station.id })), make, (entry, station) => {
    entry.firstChild.setAttribute("aria-current", String(station.id === state.chosen));
    write(entry.querySelector(".value"), station.text);
  });
}

function drawLegend(range) {
  const ramp = element("span", "", { class: "ramp" });
  ramp.style.background = state.map.ramp();
  by("legend").replaceChildren(`${state.theme.measure}: ${format(range[0])}`, ramp, `${format(range[1])} ${state.theme.unit}`);
}

function drawOnMap() {
  if (!state.map) return;
  const values = state.stations.map((station) => station.value).filter((value) => value !== null);
  const range = values.length ? [Math.min(...values), Math.max(...values)] : [0, 0];
  state.map.show(state.stations, range);
  drawLegend(range);
}

async function refresh() {
  const theme = state.theme;
  try {
    const answer = await api.now(theme.key);
    if (theme !== state.theme) return;
    state.stations = answer.stations.map((station) => ({ ...station, text: `${format(station.value)} ${theme.unit}` }));
    drawOnMap();
    drawStations();
    const newest = answer.newest ? `newest observation ${moment(answer.newest)}` : "no observation yet";
    say(`${state.stations.length} stations live, ${newest}`);
  } catch (error) {
    say(`The twin does not answer: ${error.message}`);
  }
}

function drawRows(observed, forecast) {
  const row = (time, kind, value, band) => {
    const made = element("tr", null);
    made.append(element("td", moment(time)), element("td", kind), element("td", format(value)), element("td", band));
    return made;
  };
  const ahead = forecast.map(([time, low, middle, high]) => row(time, "forecast", middle, `${format(low)} to ${format(high)}`)).reverse();
  const seen = observed.map(([time, value]) => row(time, "observed", value, "")).reverse();
  by("rows").replaceChildren(...ahead, ...seen);
}

async function chooseStation(id) {
  state.chosen = id;
  state.map?.choose(id);
  const station = state.stations.find((entry) => entry.id === id);
  write(by("station-name"), station ? station.name : id);
  drawStations();
  try {
    const found = await api.series(state.theme.key, id);
    if (state.chosen !== id) return;
    write(by("station-facts"), `${state.theme.measure}, ${id}`);
    state.chart.show(station ? station.name : id, state.theme.unit, found.observed, found.forecast);
    drawRows(found.observed, found.forecast);
    write(by("model"), found.issued
      ? `Forecast by ${found.model}, issued ${moment(found.issued)}.` : "No forecast for this station.");
  } catch (error) {
    by("station-facts").textContent = `No series: ${error.message}`;
  }
}

async function chooseTheme(theme) {
  state.theme = theme;
  state.chosen = null;
  state.map?.choose(null);
  drawThemes();
  await refresh();
  if (state.stations.length) await chooseStation(state.stations[0].id);
}

async function drawMap() {
  const names = state.config.layers;
  const loaded = await Promise.all(names.map((name) => api.geometry(name)));
  const layers = Object.fromEntries(names.map((name, index) => [name, loaded[index]]));
  const map = new CityMap("map", state.config.bounds, layers, chooseStation);
  await map.ready;
  state.map = map;
  drawOnMap();
  map.choose(state.chosen);
}

async function start() {
  state.config = await api.config();
  document.title = `${state.config.city}: living twin`;
  by("city").textContent = `${state.config.city}: living twin`;
  by("attribution").textContent = state.config.attribution;
  state.chart = new SeriesChart(by("chart"));
  state.theme = state.config.themes[0];
  const map = drawMap().catch((error) => {
    by("legend").textContent = `The map cannot be drawn here (${error.message}); the list beside it has the same stations.`;
  });
  await chooseTheme(state.theme);
  await map;
  setInterval(async () => { await refresh(); if (state.chosen) await chooseStation(state.chosen); }, 1000 * state.config.refresh_seconds);
  document.body.dataset.ready = "true";
}

start().catch((error) => say(`The page could not start: ${error.message}`));
