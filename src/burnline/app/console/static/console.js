"use strict";
// One event stream keeps the page live: each tick makes htmx re-fetch the parts and the charts their samples.

const live = document.getElementById("live");
const stream = new EventSource("/events");
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const LINES = ["--accent", "--link", "--unknown", "--risk"];
const plots = [];

stream.addEventListener("tick", () => {
  live.textContent = "live";
  live.classList.add("on");
  if (!typing()) document.body.dispatchEvent(new Event("tick"));
  plots.forEach((plot) => plot.refresh());
});
stream.onerror = () => {
  live.textContent = "reconnecting";
  live.classList.remove("on");
};
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plots.forEach((plot) => plot.draw()));
addEventListener("resize", () => plots.forEach((plot) => plot.resize()));

document.querySelectorAll("[data-history]").forEach((element) => {
  const plot = new Plot(element);
  plots.push(plot);
  plot.refresh();
});

// A form that is being filled in must not be replaced under the person's hands.
function typing() {
  const at = document.activeElement;
  return Boolean(at && at.closest("form"));
}

function Plot(element) {
  let chart = null;
  let history = null;
  let busy = false;

  this.refresh = async () => {
    if (busy) return;
    busy = true;
    try {
      const answer = await fetch(element.dataset.history);
      if (!answer.ok) return;
      history = await answer.json();
      if (chart) chart.setData(data());
      else this.draw();
    } finally {
      busy = false;
    }
  };
  this.draw = () => {
    if (!history) return;
    if (chart) chart.destroy();
    chart = new uPlot(options(), data(), element);
    element.dataset.ready = "1";
  };
  this.resize = () => chart && chart.setSize(size());

  const size = () => ({ width: element.clientWidth, height: 180 });
  const data = () => element.dataset.plot === "burn"
    ? [history.at, ...history.burns.map((burn) => burn.rate)]
    : [history.at, history.budget_remaining];
  const options = () => ({
    ...size(),
    title: undefined,
    cursor: { drag: { x: true, y: false } },
    scales: { x: { time: true }, y: { range: range } },
    axes: [
      { ...axis(), values: [[86400, "{YYYY}-{MM}-{DD}"], [60, "{HH}:{mm}"], [1, "{HH}:{mm}:{ss}"]].map(([step, form]) => [step, form, null, null, null, null, null, null, 1]) },
      { ...axis(), size: 56, values: (_, ticks) => ticks.map(label) },
    ],
    series: [{ value: "{YYYY}-{MM}-{DD} {HH}:{mm}:{ss}" }, ...lines()],
    hooks: { draw: [thresholds] },
  });
  const axis = () => ({ stroke: color("--quiet"), grid: { stroke: color("--line"), width: 1 }, ticks: { stroke: color("--line") } });
  const lines = () => element.dataset.plot === "burn"
    ? history.burns.map((burn, n) => line(`burn over ${burn.window}`, LINES[n % LINES.length]))
    : [line("budget left", "--ok")];
  const line = (name, stroke) => ({ label: name, stroke: color(stroke), width: 1.6, spanGaps: false, points: { show: false }, value: (_, value) => (value == null ? "–" : label(value)) });
  const label = (value) => (element.dataset.plot === "burn" ? `${+value.toPrecision(3)}×` : `${+(value * 100).toPrecision(4)}%`);
  const range = (_, low, high) => element.dataset.plot === "burn"
    ? [0, Math.max(high || 0, 1) * 1.15]
    : [Math.min(low ?? 0, 0.99 * (low ?? 0)), Math.max(1, high ?? 1)];
  // Dashed lines where each tier fires, as far as they are in view; for the budget, where it is spent.
  function thresholds(plot) {
    const marks = element.dataset.plot === "burn" ? history.burns.map((burn, n) => [burn.factor, LINES[n % LINES.length]]) : [[0, "--breach"]];
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.setLineDash([5, 5]);
    for (const [value, stroke] of marks) {
      const y = plot.valToPos(value, "y", true);
      if (y < bbox.top || y > bbox.top + bbox.height) continue;
      ctx.strokeStyle = color(stroke);
      ctx.globalAlpha = 0.7;
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
    }
    ctx.restore();
  }
}
