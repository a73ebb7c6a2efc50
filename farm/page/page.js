"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const SVG = "http://www.w3.org/2000/svg";
  const make = (parent, name, attributes = {}, text) => {
    const made = parent.namespaceURI === SVG || name === "svg" ? document.createElementNS(SVG, name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    parent.append(made);
    return made;
  };
  const clock = (seconds) => {
    if (seconds < 60) return `${seconds < 10 ? +seconds.toFixed(2) : seconds.toFixed(1)} s`;
    const all = Math.round(seconds), pad = (n) => String(n).padStart(2, "0");
    const h = Math.floor(all / 3600), m = Math.floor(all / 60) % 60, s = all % 60;
    return h ? `${h}:${pad(m)}:${pad(s)}` : `${m}:${pad(s)}`;
  };
  const short = (value) => {
    const size = Math.abs(value);
    if (size >= 1e8 || (size && size < 1e-3)) return value.toExponential(2);
    return size >= 1e4 ? value.toFixed(0) : String(+value.toPrecision(4));
  };
  const ticks = (most, number) => {
    const raw = most / number, power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= raw);
    return Array.from({ length: Math.floor(most / step) + 1 }, (_, at) => at * step);
  };

  // Charts are drawn at the width that they have, so that their text stays readable.
  const charts = [];
  const chart = (id, draw) => {
    const place = document.getElementById(id);
    if (place) charts.push(() => { place.replaceChildren(); draw(place, Math.max(200, place.clientWidth)); });
  };
  const timeAxis = (svg, left, width, y, seconds) => {
    for (const at of ticks(seconds, Math.max(2, Math.floor(width / 90)))) {
      const x = left + at / seconds * width;
      if (x > left + width - 16) continue;
      make(svg, "path", { class: "p-axis", d: `M${x.toFixed(1)} ${y}v4` });
      make(svg, "text", { x: x.toFixed(1), y: y + 16, "text-anchor": at ? "middle" : "start" }, clock(at));
    }
  };

  chart("timeline", (place, width) => {
    const { lines, bins, seconds, more } = data.timeline;
    if (!lines.length) return make(place, "p", { class: "none" }, "Nothing has run yet.");
    const left = Math.min(110, 14 + 7 * Math.max(...lines.map((line) => line[0].length)));
    const step = lines.length > 60 ? 8 : lines.length > 24 ? 11 : 16, gap = step > 8 ? 2 : 1;
    const svg = make(place, "svg", { height: lines.length * step + 24, viewBox: `0 0 ${width} ${lines.length * step + 24}` });
    const unit = (width - left - 2) / bins, paths = { a: "", b: "", r: "", l: "", f: "" };
    let idle = "", shown = "";
    lines.forEach((line, row) => {
      const y = row * step;
      idle += `M${left} ${y}H${width - 2}v${step - gap}H${left}z`;
      let at = 0;
      for (const [, letter, count] of line[2].matchAll(/([a-z_])(\d+)/g)) {
        if (letter !== "_") paths[letter] += `M${(left + at * unit).toFixed(1)} ${y}h${Math.max(1, count * unit - (count > 2 ? 0.6 : 0)).toFixed(1)}v${step - gap}H${(left + at * unit).toFixed(1)}z`;
        at += +count;
      }
      if (line[0] !== shown) { shown = line[0]; make(svg, "text", { x: 0, y: y + Math.min(12, step) }, shown.slice(0, 14)); }
    });
    make(svg, "path", { class: "p-idle", d: idle });
    for (const [letter, d] of Object.entries(paths)) if (d) make(svg, "path", { class: `p-${letter}`, d });
    timeAxis(svg, left, width - left - 2, lines.length * step, seconds);
    const said = document.getElementById("timeline-said"), usual = more ? `and ${more} more workers` : "\u00a0";
    said.textContent = usual;
    svg.addEventListener("pointerleave", () => { said.textContent = usual; });
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect(), line = lines[Math.floor((event.clientY - box.top) / step)];
      const at = (event.clientX - box.left - left) / (width - left - 2) * seconds;
      if (!line || at < 0) { said.textContent = usual; return; }
      const table = data.table, worker = table.workers.indexOf(line[0]);
      const found = table.start.findIndex((start, row) => table.worker[row] === worker && (!line[1] || table.slot[row] === line[1]) && start <= at && at <= start + Math.max(table.wall[row], seconds / bins));
      said.textContent = `${line[0]}${line[1] ? ` slot ${line[1]}` : ""}, at ${clock(at)}` + (found < 0 ? "" : `: ${table.task[found]}.${table.attempt[found]} ${table.states[table.state[found]]}, ${clock(table.wall[found])}`);
    });
  });

  const bars = (place, width, counts, axis) => {
    const height = 150, left = 44, most = Math.max(...counts) || 1;
    const svg = make(place, "svg", { height: height + 24, viewBox: `0 0 ${width} ${height + 24}` });
    for (const each of ticks(most, 4)) {
      const y = (height - each / most * (height - 8)).toFixed(1);
      make(svg, "path", { class: "p-axis", d: `M${left} ${y}H${width}` });
      make(svg, "text", { x: left - 6, y: +y + 4, "text-anchor": "end" }, each >= 1000 ? `${short(each / 1000)}k` : short(each));
    }
    const unit = (width - left) / counts.length;
    let d = "";
    counts.forEach((each, at) => {
      if (each) d += `M${(left + at * unit + 0.5).toFixed(1)} ${height}V${(height - each / most * (height - 8)).toFixed(1)}h${Math.max(1, unit - 1).toFixed(1)}V${height}z`;
    });
    make(svg, "path", { class: "p-a", d });
    axis(svg, left, width - left, height);
  };
  chart("rate", (place, width) => bars(place, width, data.rate, (svg, left, wide, y) => timeAxis(svg, left, wide, y, data.timeline.seconds)));
  chart("durations", (place, width) => bars(place, width, data.durations.counts, (svg, left, wide, y) => {
    const edges = data.durations.edges, every = Math.ceil(edges.length / Math.max(2, Math.floor(wide / 80)));
    for (let at = 0; at < edges.length - 1; at += every)
      make(svg, "text", { x: (left + at / (edges.length - 1) * wide).toFixed(1), y: y + 16, "text-anchor": at ? "middle" : "start" }, clock(edges[at]));
  }));

  const features = document.getElementById("features");
  for (const each of data.features) {
    const figure = make(features, "figure");
    const caption = make(figure, "figcaption", {}, each.name);
    if (each.unit) make(caption, "span", {}, ` ${each.unit}`);
    const svg = make(figure, "svg", { viewBox: "0 0 200 60", preserveAspectRatio: "none", height: 60, width: "100%", role: "img", "aria-label": each.name });
    const most = Math.max(1, ...each.run, ...(each.table ?? [])), unit = 200 / each.run.length;
    const y = (count) => (58 - count / most * 56).toFixed(1);
    if (each.table) make(svg, "path", { class: "p-before", d: "M0 58" + each.table.map((count, at) => `V${y(count)}H${((at + 1) * unit).toFixed(1)}`).join("") + "V58z" });
    make(svg, "path", { class: "p-after", "vector-effect": "non-scaling-stroke", d: "M0 58" + each.run.map((count, at) => `V${y(count)}H${((at + 1) * unit).toFixed(1)}`).join("") + "V58" });
    const ends = make(figure, "div", { class: "ends" });
    make(ends, "span", {}, short(each.low));
    make(ends, "span", {}, short(each.high));
  }

  // Tables: sorted by the buttons in their heads, filtered by the words in their input.
  const PAGE = 200;
  const order = (one, other) => typeof one === "number" && typeof other === "number" ? one - other : String(one).localeCompare(String(other), "en", { numeric: true });
  const live = (table, rows) => {
    const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells], more = table.id === "attempts" ? document.getElementById("more") : null;
    const input = document.getElementById(`${table.id}-filter`), said = input?.parentElement.querySelector("output");
    let column = -1, up = true, limit = PAGE;
    const show = () => {
      const words = (input?.value ?? "").toLowerCase().split(/\s+/).filter(Boolean);
      const found = rows.filter((row) => words.every((word) => row.text.includes(word)));
      if (column >= 0) found.sort((one, other) => (up ? 1 : -1) * order(one.values[column], other.values[column]));
      const shown = more ? found.slice(0, limit) : found;
      body.replaceChildren(...shown.map((row) => row.node ?? (row.node = row.draw())));
      if (more) more.hidden = shown.length === found.length;
      if (said) said.textContent = `${found.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")}`;
    };
    heads.forEach((cell, at) => cell.querySelector("button").addEventListener("click", () => {
      up = column === at ? !up : !cell.classList.contains("n");
      column = at;
      heads.forEach((each, place) => each.setAttribute("aria-sort", place === at ? (up ? "ascending" : "descending") : "none"));
      show();
    }));
    input?.addEventListener("input", () => { limit = PAGE; show(); });
    more?.addEventListener("click", () => { limit += 5 * PAGE; show(); });
    show();
  };
  const numeric = (text) => text !== "" && Number.isFinite(+text) ? +text : text;
  for (const table of document.querySelectorAll("table:not(#attempts)")) {
    live(table, [...table.tBodies[0].rows].map((node) => ({
      node, text: node.textContent.toLowerCase(), values: [...node.cells].map((cell) => numeric(cell.dataset.v ?? cell.textContent.trim())),
    })));
  }
  const table = data.table;
  live(document.getElementById("attempts"), table.task.map((task, at) => {
    const state = table.states[table.state[at]], why = table.reasons[table.why[at]];
    const values = [task, table.attempt[at], table.workers[table.worker[at]], table.slot[at], state, table.start[at], table.wall[at], why];
    const draw = () => {
      const row = document.createElement("tr");
      row.className = { failed: "bad", refused: "bad", lost: "odd", killed: "odd", missed: "odd" }[state] ?? "";
      values.forEach((value, place) => make(row, "td", { class: place === 7 ? "wide" : "n".repeat([1, 3, 5, 6].includes(place)) }, place === 5 || place === 6 ? clock(value) : value));
      return row;
    };
    return { values, draw, text: [task, values[2], state, why].join(" ").toLowerCase() };
  }));

  const draw = () => charts.forEach((each) => each());
  let width = 0;
  new ResizeObserver(() => { if (document.body.clientWidth !== width) { width = document.body.clientWidth; draw(); } }).observe(document.body);
})();
