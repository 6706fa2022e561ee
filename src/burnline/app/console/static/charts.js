"use strict";
// Burn rate and budget of each SLO, drawn with uPlot from /v1/services/.../history. Colours come from the style sheet.

const HEIGHT = 168;
const PLOT_HEIGHT = 120; // what its axis of time leaves
const charts = new Map(); // by section
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const times = (value) => `${+value.toPrecision(3)}×`;
const share = (value) => `${+(value * 100).toPrecision(4)}%`;
const known = (values) => values.filter((value) => value !== null);

function findCharts() {
  for (const section of document.querySelectorAll("[data-history]")) {
    if (!charts.has(section)) charts.set(section, newChart(section));
  }
  refreshCharts();
}

function refreshCharts() {
  for (const [section, chart] of charts) section.isConnected ? chart.refresh() : charts.delete(section);
}

function newChart(section) {
  let history = null;
  let plots = [];
  let due = 0; // when a new point can be there, on the clock of performance.now()

  async function refresh() {
    if (performance.now() < due) return;
    due = Infinity;
    let wait = 1000;
    try {
      const answer = await fetch(section.dataset.history);
      if (!answer.ok) return;
      history = await answer.json();
      wait = 900 * (history.at[1] - history.at[0] || 1);
      if (plots.length && watched()) plots.forEach((plot) => plot.setData(series(plot.root.parentElement.dataset.plot)));
      else draw();
    } catch {
      // the page says by itself that it is not live
    } finally {
      due = performance.now() + wait;
    }
  }

  function draw() {
    if (!history) return;
    plots.forEach((plot) => plot.destroy());
    plots = [];
    const places = [...section.querySelectorAll("[data-plot]")];
    if (!watched()) return places.forEach(sayNothing);
    plots = places.map((element) => {
      element.replaceChildren();
      const kind = element.dataset.plot;
      const plot = new uPlot(kind === "burn" ? burnOptions(element) : budgetOptions(element), series(kind), element);
      element.dataset.ready = "1";
      return plot;
    });
  }

  const watched = () => history.known.includes(true);

  // An empty frame would look like a quiet service: where nothing was watched, words stand in the chart's place.
  function sayNothing(element) {
    const said = document.createElement("p");
    said.append(`No data in this time: nothing to draw. ${element.dataset.plot === "burn" ? section.dataset.awaited : ""}`);
    element.replaceChildren(said);
    element.dataset.ready = "1";
  }

  // What lies before the first sample was not watched yet: no chart needs room for it.
  const firstKnown = () => history.at[Math.max(0, history.known.indexOf(true) - 1)];

  // A line breaks while the SLO is unknown, although its windows still hold events: no data is not health.
  const series = (kind) => {
    const lines = kind === "burn" ? history.burns.map((burn) => burn.rate) : [history.budget_remaining];
    return [history.at, ...lines.map((line) => line.map((value, n) => (history.known[n] ? value : null)))];
  };

  // The square root keeps both a burn of 1× and one of 100× readable; grid lines stand where tiers fire.
  const burnOptions = (element) => {
    const factors = history.burns.map((burn) => burn.factor).sort((a, b) => a - b);
    const highest = factors.at(-1) ?? 1;
    return options(element, times, {
      scale: { distr: 100, fwd: Math.sqrt, bwd: (root) => root * root, range: (_, low, high) => [0, Math.max(highest, high ?? 0) * 1.2] },
      splits: (plot, _, low, top) => {
        const high = Math.max(0, ...known(plot.data.slice(1).flat()));
        return apart([0, ...(high > 2 * highest ? [high] : []), ...[...factors].reverse()], (value) => Math.sqrt(value / top) * PLOT_HEIGHT);
      },
      lines: history.burns.map((burn) => [`over ${burn.window}`, burn.hue]),
      dashes: history.burns.map((burn) => [burn.factor, burn.hue, burn.tier]),
    });
  };

  // Zoomed in to the nearest of 99 to 100 %, 90 to 100 %, 0 to 100 % that shows all of it.
  const budgetOptions = (element) =>
    options(element, share, {
      scale: {
        range: (_, low, high) => {
          const spent = 1 - (low ?? 1);
          const floor = spent > 1 ? low * 1.1 : 1 - 10 ** Math.ceil(Math.log10(Math.max(spent, 0.01)));
          return [Math.min(floor, 0.99), Math.max(1, high ?? 1) + (1 - floor) * 0.06];
        },
      },
      lines: [["left", "ok"]],
      dashes: [[0, "breached", "spent"]],
    });

  // Of values, the first first, those that leave room for their words on an axis.
  function apart(values, place) {
    const kept = [];
    for (const value of values) if (kept.every((other) => Math.abs(place(other) - place(value)) >= 12)) kept.push(value);
    return kept.sort((a, b) => a - b);
  }

  function options(element, label, { scale, splits, lines, dashes }) {
    const axis = { stroke: color("quiet"), grid: { stroke: color("line"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    return {
      width: element.clientWidth,
      height: HEIGHT,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, y: false, sync: { key: "time" }, points: { size: 6 } },
      scales: { x: { time: true, range: () => [firstKnown(), history.at.at(-1)] }, y: scale },
      axes: [
        { ...axis, size: (_, ticks) => (ticks?.some((tick) => tick.includes("\n")) ? 40 : 26), space: 70, values: [[86400, "{MM}-{DD}", null, null, null, null, null, null, 1], [3600, "{HH}:{mm}", "\n{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1], [60, "{HH}:{mm}", null, null, null, null, null, null, 1], [1, "{HH}:{mm}:{ss}", null, null, null, null, null, null, 1]] },
        { ...axis, size: 48, space: 24, filter: (_, ticks) => ticks, values: (_, ticks) => ticks.map(label), ...(splits ? { splits } : {}) },
      ],
      series: [{}, ...lines.map(([name, stroke]) => ({ label: name, stroke: color(stroke), width: 1.5, spanGaps: false, points: { show: true, size: 6, fill: color(stroke), filter: lonely } }))],
      hooks: { drawClear: [drawBehind], draw: [(plot) => drawOver(plot, dashes)], setCursor: [(plot) => tell(plot, label)] },
    };
  }

  // No line leads to a value without neighbours, such as the first of a young SLO: it is a point.
  function lonely(plot, line) {
    const values = plot.data[line];
    return [...values.keys()].filter((n) => values[n] !== null && (values[n - 1] ?? null) === null && (values[n + 1] ?? null) === null);
  }

  // Behind the lines: where there was no data, and while an incident was open.
  function drawBehind(plot) {
    const { ctx, bbox } = plot;
    ctx.textBaseline = "alphabetic";
    ctx.textAlign = "left";
    const fill = (from, to, name, alpha, text) => {
      const left = Math.max(plot.valToPos(from, "x", true), bbox.left);
      const right = Math.min(plot.valToPos(to, "x", true), bbox.left + bbox.width);
      if (right <= left) return;
      ctx.fillStyle = color(name);
      ctx.globalAlpha = alpha;
      ctx.fillRect(left, bbox.top, right - left, bbox.height);
      ctx.globalAlpha = 1;
      ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
      if (text && right - left > ctx.measureText(text).width + 8) ctx.fillText(text, left + 4 * devicePixelRatio, bbox.top + bbox.height - 5 * devicePixelRatio);
    };
    ctx.save();
    const now = plot.data[0].at(-1);
    for (const [from, to] of gaps()) fill(from, to, "unknown", 0.1, "no data");
    for (const [from, to] of JSON.parse(section.dataset.incidents)) fill(from, to ?? now, "breached", 0.1);
    ctx.restore();
  }

  // Over them: where tiers fire, and when the version changed.
  function drawOver(plot, dashes) {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    const line = (x0, y0, x1, y1) => {
      ctx.beginPath();
      ctx.moveTo(x0, y0);
      ctx.lineTo(x1, y1);
      ctx.stroke();
    };
    ctx.save();
    ctx.lineWidth = ratio;
    ctx.font = `${10 * ratio}px system-ui, sans-serif`;
    ctx.textBaseline = "alphabetic";
    ctx.textAlign = "left";
    const levels = dashes.map(([value, name, text]) => ({ y: plot.valToPos(value, "y", true), name, text })).filter(({ y }) => y >= bbox.top && y <= bbox.top + bbox.height);
    ctx.setLineDash([5 * ratio, 4 * ratio]);
    for (const { y, name } of levels) {
      ctx.strokeStyle = color(name);
      line(bbox.left, y, bbox.left + bbox.width, y);
    }
    // A name stands above its line, further right where it would lie upon another; its halo covers lines close by.
    ctx.setLineDash([]);
    ctx.lineJoin = "round";
    const placed = [];
    for (const { y, name, text } of levels) {
      const box = { left: bbox.left + 4 * ratio, y, width: ctx.measureText(text).width + 6 * ratio };
      for (const other of placed) if (Math.abs(other.y - y) < 11 * ratio && box.left < other.left + other.width) box.left = other.left + other.width;
      placed.push(box);
      ctx.lineWidth = 3 * ratio;
      ctx.strokeStyle = color("paper");
      ctx.strokeText(text, box.left, y - 3 * ratio);
      ctx.fillStyle = color(name);
      ctx.fillText(text, box.left, y - 3 * ratio);
    }
    ctx.lineWidth = ratio;
    ctx.setLineDash([2 * ratio, 2 * ratio]);
    ctx.strokeStyle = ctx.fillStyle = color("ink");
    for (const [n, [at, version]] of JSON.parse(section.dataset.releases).entries()) {
      const x = plot.valToPos(at, "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      line(x, bbox.top, x, bbox.top + bbox.height);
      if (plot.series.length === 2) continue; // the word stands in the chart beside it
      ctx.textAlign = x > bbox.left + bbox.width / 2 ? "right" : "left";
      ctx.fillText(`version ${version}`, x + (ctx.textAlign === "right" ? -4 : 4) * ratio, bbox.top + (9 + 11 * (n % 2)) * ratio);
    }
    ctx.restore();
  }

  function tell(plot, label) {
    const n = plot.cursor.idx;
    const note = plot.root.closest("figure").querySelector("[data-note]");
    note.dataset.about ??= note.textContent;
    if (n === null || n === undefined) return void (note.textContent = note.dataset.about);
    const at = new Date(plot.data[0][n] * 1000).toISOString().slice(11, 19);
    const values = plot.series.slice(1).map((line, k) => `${label === times ? `${line.label} ` : ""}${plot.data[k + 1][n] === null ? "no data" : label(plot.data[k + 1][n])}`);
    note.textContent = `${at} UTC: ${values.join(", ")}`;
  }

  new ResizeObserver(() => plots.forEach((plot) => plot.setSize({ width: plot.root.parentElement.clientWidth, height: HEIGHT }))).observe(section);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

  function gaps() {
    const found = [];
    history.known.forEach((known, n) => {
      if (known) return;
      const from = history.at[Math.max(0, n - 1)];
      if (found.at(-1)?.[1] === from) found.at(-1)[1] = history.at[n];
      else found.push([from, history.at[n]]);
    });
    return found;
  }

  return { refresh };
}
