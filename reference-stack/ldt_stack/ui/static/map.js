// The city from its own geometry (no tile server), and the stations on it, coloured by their newest value.

const RAMP = { light: ["#9fc5e8", "#0b5cad", "#4a0d3f"], dark: ["#29557c", "#6db3f5", "#ffd3b0"] };
const dark = window.matchMedia("(prefers-color-scheme: dark)");

function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  return {
    ground: of("--ground"), street: of("--street"), building: of("--building"), water: of("--water"), park: of("--park"),
    ink: of("--ink"), panel: of("--panel"), ramp: RAMP[dark.matches ? "dark" : "light"],
  };
}

function baseStyle(layers) {
  const c = colours();
  const sources = { stations: { type: "geojson", data: { type: "FeatureCollection", features: [] }, promoteId: "id" } };
  const drawn = [{ id: "ground", type: "background", paint: { "background-color": c.ground } }];
  const fill = (id, colour) => drawn.push({ id, type: "fill", source: id, paint: { "fill-color": colour } });
  for (const [name, data] of Object.entries(layers)) sources[name] = { type: "geojson", data };
  if (layers.water) fill("water", c.water);
  if (layers.parks) fill("parks", c.park);
  if (layers.buildings) fill("buildings", c.building);
  if (layers.streets) {
    drawn.push({
      id: "streets", type: "line", source: "streets", layout: { "line-cap": "round", "line-join": "round" },
      paint: { "line-color": c.street, "line-width": ["interpolate", ["linear"], ["zoom"], 13, 1, 17, 5] },
    });
  }
  drawn.push({
    id: "stations", type: "circle", source: "stations",
    paint: {
      "circle-radius": ["case", ["boolean", ["feature-state", "chosen"], false], 13, 9],
      "circle-color": ["interpolate", ["linear"], ["get", "share"], 0, c.ramp[0], 0.5, c.ramp[1], 1, c.ramp[2]],
      "circle-stroke-color": ["case", ["boolean", ["feature-state", "chosen"], false], c.ink, c.panel],
      "circle-stroke-width": 2.5,
    },
  });
  return { version: 8, sources, layers: drawn };
}

export class CityMap {
  constructor(element, bounds, layers, onChoose) {
    this.layers = layers;
    this.features = { type: "FeatureCollection", features: [] };
    this.map = new maplibregl.Map({
      container: element, style: baseStyle(layers), bounds, fitBoundsOptions: { padding: 24 }, attributionControl: false,
      maxBounds: [[bounds[0][0] - 0.02, bounds[0][1] - 0.01], [bounds[1][0] + 0.02, bounds[1][1] + 0.01]],
    });
    this.map.addControl(new maplibregl.NavigationControl({ showCompass: false }));
    this.map.getCanvas().setAttribute("aria-label", "Map of the city with its stations; the list beside it has the same stations");
    this.popup = new maplibregl.Popup({ closeButton: false, closeOnClick: false, offset: 14 });
    this.map.on("click", "stations", (event) => onChoose(event.features[0].properties.id));
    this.map.on("mousemove", "stations", (event) => this.hover(event.features[0]));
    this.map.on("mouseleave", "stations", () => { this.map.getCanvas().style.cursor = ""; this.popup.remove(); });
    dark.addEventListener("change", () => {
      this.map.setStyle(baseStyle(this.layers), { diff: false });
      this.map.once("styledata", () => { this.draw(); this.choose(this.chosen); });
    });
    this.ready = new Promise((resolve) => this.map.once("load", resolve));
  }

  hover(feature) {
    this.map.getCanvas().style.cursor = "pointer";
    const box = document.createElement("div");
    box.textContent = `${feature.properties.name}: ${feature.properties.text}`;
    this.popup.setLngLat(feature.geometry.coordinates).setDOMContent(box).addTo(this.map);
  }

  show(stations, range) {
    const [low, high] = range;
    const share = (value) => (high > low ? Math.min(1, Math.max(0, (value - low) / (high - low))) : 0.5);
    this.features.features = stations.filter((station) => station.location && station.value !== null).map((station) => ({
      type: "Feature", geometry: { type: "Point", coordinates: station.location },
      properties: { id: station.id, name: station.name, text: station.text, share: share(station.value) },
    }));
    this.draw();
  }

  draw() { this.map.getSource("stations")?.setData(this.features); }

  choose(id) {
    if (this.chosen) this.map.setFeatureState({ source: "stations", id: this.chosen }, { chosen: false });
    this.chosen = id;
    if (id) this.map.setFeatureState({ source: "stations", id }, { chosen: true });
  }

  ramp() { return `linear-gradient(to right, ${colours().ramp.join(", ")})`; }
}
