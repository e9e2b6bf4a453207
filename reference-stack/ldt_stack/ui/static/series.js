// Observed and forecast on one time axis, told apart by colour, by dash and by the band of the quantiles.

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const hour = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { weekday: "short", hour: "2-digit", minute: "2-digit" });

const MINUTE = 60_000;
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440].map((minutes) => minutes * MINUTE);

// Ticks at round clock times, six or seven of them.
function clockTicks(axis) {
  const step = STEPS.find((length) => (axis.max - axis.min) / length <= 7) ?? STEPS.at(-1);
  const zone = new Date(axis.min).getTimezoneOffset() * MINUTE;
  const first = Math.ceil((axis.min - zone) / step) * step + zone;
  axis.ticks = [];
  for (let value = first; value <= axis.max; value += step) axis.ticks.push({ value });
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const points = (rows, column) => rows.map((row) => ({ x: Date.parse(row[0]), y: row[column] }));

export class SeriesChart {
  constructor(canvas) {
    this.canvas = canvas;
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    this.chart = new Chart(canvas, {
      type: "line",
      data: { datasets: [] },
      options: {
        animation: false, maintainAspectRatio: false, parsing: false, normalized: true,
        interaction: { mode: "nearest", axis: "x", intersect: false },
        elements: { point: { radius: 0, hitRadius: 8 } },
        plugins: {
          legend: { display: false },
          tooltip: {
            filter: (item) => item.dataset.label !== null,
            callbacks: { title: (items) => (items.length ? day.format(items[0].parsed.x) : "") },
          },
        },
        scales: {
          x: { type: "linear", afterBuildTicks: clockTicks, ticks: { maxRotation: 0, callback: (value) => hour.format(value) }, grid: {} },
          y: { beginAtZero: true, title: { display: true, text: "" }, grid: {} },
        },
      },
    });
    dark.addEventListener("change", () => this.last && this.show(...this.last));
  }

  show(name, unit, observed, forecast) {
    this.last = [name, unit, observed, forecast];
    const quiet = colour("--quiet");
    const line = (label, data, options) => ({ label, data, borderWidth: 2, tension: 0.15, ...options });
    this.chart.data.datasets = [
      line("observed", points(observed, 1), { borderColor: colour("--observed"), backgroundColor: colour("--observed") }),
      line("forecast", points(forecast, 2), { borderColor: colour("--forecast"), backgroundColor: colour("--forecast"), borderDash: [6, 4] }),
      line(null, points(forecast, 1), { borderWidth: 0, pointHitRadius: 0 }),
      line(null, points(forecast, 3), { borderWidth: 0, pointHitRadius: 0, backgroundColor: colour("--band"), fill: "-1" }),
    ];
    const { x, y } = this.chart.options.scales;
    for (const axis of [x, y]) { axis.ticks.color = quiet; axis.grid.color = colour("--line"); }
    y.title.text = unit;
    y.title.color = quiet;
    this.chart.update();
    this.canvas.setAttribute("aria-label", describe(name, unit, observed, forecast));
  }
}

function describe(name, unit, observed, forecast) {
  const last = observed.at(-1);
  const next = forecast[0];
  const seen = last ? `${observed.length} observed values, the newest ${format(last[1])} ${unit} at ${day.format(Date.parse(last[0]))}` : "no observed value";
  const ahead = next ? `${forecast.length} forecast values, the first ${format(next[2])} ${unit} for ${day.format(Date.parse(next[0]))}` : "no forecast";
  return `${name}: ${seen}; ${ahead}.`;
}

export const format = (value) => (value === null || value === undefined ? "–" : Number(value).toLocaleString("en-GB", { maximumFractionDigits: Math.abs(value) < 100 ? 1 : 0 }));
export const moment = (iso) => day.format(Date.parse(iso));
