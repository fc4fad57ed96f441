
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { targets, vertices, run } = data;
  const steps = data.steps || [], failures = data.failures || [], sources = data.sources || {};
  const $ = (id) => document.getElementById(id);
  const samples = 2; // how many targets that are alike are shown while folded
  const bandShare = 0.1; // what so many of the targets use stands on top

  // --- texts ----------------------------------------------------------------

  // element makes an element; texts only ever become text nodes.
  const element = (tag, attributes, ...children) => {
    const e = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === undefined || value === false) continue;
      if (name === "class") e.className = value;
      else if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
      else e.setAttribute(name, value);
    }
    e.append(...children.filter((c) => c !== null && c !== undefined && c !== false));
    return e;
  };
  const count = (n, noun) => (n === 1 ? `1 ${noun}` : `${n} ${noun}s`);
  const seconds = (s) => {
    if (s < 10) return `${s.toFixed(s < 0.1 ? 2 : 1)} s`;
    if (s < 60) return `${Math.round(s)} s`;
    const m = Math.floor(s / 60), rest = Math.round(s % 60);
    return m < 60 ? `${m} min ${rest} s` : `${Math.floor(m / 60)} h ${m % 60} min`;
  };
  const title = (v) => (v.kind === "stage" && /^\d+$/.test(v.name) ? `stage ${v.name}` : v.name || v.kind);
  const platforms = new Set(vertices.map((v) => v.platform).filter(Boolean));
  const named = (v) => title(v) + (platforms.size > 1 && v.platform ? ` (${v.platform})` : "");
  const isStage = (v) => v.kind === "stage" || v.kind === "opaque";
  const timeOf = (v) => (run ? v.seconds || 0 : v.before || 0);
  const linesOf = (v) => {
    const source = v.place && sources[v.place.file];
    return source ? source.slice(v.place.line - 1, v.place.end).map((text, i) => [v.place.line + i, text]) : [];
  };
  const where = (p) => (p.line === p.end ? `${p.file}:${p.line}` : `${p.file}:${p.line}-${p.end}`);

  // --- what follows from the data --------------------------------------------

  const critical = new Set(data.critical || []);
  const most = Math.max(0.001, ...vertices.map(timeOf));
  for (const v of vertices) v.users = [];
  vertices.forEach((v, i) => { for (const n of v.inputs || []) vertices[n.vertex].users.push(i); });
  const stepsOf = vertices.map(() => []);
  for (const s of steps) if (s.vertex >= 0) stepsOf[s.vertex].push(s);
  const begun = (t) => (t.attempts || []).length ? t.attempts[0].start : Infinity;
  const ended = (t) => Math.max(0, ...(t.attempts || []).map((a) => a.start + a.seconds));
  const took = (t) => {
    if (!run) return t.vertices.reduce((sum, i) => sum + timeOf(vertices[i]), 0);
    return begun(t) === Infinity ? 0 : ended(t) - begun(t);
  };
  const trouble = { failed: 0, blocked: 1, canceled: 2, running: 3, ready: 3, waiting: 3 };
  const built = (t) => t.vertices.some((i) => vertices[i].state === "run" || vertices[i].state === "failed");
  // The text that a search looks at.
  const ofVertex = vertices.map((v) => [v.name, ...(v.names || []), v.platform || "", v.kind, ...(v.steps || [])].join("\n").toLowerCase());
  const ofTarget = targets.map((t) => [t.name, t.note || "", t.text || "", ...(t.facts || []).map((f) => f.text)].join("\n").toLowerCase());

  const state = { view: "graph", search: "", filter: "all", sort: "", folded: true, open: new Set(), chosen: null, hover: null, active: -1, column: 0, second: 0, zoomed: false };

  const filters = [["all", "All targets", () => true]];
  for (const s of ["failed", "blocked", "canceled", "running", "ready", "waiting", "done"]) filters.push([s, s[0].toUpperCase() + s.slice(1), (t) => t.state === s]);
  if (run) {
    filters.push(["built", "Ran a step", built], ["cached", "All cached", (t) => t.state === "done" && !built(t)]);
  }
  filters.push(["linked", "Only linked", (t) => !t.wanted]);

  const byName = (a, b) => (targets[a].name < targets[b].name ? -1 : 1);
  const orders = (run ? [
    ["trouble", "Trouble first", (a, b) => rank(a) - rank(b) || begun(targets[a]) - begun(targets[b]) || a - b],
    ["slow", "Slowest first", (a, b) => took(targets[b]) - took(targets[a]) || a - b],
    ["start", "By start", (a, b) => begun(targets[a]) - begun(targets[b]) || a - b],
  ] : [
    ["plan", "As planned", (a, b) => a - b],
    ["slow", "Slowest first", (a, b) => took(targets[b]) - took(targets[a]) || a - b],
    ["large", "Most stages first", (a, b) => targets[b].vertices.length - targets[a].vertices.length || a - b],
  ]).concat([["name", "By name", byName]]);
  function rank(i) {
    const r = trouble[targets[i].state];
    return r === undefined ? 9 : r;
  }
  state.sort = orders[0][0];

  // --- search -----------------------------------------------------------------

  // found gives each target that the search matches how good the match is, and
  // the vertices that match; null if nothing is searched.
  function found() {
    const words = state.search.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return null;
    const query = words.join(" ");
    const matches = (text) => words.every((w) => text.includes(w));
    const out = { targets: new Map(), vertices: new Set() };
    ofVertex.forEach((text, i) => { if (matches(text)) out.vertices.add(i); });
    targets.forEach((t, i) => {
      const name = t.name.toLowerCase();
      let good = 9;
      if (name === query) good = 0;
      else if (name.startsWith(query)) good = 1;
      else if (matches(name)) good = 2;
      else if (matches(ofTarget[i])) good = 3;
      else {
        for (const v of t.vertices) if (out.vertices.has(v)) good = Math.min(good, vertices[v].targets.length === 1 ? 4 : 5);
      }
      if (good < 9) out.targets.set(i, good);
    });
    return out;
  }

  // listed are the targets that are wanted, in their order.
  function listed(search) {
    const filter = filters.find((f) => f[0] === state.filter)[2];
    const order = orders.find((o) => o[0] === state.sort)[2];
    const list = targets.map((_, i) => i).filter((i) => filter(targets[i]) && (!search || search.targets.has(i)));
    return list.sort((a, b) => (search ? search.targets.get(a) - search.targets.get(b) : 0) || order(a, b));
  }

  const alike = (t) => [t.shape, t.state || "", t.failure || 0, t.wanted].join(" ");

  // shown puts targets that are alike together and leaves out most of them.
  function shown(list, search) {
    if (search || !state.folded) return list.map((i) => ({ target: i }));
    const groups = new Map();
    for (const i of list) {
      const key = alike(targets[i]);
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(i);
    }
    const out = [];
    for (const [key, group] of groups) {
      const all = group.length <= samples + 1 || state.open.has(key);
      const rest = group.slice(samples);
      for (const i of all ? group : group.slice(0, samples)) out.push({ target: i });
      if (!all) out.push({ more: key, hidden: rest.length, like: group[0] });
    }
    return out;
  }

  // --- where everything is ----------------------------------------------------

  const columns = Math.max(0, ...vertices.map((v) => v.layer)) + 1;
  const room = () => Math.max(60, $("view").clientWidth - $("names").offsetWidth - 16);
  const fitColumn = () => Math.max(14, Math.min(230, Math.floor(room() / columns)));
  const fitSecond = () => (run ? Math.max(0.0001, room() / Math.max(run.seconds, 0.001)) : 1);
  // box is the size of a box: what it has room for follows from its width.
  function box() {
    const gap = state.column >= 180 ? 36 : state.column >= 100 ? 20 : state.column >= 60 ? 12 : 6;
    const width = Math.max(8, Math.min(194, state.column - gap));
    const level = width >= 84 ? 2 : width >= 44 ? 1 : 0;
    return { width, height: [16, 24, 40][level], row: [20, 30, 50][level], level };
  }

  let at = new Map(); // boxes by vertex: [x, y]
  let rows = []; // {key, y, height, target, vertices …}
  let match = null;
  let size = [0, 0];

  function layout() {
    match = found();
    const list = listed(match);
    at = new Map();
    rows = [];
    $("found").textContent = list.length === targets.length ? count(list.length, "target") : `${list.length} of ${count(targets.length, "target")}`;
    $("none").hidden = list.length > 0;
    const wanted = new Set();
    for (const i of list) for (const v of targets[i].vertices) wanted.add(v);
    if (state.view === "graph") layoutGraph(list, wanted);
    else layoutTime(list, wanted);
    if (state.active >= rows.length) state.active = rows.length - 1;
  }

  function layoutGraph(list, wanted) {
    const b = box();
    let y = 8;
    const add = (row, set) => {
      const depth = new Array(columns).fill(0);
      row.vertices = set;
      for (const i of set) {
        const v = vertices[i];
        at.set(i, [8 + v.layer * state.column, y + depth[v.layer]++ * b.row]);
      }
      row.y = y;
      row.height = Math.max(set.length ? 0 : 26, Math.max(1, ...depth) * b.row);
      rows.push(row);
      y += row.height + 4;
    };
    const least = Math.max(2, bandShare * targets.length);
    const band = [...wanted].filter((i) => vertices[i].targets.length >= least).sort((a, c) => a - c);
    if (band.length) {
      add({ key: "band", label: `Used by ${least > 2 ? "many" : "several"}` }, band);
      y += 8;
    }
    for (const s of shown(list, match)) {
      if (s.target === undefined) {
        add({ key: `more ${s.more}`, ...s }, []);
        continue;
      }
      add({ key: `t${s.target}`, target: s.target }, targets[s.target].vertices.filter((i) => !at.has(i)));
    }
    size = [16 + columns * state.column, y + 24];
  }

  function layoutTime(list, wanted) {
    let y = 6;
    const add = (row, height) => {
      rows.push({ ...row, y, height, vertices: [] });
      y += height + 2;
    };
    if (steps.length) add({ key: "busy", busy: true, label: "Steps at a time" }, 44);
    const shared = [...wanted].filter((i) => vertices[i].targets.length > 1 && stepsOf[i].length && (!match || match.vertices.has(i)))
      .sort((a, b) => (vertices[a].start || 0) - (vertices[b].start || 0));
    for (const i of shared) add({ key: `v${i}`, vertex: i }, 24);
    if (shared.length) y += 8;
    for (const s of shown(list, match)) {
      if (s.target === undefined) add({ key: `more ${s.more}`, ...s }, 26);
      else add({ key: `t${s.target}`, target: s.target }, 34);
    }
    size = [16 + (run ? run.seconds : 0) * state.second, y + 24];
  }

  // --- drawing: only what is in sight -----------------------------------------

  const drawn = new Map(); // elements by the key of their row

  function draw() {
    for (const list of drawn.values()) for (const e of list) e.remove();
    drawn.clear();
    layout();
    $("canvas").style.width = `${size[0]}px`;
    $("space").style.height = `${Math.max(size[1], $("view").clientHeight - (state.view === "time" ? 23 : 0))}px`;
    axis();
    render();
  }

  // reach is which rows are in sight, and a few more.
  function reach() {
    const view = $("view"), top = view.scrollTop - 300, bottom = view.scrollTop + view.clientHeight + 300;
    let from = 0, to = rows.length;
    while (from < to) {
      const mid = (from + to) >> 1;
      if (rows[mid].y + rows[mid].height < top) from = mid + 1;
      else to = mid;
    }
    let end = from;
    while (end < rows.length && rows[end].y <= bottom) end++;
    return [from, end];
  }

  function render() {
    const [from, end] = reach();
    const keep = new Set();
    for (let n = from; n < end; n++) keep.add(rows[n].key);
    for (const [key, list] of drawn) {
      if (keep.has(key)) continue;
      for (const e of list) e.remove();
      drawn.delete(key);
    }
    for (let n = from; n < end; n++) {
      if (drawn.has(rows[n].key)) continue;
      const list = drawRow(rows[n], n);
      drawn.set(rows[n].key, list);
      $("names").append(list[0]);
      $("canvas").append(...list.slice(1));
    }
    if (state.view === "graph") edges(from, end);
    else $("edges").replaceChildren();
    light();
  }

  const put = (e, x, y, width, height) => {
    e.style.left = `${x}px`;
    e.style.top = `${y}px`;
    if (width !== undefined) e.style.width = `${width}px`;
    if (height !== undefined) e.style.height = `${height}px`;
    return e;
  };

  function drawRow(row, n) {
    const out = [put(nameOf(row, n), 0, row.y, undefined, row.height)];
    if (state.view === "graph") for (const i of row.vertices) out.push(boxOf(i));
    else out.push(...barsOf(row));
    return out;
  }

  function nameOf(row, n) {
    const common = { role: "option", id: `row-${n}`, "data-row": n };
    if (row.label) return element("div", { ...common, class: "name label" }, row.label);
    if (row.vertex !== undefined) {
      const v = vertices[row.vertex];
      return element("div", { ...common, class: `name stage ${v.state || ""}`, "data-v": row.vertex, title: named(v) },
        element("b", null, named(v)), element("small", null, seconds(v.seconds || 0)));
    }
    if (row.more !== undefined) return element("div", { ...common, class: "name more" }, `▸ ${row.hidden} more like ${targets[row.like].name}`);
    const t = targets[row.target];
    const time = took(t) > 0 ? seconds(took(t)) : "";
    const word = t.state && t.state !== "done" ? t.state : time;
    return element("div", { ...common, class: `name target ${t.state || ""}`, "data-t": row.target, title: [t.name, t.text, time].filter(Boolean).join("\n"), "data-name": t.name },
      run && element("i", { class: "dot" }), element("b", null, t.name), element("small", null, word));
  }

  function subtitle(v) {
    const parts = [];
    if (platforms.size > 1 && v.platform) parts.push(v.platform);
    if (run && v.state === "same") parts.push("same as another");
    else if (run && v.state) parts.push(v.state === "run" ? seconds(timeOf(v)) : v.state === "failed" ? `failed, ${seconds(timeOf(v))}` : v.state);
    else {
      if (timeOf(v)) parts.push(seconds(timeOf(v)));
      parts.push(v.kind === "stage" ? count((v.steps || []).length, "step") : v.kind === "opaque" ? "read by the builder" : v.kind);
    }
    if (v.targets.length > 1) parts.push(`${v.targets.length} targets`);
    return parts.join(" · ");
  }

  function boxOf(i) {
    const v = vertices[i], b = box(), [x, y] = at.get(i);
    const heat = Math.sqrt(timeOf(v) / most);
    const e = element("div", {
      class: ["vertex", v.state || "", v.targets.length > 1 && "shared", !isStage(v) && "source", critical.has(i) && "critical", `level${b.level}`].filter(Boolean).join(" "),
      "data-v": i, "data-id": v.id, "data-kind": v.kind, title: `${named(v)}: ${subtitle(v)}`,
    }, b.level > 0 && element("b", null, title(v)), b.level > 1 && element("small", null, subtitle(v)));
    e.style.setProperty("--heat", `${Math.round(heat * 100)}%`);
    return put(e, x, y, b.width, b.height);
  }

  const bar = (kind, start, length, y, height, text, of) => {
    const e = element("div", { class: `bar ${kind}`, title: text, "data-v": of });
    const from = Math.max(0, Math.min(start, run.seconds)), to = Math.max(from, Math.min(start + length, run.seconds));
    return put(e, 8 + from * state.second, y, Math.max(2, (to - from) * state.second), height);
  };

  function barsOf(row) {
    if (row.busy) return [busy(row)];
    if (row.vertex !== undefined) return stepBars(row.vertex, row.y + 6, 12);
    if (row.target === undefined) return [];
    const t = targets[row.target], out = [];
    const list = t.attempts || [];
    if (list.length && list[0].start > 0) out.push(bar("wait", 0, list[0].start, row.y + 4, 12, `${t.name} waited ${seconds(list[0].start)}`));
    list.forEach((a, n) => {
      const text = `${t.name}: ${seconds(a.seconds)}${a.error ? `, ${a.error}` : ""}`;
      if (a.error) { out.push(bar("failed", a.start, a.seconds, row.y + 4, 12, text)); return; }
      const exporting = n === list.length - 1 ? Math.min(t.exporting || 0, a.seconds) : 0;
      out.push(bar("run", a.start, a.seconds - exporting, row.y + 4, 12, text));
      if (exporting) out.push(bar("export", a.start + a.seconds - exporting, exporting, row.y + 4, 12, `${t.name} wrote its outputs: ${seconds(exporting)}`));
    });
    for (const i of t.vertices) if (vertices[i].targets.length === 1) out.push(...stepBars(i, row.y + 19, 9));
    return out;
  }

  const stepBars = (i, y, height) => stepsOf[i].map((s) =>
    bar(`${s.state} step${critical.has(i) && s.state === "run" ? " critical" : ""}`, s.start, s.seconds, y, height, `[${s.label || ""}] ${s.name}: ${s.state === "cached" ? "cached" : s.state === "running" ? "had not ended" : seconds(s.seconds)}`, i));

  // busy draws how many steps ran at a time.
  function busy(row) {
    const changes = [];
    for (const s of steps) if (s.state !== "cached" && s.seconds > 0) changes.push([s.start, 1], [s.start + s.seconds, -1]);
    changes.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    let n = 0, top = 1;
    const points = [[0, 0]];
    for (const [time, by] of changes) {
      points.push([time, n]);
      n += by;
      top = Math.max(top, n);
      points.push([time, n]);
    }
    const x = (s) => (Math.max(0, Math.min(s, run.seconds)) * state.second).toFixed(1);
    const y = (k) => (30 - (28 * k) / top).toFixed(1);
    const svg = document.createElementNS(space, "svg"), path = document.createElementNS(space, "path");
    path.setAttribute("d", `M0 30${points.map(([s, k]) => `L${x(s)} ${y(k)}`).join("")}L${x(run.seconds)} 30Z`);
    svg.append(path);
    svg.setAttribute("class", "busy");
    svg.setAttribute("aria-label", `at most ${count(top, "step")} at a time`);
    const e = element("div", { class: "busy" }, svg, element("span", null, `at most ${top}`));
    return put(e, 8, row.y, Math.max(60, run.seconds * state.second), 40);
  }

  function axis() {
    const out = [];
    if (state.view === "time" && run) {
      const least = 76 / state.second;
      let step = 0.001;
      for (let i = 0; step < least; i++) step *= [2, 2.5, 2][i % 3];
      for (let s = 0; s === 0 || (run.seconds - s) * state.second > 56; s += step) out.push(put(element("span", null, s === 0 ? "0" : s < 60 ? `${+s.toFixed(3)} s` : seconds(s)), $("names").offsetWidth + 8 + s * state.second, 0));
    }
    $("axis").hidden = !out.length;
    $("axis").style.width = `${$("names").offsetWidth + size[0]}px`;
    $("axis").replaceChildren(...out);
  }

  const space = "http://www.w3.org/2000/svg";
  let lines = [];
  function edges(from, end) {
    const b = box(), paths = [];
    lines = [];
    for (let n = from; n < end; n++) {
      for (const to of rows[n].vertices) {
        const seen = new Set();
        for (const input of vertices[to].inputs || []) {
          const a = at.get(input.vertex), key = `${input.vertex} ${input.why}`;
          if (!a || seen.has(key)) continue;
          seen.add(key);
          const c = at.get(to), x1 = a[0] + b.width, y1 = a[1] + b.height / 2, x2 = c[0], y2 = c[1] + b.height / 2;
          const bend = Math.max(6, Math.min(60, (x2 - x1) / 2));
          const p = document.createElementNS(space, "path");
          p.setAttribute("d", `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`);
          const faint = ["scratch", "local"].includes(vertices[input.vertex].kind) ? " faint" : "";
          p.setAttribute("class", input.why + faint);
          lines.push({ p, from: input.vertex, to });
          paths.push(p);
        }
      }
    }
    $("edges").replaceChildren(...paths);
  }

  // --- what belongs together ----------------------------------------------------

  function lit(choice) {
    const on = { vertices: new Set(), targets: new Set() };
    if (!choice) return on;
    if (choice.target !== undefined) {
      on.targets.add(choice.target);
      for (const i of targets[choice.target].vertices) on.vertices.add(i);
      return on;
    }
    const walk = (i, next) => {
      const todo = [i];
      while (todo.length) {
        for (const n of next(vertices[todo.pop()])) if (!on.vertices.has(n)) { on.vertices.add(n); todo.push(n); }
      }
    };
    walk(choice.vertex, (v) => (v.inputs || []).map((n) => n.vertex));
    walk(choice.vertex, (v) => v.users);
    on.vertices.add(choice.vertex);
    for (const t of vertices[choice.vertex].targets) on.targets.add(t);
    return on;
  }

  function light() {
    const choice = state.hover || state.chosen, on = lit(choice);
    $("canvas").classList.toggle("lit", !!choice && state.view === "graph");
    for (const list of drawn.values()) {
      for (const e of list) {
        const { v, t, row } = e.dataset;
        const mine = t !== undefined ? on.targets.has(+t) : v !== undefined && on.vertices.has(+v);
        e.classList.toggle("on", !!choice && mine);
        const chosen = state.chosen && (t !== undefined ? state.chosen.target === +t : v !== undefined && state.chosen.vertex === +v);
        e.classList.toggle("chosen", !!chosen);
        e.classList.toggle("match", !!match && (t !== undefined ? match.targets.get(+t) <= 3 : v !== undefined && match.vertices.has(+v)));
        if (row !== undefined) {
          e.setAttribute("aria-selected", String(!!chosen));
          e.classList.toggle("active", +row === state.active);
        }
      }
    }
    for (const l of lines) l.p.classList.toggle("on", on.vertices.has(l.from) && on.vertices.has(l.to));
    if (state.active >= 0) $("view").setAttribute("aria-activedescendant", `row-${state.active}`);
    else $("view").removeAttribute("aria-activedescendant");
  }

  function choose(choice) {
    state.chosen = choice;
    if (choice) {
      let n = rows.findIndex((r) => (choice.target !== undefined ? r.target === choice.target : r.vertex === choice.vertex || r.vertices.includes(choice.vertex)));
      if (n < 0 && choice.target !== undefined && !match && state.filter === "all") {
        state.open.add(alike(targets[choice.target])); // it was folded away
        draw();
        n = rows.findIndex((r) => r.target === choice.target);
      }
      if (n >= 0) { state.active = n; show(n); }
    }
    light();
    details();
  }

  // show scrolls a row into sight.
  function show(n) {
    const view = $("view"), r = rows[n], head = $("axis").hidden ? 0 : $("axis").offsetHeight;
    if (r.y < view.scrollTop + head) view.scrollTop = r.y - head - 8;
    else if (r.y + Math.min(r.height, 60) > view.scrollTop + view.clientHeight - head) view.scrollTop = r.y - view.clientHeight + head + Math.min(r.height, view.clientHeight / 2) + 24;
    render();
  }

  // --- details ------------------------------------------------------------------

  const link = (text, choice) => element("button", { type: "button", class: "chip", onclick: () => choose(choice) }, text);
  const chips = (list) => element("div", { class: "chips" }, ...list.slice(0, 40).map(([text, choice]) => link(text, choice)), list.length > 40 && ` and ${list.length - 40} more`);
  const section = (name, ...content) => (content.filter(Boolean).length ? [element("h4", null, name), ...content.filter(Boolean)] : []);
  const code = (list, kind) => element("div", { class: `code ${kind || ""}`, tabindex: "0" }, ...list.map(([n, text, marked]) =>
    element("div", { class: marked ? "marked" : undefined }, n !== null && element("i", null, String(n)), element("span", null, text))));
  const facts = (list) => list.length > 0 && element("table", null, element("tbody", null, ...list.map((f) =>
    element("tr", null, element("td", null, f.name), element("td", null, f.text)))));
  const ofVertices = (list) => [...new Set(list)].map((i) => [named(vertices[i]), { vertex: i }]);
  const ofTargets = (list) => list.map((i) => [targets[i].name, { target: i }]);

  function failureOf(n) {
    const f = failures[n - 1];
    if (!f || !f.targets.length) return [];
    return [element("div", { class: "failure" },
      element("h3", null, `✘ ${targets[f.targets[0]].name}${f.targets.length > 1 ? ` and ${f.targets.length - 1} more` : ""} ${f.place || ""}`),
      element("p", { class: "error" }, f.text),
      chips(ofTargets(f.targets)),
      f.step && element("p", { class: "mono step", title: f.step }, f.step),
      f.excerpt && code(f.excerpt.map((l) => [l.number, l.text, l.marked]), "excerpt"),
      f.log && element("p", { class: "soft" }, f.left ? `The last ${count(f.log.length, "line")} of its output:` : "Its output:"),
      f.log && code(f.log.map((l) => [null, l]), "log"),
      f.more && element("p", { class: "soft" }, "All of its output: ", element("code", null, f.more)))];
  }

  // timed are the vertices with a time that are just below some, or these.
  function timed(list) {
    const out = new Set(), seen = new Set(), todo = [...list];
    while (todo.length) {
      const i = todo.pop();
      if (seen.has(i)) continue;
      seen.add(i);
      if (vertices[i].end > 0) out.add(i);
      else for (const n of vertices[i].inputs || []) todo.push(n.vertex);
    }
    return [...out];
  }
  const latest = (list) => timed(list).reduce((a, b) => (a === undefined || vertices[b].end > vertices[a].end ? b : a), undefined);

  // chain is what a target waited for: of what each stage takes, what was done
  // last; with the times in which nothing of it ran.
  function chain(t) {
    const list = [];
    for (let v = latest(t.results); v !== undefined; v = latest((vertices[v].inputs || []).map((n) => n.vertex))) list.unshift(v);
    const out = [];
    let now = 0;
    for (const i of list) {
      const v = vertices[i], gap = (v.start || 0) - now;
      if (gap >= 0.05) out.push([gap, now === 0 ? "before its first step: plan, contexts, caches, a place" : "for a place to run, or for the builder"]);
      out.push([v.end - (v.start || 0), named(v), { vertex: i }, v.state]);
      now = Math.max(now, v.end);
    }
    if (begun(t) !== Infinity && ended(t) - now >= 0.05) {
      const exporting = Math.min(t.exporting || 0, ended(t) - now);
      if (ended(t) - now - exporting >= 0.05) out.push([ended(t) - now - exporting, list.length ? "after its last step" : "without a step of its own"]);
      if (exporting) out.push([exporting, "to write its outputs"]);
    }
    return out;
  }
  const waits = (list) => list.length > 0 && element("ol", { class: "waits" }, ...list.map(([s, text, choice, how]) =>
    element("li", { class: choice ? how : "gap" }, element("span", null, seconds(s)), choice ? link(text, choice) : element("em", null, text))));
  const stepTable = (list) => list.length > 0 && element("div", { class: "steps" }, ...list.map((s) =>
    element("p", { class: s.state }, element("span", null, s.state === "cached" ? "cached" : seconds(s.seconds)),
      s.vertex >= 0 ? link(s.label || s.name, { vertex: s.vertex }) : s.label || "", element("span", { class: "mono" }, s.name))));
  const slowest = (list, n) => list.filter((s) => s.state !== "cached").sort((a, b) => b.seconds - a.seconds).slice(0, n);

  function targetDetails(i) {
    const t = targets[i], mine = new Set(t.vertices);
    const shared = t.vertices.filter((v) => isStage(vertices[v]) && vertices[v].targets.length > 1);
    const own = t.vertices.filter((v) => isStage(vertices[v]) && vertices[v].targets.length === 1);
    const result = t.results.length && vertices[t.results[0]];
    const again = (t.attempts || []).filter((a) => a.error).map((a, n) => element("p", null, `Try ${n + 1}, ${seconds(a.seconds)}: ${a.error}`));
    return [
      element("h3", null, t.name),
      element("p", { class: `state ${t.state || ""}` }, [t.state || (t.wanted ? "target" : "target, only linked"), t.text, took(t) > 0 && (run ? seconds(took(t)) : `${seconds(took(t))} the last time`)].filter(Boolean).join(" · ")),
      t.note && element("p", null, t.note),
      ...failureOf(t.failure),
      t.blocker && element("p", null, "Never started, because this failed: ", link(targets[t.blocker - 1].name, { target: t.blocker - 1 })),
      ...section("Why it ran", t.why && element("pre", { class: "why" }, t.why.join("\n"))),
      ...section("What it waited for", run && waits(chain(t))),
      ...section("Its slowest steps", stepTable(slowest(steps.filter((s) => mine.has(s.vertex)), 8))),
      ...(again.length > (t.state === "failed" ? 1 : 0) ? section("Tried again", ...again) : []),
      ...section("What it is", facts(t.facts || [])),
      ...section("After", t.after && t.after.length > 0 && chips(ofTargets(t.after))),
      ...section("Shared stages", shared.length > 0 && chips(ofVertices(shared))),
      ...section("Its own stages", own.length > 0 && chips(ofVertices(own))),
      ...(result && linesOf(result).length ? section(where(result.place), code(linesOf(result))) : []),
    ];
  }

  function vertexDetails(i) {
    const v = vertices[i], uses = new Map();
    for (const u of v.users) {
      const user = vertices[u], source = user.place && sources[user.place.file];
      for (const n of user.inputs) if (n.vertex === i && source && source[n.line - 1] !== undefined) uses.set(`${user.place.file} ${n.line}`, [n.line, source[n.line - 1]]);
    }
    const lines = linesOf(v);
    const last = latest((v.inputs || []).map((n) => n.vertex));
    const gap = last !== undefined && v.start > 0 ? v.start - vertices[last].end : 0;
    return [
      element("h3", null, named(v)),
      element("p", { class: `state ${v.state || ""}` }, subtitle(v)),
      v.names && element("p", { class: "soft" }, `also written as ${v.names.join(", ")}`),
      ...failureOf(v.failure),
      ...(last !== undefined && v.state ? [element("p", null, "Waited for ", link(named(vertices[last]), { vertex: last }), gap >= 0.05 ? `, and then ${seconds(gap)} for a place or the builder` : "")] : []),
      ...section("Steps", stepTable(stepsOf[i])),
      ...(lines.length ? section(where(v.place), code(lines)) : v.place ? [element("p", { class: "soft" }, `written in ${where(v.place)}`)] : []),
      ...section("Where it is used", !isStage(v) && uses.size > 0 && code([...uses.values()].sort((a, b) => a[0] - b[0]).slice(0, 40))),
      ...section("Arguments", v.args && facts(v.args)),
      ...section("Starts from, and takes from", (v.inputs || []).length > 0 && chips(ofVertices(v.inputs.map((n) => n.vertex)))),
      ...section("Used by stages", v.users.length > 0 && chips(ofVertices(v.users))),
      ...section("Needed by targets", chips(ofTargets(v.targets))),
      element("p", { class: "soft id" }, v.id),
    ];
  }

  function overview() {
    const out = [];
    for (let n = 1; n <= Math.min(failures.length, 5); n++) out.push(...failureOf(n));
    if (failures.length > 5) out.push(element("p", null, `and ${failures.length - 5} more failures`));
    if (run) {
      const last = targets.reduce((a, b) => (ended(b) > ended(a) ? b : a), targets[0] || { results: [] });
      const list = targets.length ? chain(last) : [];
      out.push(...section("What the end of the run waited for", list.length > 0 && element("p", { class: "soft" }, `${last.name} ended last.`), waits(list)));
      out.push(...section("The slowest steps", stepTable(slowest(steps.slice(), 8))));
    }
    out.push(...section(data.heading, facts(data.facts)));
    if (critical.size) {
      const sum = data.critical.reduce((s, i) => s + timeOf(vertices[i]), 0);
      out.push(...section(`Critical path: ${count(data.critical.length, "stage")}${sum ? `, ${seconds(sum)}` : ""}`, chips(ofVertices(data.critical))));
    }
    const shared = vertices.map((_, i) => i).filter((i) => isStage(vertices[i]) && vertices[i].targets.length > 1).sort((a, b) => vertices[b].targets.length - vertices[a].targets.length);
    out.push(...section("Shared by the most targets", shared.length > 0 && chips(shared.slice(0, 12).map((i) => [`${named(vertices[i])} · ${vertices[i].targets.length}`, { vertex: i }]))));
    out.push(element("p", { class: "soft keys" }, `Keys: / search, ↑ ↓ and Enter choose a target, Esc goes back here, ${run ? "f the next failure, g and t graph and timeline, " : ""}+ − 0 zoom. Drag to move.`));
    return out;
  }

  function details() {
    const c = state.chosen;
    const back = c && element("button", { type: "button", class: "back", onclick: () => choose(null) }, "← Overview");
    const content = !c ? overview() : c.target !== undefined ? targetDetails(c.target) : vertexDetails(c.vertex);
    $("details").replaceChildren(...[back, ...content].filter(Boolean));
    for (const e of document.querySelectorAll("#details .excerpt .marked:first-child, #details .excerpt div:not(.marked) + .marked")) e.parentElement.scrollTop = e.offsetTop - e.parentElement.offsetTop - 24;
    for (const e of document.querySelectorAll("#details .log")) e.scrollTop = e.scrollHeight; // what matters is at its end
    $("details").scrollTop = 0;
  }

  // --- keys, buttons, pointer -----------------------------------------------------

  function view(name) {
    if (!run || state.view === name) return;
    state.view = name;
    $("tab-graph").setAttribute("aria-pressed", String(name === "graph"));
    $("tab-time").setAttribute("aria-pressed", String(name === "time"));
    legend();
    draw();
    if (state.chosen) choose(state.chosen);
  }
  // zoom makes things larger or smaller; by nothing, it fits the width.
  function zoom(by) {
    state.zoomed = !!by;
    if (state.view === "graph") state.column = Math.max(14, Math.min(320, by ? state.column * by : fitColumn()));
    else state.second = Math.max(fitSecond() / 4, Math.min(2000, by ? state.second * by : fitSecond()));
    draw();
  }
  function step(by) {
    if (!rows.length) return;
    let n = Math.max(0, Math.min(rows.length - 1, state.active + by));
    while (rows[n].label && n > 0 && n < rows.length - 1) n += by < 0 ? -1 : 1;
    state.active = n;
    show(n);
  }
  function enter(n) {
    const r = rows[n];
    if (!r) return;
    if (r.more !== undefined) { state.open.add(r.more); draw(); return; }
    if (r.target !== undefined) choose({ target: r.target });
    else if (r.vertex !== undefined) choose({ vertex: r.vertex });
  }
  function nextFailure() {
    const list = listed(null).filter((i) => targets[i].state === "failed");
    if (!list.length) return;
    const now = state.chosen ? list.indexOf(state.chosen.target) : -1;
    choose({ target: list[(now + 1) % list.length] });
  }

  const choiceAt = (e) => {
    const at = e.target.closest && e.target.closest("[data-v],[data-t],[data-row]");
    if (!at) return null;
    if (at.dataset.t !== undefined) return { target: +at.dataset.t };
    if (at.dataset.v !== undefined) return { vertex: +at.dataset.v };
    return { row: +at.dataset.row };
  };
  let drag = null, dragged = false;
  const scroller = $("view");
  scroller.addEventListener("mouseover", (e) => {
    const c = choiceAt(e);
    state.hover = c && c.row === undefined ? c : null;
    light();
  });
  scroller.addEventListener("mouseleave", () => { state.hover = null; light(); });
  scroller.addEventListener("click", (e) => {
    if (dragged) { dragged = false; return; }
    const c = choiceAt(e);
    if (c && c.row !== undefined) enter(c.row);
    else choose(c);
  });
  scroller.addEventListener("pointerdown", (e) => {
    if (e.pointerType !== "mouse" || e.button !== 0) return;
    drag = [e.clientX, e.clientY, scroller.scrollLeft, scroller.scrollTop];
    dragged = false;
  });
  addEventListener("pointermove", (e) => {
    if (!drag) return;
    const x = e.clientX - drag[0], y = e.clientY - drag[1];
    if (Math.abs(x) + Math.abs(y) > 5) dragged = true;
    if (!dragged) return;
    scroller.classList.add("dragging");
    scroller.scrollLeft = drag[2] - x;
    scroller.scrollTop = drag[3] - y;
  });
  addEventListener("pointerup", () => {
    drag = null;
    scroller.classList.remove("dragging");
    if (dragged) setTimeout(() => { dragged = false; }, 0);
  });
  scroller.addEventListener("wheel", (e) => {
    if (!e.ctrlKey) return;
    e.preventDefault();
    zoom(e.deltaY < 0 ? 1.15 : 1 / 1.15);
  }, { passive: false });
  let waiting = false;
  scroller.addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; render(); });
  });
  addEventListener("resize", () => {
    if (!state.zoomed) {
      state.column = fitColumn();
      state.second = fitSecond();
    }
    draw();
  });

  scroller.addEventListener("keydown", (e) => {
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -1e9, End: 1e9 }[e.key];
    if (by) { e.preventDefault(); step(by); }
    if (e.key === "Enter" || e.key === " ") { e.preventDefault(); enter(state.active); }
  });
  document.addEventListener("keydown", (e) => {
    const typing = ["INPUT", "SELECT"].includes(e.target.tagName);
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.key === "Escape") {
      if (typing && state.search) { $("search").value = ""; seek(); } else { if (typing) scroller.focus(); choose(null); }
    } else if (e.target === $("search") && (e.key === "Enter" || e.key === "ArrowDown")) {
      e.preventDefault();
      scroller.focus();
      state.active = rows.findIndex((r) => r.target !== undefined);
      if (state.active >= 0) { show(state.active); if (e.key === "Enter") enter(state.active); }
    } else if (!typing) {
      const act = { "/": () => $("search").focus(), "+": () => zoom(1.25), "-": () => zoom(0.8), 0: () => zoom(0), g: () => view("graph"), t: () => view("time"), f: nextFailure }[e.key];
      if (act) { e.preventDefault(); act(); }
    }
  });
  function seek() {
    state.search = $("search").value;
    state.active = -1;
    scroller.scrollTop = 0;
    draw();
  }
  $("search").addEventListener("input", seek);
  $("filter").addEventListener("change", () => { state.filter = $("filter").value; state.active = -1; scroller.scrollTop = 0; draw(); });
  $("sort").addEventListener("change", () => { state.sort = $("sort").value; state.active = -1; scroller.scrollTop = 0; draw(); });
  $("fold").addEventListener("click", () => {
    state.folded = !state.folded;
    state.open.clear();
    $("fold").setAttribute("aria-pressed", String(state.folded));
    draw();
  });
  $("tab-graph").addEventListener("click", () => view("graph"));
  $("tab-time").addEventListener("click", () => view("time"));
  $("larger").addEventListener("click", () => zoom(1.25));
  $("smaller").addEventListener("click", () => zoom(0.8));
  $("fit").addEventListener("click", () => zoom(0));

  // --- the beginning -----------------------------------------------------------

  function legend() {
    const key = (kind, text) => element("span", null, element("i", { class: `key ${kind}` }), text);
    const graph = run ? [key("failed", "failed"), key("run", "ran: the darker, the longer"), key("cached", "cached, or same as another"), key("", "not reached")] : [key("shared", "shared"), key("", "of one target"), key("heat", "the longer, the slower last time")];
    const time = [key("wait", "waited"), key("run", "built"), key("export", "wrote outputs"), key("failed", "failed"), key("cached", "cached"), key("critical", "critical path")];
    $("legend").replaceChildren(...(state.view === "time" ? time : [...graph, key("source", "image or context"), key("critical", "critical path")]));
  }

  function summary() {
    const stages = vertices.filter(isStage), shared = stages.filter((v) => v.targets.length > 1).length;
    if (!run) {
      const alone = stages.reduce((n, v) => n + v.targets.length, 0);
      return [`${count(targets.length, "target")}, ${count(stages.length, "stage")}, ${shared} shared` + (alone > stages.length ? ` (${count(alone, "stage")} if each target were built alone)` : "")];
    }
    const counts = filters.slice(1, 8).map(([s]) => [s, targets.filter((t) => t.state === s).length]).filter((c) => c[1]);
    return [element("b", { class: `state ${run.state}` }, run.state), " in ", seconds(run.seconds), ...counts.map(([s, n]) => ` · ${n} ${s}`), ` · ${run.id}`];
  }

  $("heading").textContent = data.heading;
  $("summary").replaceChildren(...summary());
  for (const [value, text, has] of filters) {
    const n = targets.filter(has).length;
    if (value === "all" || (n > 0 && n < targets.length)) $("filter").append(element("option", { value }, `${text} (${n})`));
  }
  $("filter").parentElement.hidden = $("filter").options.length < 2;
  for (const [value, text] of orders) $("sort").append(element("option", { value }, text));
  $("sort").parentElement.hidden = targets.length < 2;
  const kinds = new Map();
  for (const t of targets) kinds.set(alike(t), (kinds.get(alike(t)) || 0) + 1);
  $("fold").hidden = [...kinds.values()].every((n) => n <= samples + 1);
  document.querySelector(".tabs").hidden = !run;
  state.column = fitColumn();
  state.second = fitSecond();
  legend();
  draw();
  details();
  // report.html#NAME opens with that target chosen.
  let linked = "";
  try { linked = decodeURIComponent(location.hash.slice(1)); } catch { linked = ""; }
  const first = targets.findIndex((t) => t.name === linked);
  if (first >= 0) choose({ target: first });
})();
