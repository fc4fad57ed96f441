"use strict";
(() => {
  const plan = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const box = { width: 188, height: 42, column: 236, row: 54, margin: 24 };
  const samples = 2; // how many targets of a shape are shown while folded
  const bandShare = 0.1; // what so many of the targets use stands on top

  const vertices = new Map(plan.vertices.map((v, i) => [v.id, { ...v, nth: i, users: [] }]));
  const targets = new Map(plan.targets.map((t) => [t.name, t]));
  const critical = new Set(plan.criticalPath.vertices);
  const runs = (v) => v.kind === "stage" || v.kind === "opaque";
  for (const v of vertices.values()) {
    for (const input of v.inputs) vertices.get(input.vertex).users.push(v.id);
  }

  // element makes an element; texts only ever become text nodes.
  const element = (tag, attributes, ...children) => {
    const e = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name === "class") e.className = value;
      else if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
      else e.setAttribute(name, value);
    }
    e.append(...children);
    return e;
  };
  const count = (n, noun) => (n === 1 ? `1 ${noun}` : `${n} ${noun}s`);
  const seconds = (s) => (s < 60 ? `${s.toFixed(1)}s` : `${Math.floor(s / 60)}m${Math.round(s % 60)}s`);
  const title = (v) => (v.kind === "stage" && /^\d/.test(v.name) ? `stage ${v.name}` : v.name);
  // A platform is worth its place only where there are several.
  const manyPlatforms = new Set(plan.vertices.map((v) => v.platform).filter(Boolean)).size > 1;
  const on = (v) => (manyPlatforms && v.platform ? ` (${v.platform})` : "");
  const subtitle = (v) => {
    const parts = manyPlatforms && v.platform ? [v.platform] : [];
    if (v.kind === "stage") parts.push(count(v.steps.length, "step"));
    else if (v.kind === "opaque") parts.push("read by the builder");
    else parts.push(v.kind);
    if (v.targets.length > 1) parts.push(`${v.targets.length} targets`);
    if (v.seconds !== undefined) parts.push(seconds(v.seconds));
    return parts.join(" · ");
  };
  const linesOf = (v) => {
    const source = v.place && plan.sources[v.place.file];
    return source ? source.slice(v.place.line - 1, v.place.endLine).map((text, i) => [v.place.line + i, text]) : [];
  };
  const state = { search: "", folded: true, open: new Set(), chosen: null, hover: null, scale: 1 };

  // --- what is related -----------------------------------------------------

  // lit returns the vertices and targets that belong to a choice.
  function lit(choice) {
    const on = { vertices: new Set(), targets: new Set() };
    if (!choice) return on;
    if (choice.target !== undefined) {
      on.targets.add(choice.target);
      for (const id of targets.get(choice.target).vertices) on.vertices.add(id);
      return on;
    }
    const walk = (id, next) => {
      const todo = [id];
      while (todo.length) {
        const at = todo.pop();
        for (const n of next(vertices.get(at))) {
          if (!on.vertices.has(n)) { on.vertices.add(n); todo.push(n); }
        }
      }
    };
    walk(choice.vertex, (v) => v.inputs.map((i) => i.vertex));
    walk(choice.vertex, (v) => v.users);
    on.vertices.add(choice.vertex);
    for (const name of vertices.get(choice.vertex).targets) on.targets.add(name);
    return on;
  }

  // --- search --------------------------------------------------------------

  const haystack = (v) => [v.name, ...(v.names || []), v.platform || "", v.kind, ...v.steps.map((s) => s.text)].join("\n").toLowerCase();
  const texts = new Map([...vertices].map(([id, v]) => [id, haystack(v)]));

  // found says what the search matches: vertices, the targets whose own they
  // are or whose name it is, and the targets that reach any of them.
  function found() {
    const words = state.search.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return null;
    const matches = (text) => words.every((w) => text.includes(w));
    const out = { vertices: new Set(), named: new Set(), own: new Set(), reach: new Set() };
    for (const [id, text] of texts) {
      if (!matches(text)) continue;
      out.vertices.add(id);
      const v = vertices.get(id);
      if (v.targets.length === 1) out.own.add(v.targets[0]);
      for (const name of v.targets) out.reach.add(name);
    }
    for (const t of plan.targets) {
      const text = [t.name, t.description || "", ...t.tags].join("\n").toLowerCase();
      if (matches(text)) { out.named.add(t.name); out.own.add(t.name); out.reach.add(t.name); }
    }
    return out;
  }

  // --- the elements, made once ----------------------------------------------

  const graph = $("graph");
  const nodes = new Map(); // by vertex ID
  const ends = new Map(); // by name of target
  const rows = new Map(); // by name of target

  for (const v of vertices.values()) {
    const shared = v.targets.length > 1 ? " shared" : "";
    const e = element("button", {
      type: "button", "data-id": v.id, "data-kind": v.kind,
      class: `vertex${shared}${runs(v) ? "" : " source"}${critical.has(v.id) ? " critical" : ""}`,
      title: linesOf(v).map((l) => l[1]).join("\n") || v.name,
      onclick: () => choose({ vertex: v.id }),
      onmouseenter: () => hover({ vertex: v.id }), onmouseleave: () => hover(null),
      onfocus: () => hover({ vertex: v.id }), onblur: () => hover(null),
    }, element("b", null, title(v)), element("small", null, subtitle(v)));
    nodes.set(v.id, e);
    graph.append(e);
  }
  for (const t of plan.targets) {
    const events = {
      onclick: () => choose({ target: t.name }),
      onmouseenter: () => hover({ target: t.name }), onmouseleave: () => hover(null),
      onfocus: () => hover({ target: t.name }), onblur: () => hover(null),
    };
    const end = element("button", { type: "button", class: "end", "data-target": t.name, title: t.description || t.name, ...events }, element("b", null, t.name));
    ends.set(t.name, end);
    graph.append(end);
    const row = element("li", { class: "target", role: "option", tabindex: "-1", "aria-selected": "false", "data-target": t.name, ...events },
      element("span", null, t.name), element("span", { class: "count" }, t.wanted ? count(t.criticalPath.stages, "stage") : "linked"));
    rows.set(t.name, row);
    $("targets").append(row);
  }

  // --- layout --------------------------------------------------------------

  const columns = 1 + Math.max(0, ...plan.vertices.map((v) => v.layer));
  const byShape = plan.shapes.map((list) => list.map((i) => plan.targets[i].name));
  const band = (v) => v.targets.length > 1 && (plan.targets.length <= 12 || v.targets.length >= Math.max(2, plan.targets.length * bandShare));
  // blocks: what stands in the rows of each target; what a few share stands
  // with the first of them.
  const rank = new Map(byShape.flat().map((name, i) => [name, i]));
  const blocks = new Map(plan.targets.map((t) => [t.name, []]));
  const top = [];
  for (const v of vertices.values()) {
    if (band(v)) top.push(v);
    else blocks.get(v.targets.reduce((a, b) => (rank.get(b) < rank.get(a) ? b : a))).push(v);
  }
  top.sort((a, b) => b.targets.length - a.targets.length || Number(!runs(a)) - Number(!runs(b)) || a.nth - b.nth);

  // shown lists the targets that have rows, by shape, with how many are folded.
  function shown(search) {
    const out = [];
    byShape.forEach((names, shape) => {
      let hidden = 0;
      let shownOf = 0;
      for (const name of names) {
        let visible;
        if (search && search.own.size) visible = search.own.has(name);
        else visible = !state.folded || state.open.has(shape) || names.length <= samples + 1 || shownOf < samples;
        if (state.chosen && state.chosen.target === name) visible = true;
        if (state.chosen && state.chosen.vertex && vertices.get(state.chosen.vertex).targets.length === 1 &&
          vertices.get(state.chosen.vertex).targets[0] === name) visible = true;
        if (visible) { out.push({ name }); shownOf++; } else hidden++;
      }
      if (hidden && !(search && search.own.size)) out.push({ shape, hidden, like: names[0] });
    });
    return out;
  }

  const mores = [];
  function layout() {
    const search = found();
    const at = new Map();
    const place = (list, from) => {
      const depth = new Array(columns).fill(0);
      for (const v of list) {
        at.set(v.id, [box.margin + v.layer * box.column, from + depth[v.layer] * box.row]);
        depth[v.layer]++;
      }
      return Math.max(0, ...depth);
    };
    let y = box.margin;
    const height = place(top, y);
    if (height) y += height * box.row + 22;
    const endX = box.margin + columns * box.column - (box.column - box.width) + 48;
    const endAt = new Map();
    while (mores.length) mores.pop().remove();
    for (const b of shown(search)) {
      if (b.name === undefined) {
        const more = element("button", { type: "button", class: "more", onclick: () => { state.open.add(b.shape); draw(); } }, `▸ ${b.hidden} more like ${b.like}`);
        more.style.left = `${endX}px`;
        more.style.top = `${y}px`;
        mores.push(more);
        graph.append(more);
        y += 40;
        continue;
      }
      const n = Math.max(1, place(blocks.get(b.name), y));
      endAt.set(b.name, [endX, y]);
      y += n * box.row;
    }
    return { at, endAt, search, width: endX + 180, height: y + box.margin };
  }

  // --- drawing -------------------------------------------------------------

  let last = null;
  function draw() {
    last = layout();
    move(nodes, last.at);
    move(ends, last.endAt);
    drawEdges(last);
    drawList(last.search);
    zoom();
    light();
  }

  function move(elements, at) {
    for (const [key, e] of elements) {
      const p = at.get(key);
      e.hidden = !p;
      if (p) { e.style.left = `${p[0]}px`; e.style.top = `${p[1]}px`; }
    }
  }

  const svg = "http://www.w3.org/2000/svg";
  let lines = [];
  function drawEdges({ at, endAt, width, height }) {
    const edges = $("edges");
    edges.setAttribute("width", width);
    edges.setAttribute("height", height);
    lines = [];
    const line = (from, to, kind, ends_) => {
      const x1 = from[0] + box.width, y1 = from[1] + box.height / 2, x2 = to[0], y2 = to[1] + box.height / 2;
      const bend = Math.max(28, Math.min(80, (x2 - x1) / 2));
      const p = document.createElementNS(svg, "path");
      p.setAttribute("d", `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`);
      p.setAttribute("class", kind);
      lines.push({ p, ...ends_ });
    };
    for (const v of vertices.values()) {
      const to = at.get(v.id);
      if (!to) continue;
      const seen = new Set();
      for (const input of v.inputs) {
        const from = at.get(input.vertex);
        if (!from || seen.has(input.vertex + input.why)) continue;
        seen.add(input.vertex + input.why);
        const source = vertices.get(input.vertex);
        const faint = source.kind === "scratch" || source.kind === "local" ? " faint" : "";
        line(from, to, input.why + faint, { from: input.vertex, to: v.id });
      }
    }
    for (const t of plan.targets) {
      const to = endAt.get(t.name);
      if (!to) continue;
      for (const r of t.results) {
        const from = at.get(r.vertex);
        if (from) line(from, to, "result", { from: r.vertex, target: t.name });
      }
    }
    edges.replaceChildren(...lines.map((l) => l.p));
  }

  function drawList(search) {
    let n = 0;
    for (const [name, row] of rows) {
      row.hidden = !!search && !search.reach.has(name);
      row.classList.toggle("match", !!search && search.named.has(name));
      if (!row.hidden) n++;
    }
    $("found").textContent = search ? `${n} of ${rows.size}` : `${rows.size}`;
    $("none").hidden = n > 0;
    for (const [id, e] of nodes) e.classList.toggle("match", !!search && search.vertices.has(id));
    for (const [name, e] of ends) e.classList.toggle("match", !!search && search.named.has(name));
    const current = [...rows.values()].find((r) => r.tabIndex === 0 && !r.hidden);
    if (!current) {
      for (const r of rows.values()) r.tabIndex = -1;
      const first = [...rows.values()].find((r) => !r.hidden);
      if (first) first.tabIndex = 0;
    }
  }

  // light marks what belongs to what is pointed at, or else chosen.
  function light() {
    const choice = state.hover || state.chosen;
    const on = lit(choice);
    graph.classList.toggle("lit", !!choice);
    for (const [id, e] of nodes) {
      e.classList.toggle("on", on.vertices.has(id));
      e.classList.toggle("chosen", !!state.chosen && state.chosen.vertex === id);
    }
    for (const [name, e] of ends) {
      e.classList.toggle("on", on.targets.has(name));
      e.classList.toggle("chosen", !!state.chosen && state.chosen.target === name);
    }
    for (const [name, e] of rows) {
      e.classList.toggle("on", on.targets.has(name));
      e.setAttribute("aria-selected", String(!!state.chosen && state.chosen.target === name));
    }
    for (const l of lines) {
      l.p.classList.toggle("on", on.vertices.has(l.from) && (l.target === undefined ? on.vertices.has(l.to) : on.targets.has(l.target)));
    }
  }

  function hover(choice) {
    state.hover = choice;
    light();
  }

  function choose(choice) {
    state.chosen = choice;
    draw();
    details();
    const e = choice && (choice.target !== undefined ? ends.get(choice.target) : nodes.get(choice.vertex));
    if (e && !e.hidden) e.scrollIntoView({ block: "nearest", inline: "nearest" });
    if (choice && choice.target !== undefined) rows.get(choice.target).scrollIntoView({ block: "nearest" });
  }

  function zoom() {
    graph.style.transform = `scale(${state.scale})`;
    $("space").style.width = `${last.width * state.scale}px`;
    $("space").style.height = `${last.height * state.scale}px`;
  }
  const setScale = (s) => { state.scale = Math.min(2, Math.max(0.25, s)); zoom(); };
  const fit = () => setScale(Math.min(1, Math.max(0.55, ($("view").clientWidth - 8) / last.width)));

  // --- details -------------------------------------------------------------

  const chips = (list) => element("div", { class: "chips" }, ...list.slice(0, 60).map(([text, choice]) =>
    element("button", { type: "button", onclick: () => choose(choice) }, text)), list.length > 60 ? ` and ${list.length - 60} more` : "");
  const section = (name, ...content) => [element("h4", null, name), ...content];
  const code = (list) => element("div", { class: "code" }, ...list.map(([n, text]) =>
    element("div", null, element("i", null, n === null ? "" : String(n)), element("span", null, text))));
  const facts = (list) => element("table", null, element("tbody", null, ...list.filter(([, text]) => text).map(([name, text]) =>
    element("tr", null, element("td", null, name), element("td", null, text)))));
  const entry = (e) => [`type=${e.type}`, ...Object.entries(e.attributes).map(([k, v]) => `${k}=${v}`)].join(",");
  const where = (p) => (p ? (p.line === p.endLine ? `${p.file}:${p.line}` : `${p.file}:${p.line}-${p.endLine}`) : "");
  const chip = (id) => [title(vertices.get(id)) + on(vertices.get(id)), { vertex: id }];

  function vertexDetails(v) {
    const out = [element("h3", null, title(v)), element("p", { class: "soft" }, subtitle(v))];
    if (v.names) out.push(element("p", { class: "soft" }, `also written as ${v.names.join(", ")}`));
    const own = linesOf(v);
    if (own.length) out.push(...section(where(v.place), code(own)));
    else if (v.place) out.push(element("p", { class: "soft" }, `written in ${where(v.place)}`));
    const uses = [];
    for (const id of v.users) {
      const user = vertices.get(id);
      const source = user.place && plan.sources[user.place.file];
      for (const input of user.inputs) {
        if (input.vertex === v.id && source && input.line && source[input.line - 1] !== undefined) uses.push([input.line, source[input.line - 1]]);
      }
    }
    if (!runs(v) && uses.length) {
      const once = [...new Map(uses.map((u) => [u.join(":"), u])).values()].sort((a, b) => a[0] - b[0]);
      out.push(...section("Where it is used", code(once.slice(0, 40))));
      if (once.length > 40) out.push(element("p", { class: "soft" }, `and ${once.length - 40} more lines`));
    }
    const args = Object.entries(v.args || {});
    if (args.length) out.push(...section("Arguments", facts(args.map(([k, value]) => [k, value || "\"\""]))));
    if (v.inputs.length) out.push(...section("Starts from, and takes from", chips([...new Set(v.inputs.map((i) => i.vertex))].map(chip))));
    if (v.users.length) out.push(...section("Used by stages", chips([...new Set(v.users)].map(chip))));
    out.push(...section("Needed by targets", chips(v.targets.map((name) => [name, { target: name }]))));
    out.push(element("p", { class: "soft", style: "margin-top:16px;font-size:11px" }, v.id));
    return out;
  }

  function targetDetails(t) {
    const read = (r) => (r.all ? `${r.directory} (all of it)` : `${r.directory}: ${r.paths.join(" ")}`);
    const policy = (p) => (p.builtIn ? "the built-in policy" : p.files.join(", ")) + (p.strict ? " (strict)" : "") + (p.unseen ? " (if the context has it)" : "");
    const off = (t.policiesOff || []).map((name) => `${name} (switched off)`);
    const out = [element("h3", null, t.name), element("p", { class: "soft" }, t.wanted ? "target" : "target, only linked")];
    if (t.description) out.push(element("p", null, t.description));
    const length = count(t.criticalPath.stages, "stage") + (t.criticalPath.seconds ? `, ${seconds(t.criticalPath.seconds)}` : "");
    out.push(facts([
      ["Dockerfile", t.dockerfile], ["stage", t.stage], ["platforms", t.results.map((r) => r.platform).join(", ")],
      ["longest way", length], ["reads", t.reads.map(read).join("\n")], ["secrets", t.secrets.join(", ")], ["ssh", t.ssh.join(", ")],
      ["policies", [...(t.policies || []).map(policy), ...off].join("\n")],
      ["tags", t.tags.join(", ")], ["output", t.outputs.map(entry).join(" ")],
      ["cache from", t.cacheFrom.map(entry).join(" ")], ["cache to", t.cacheTo.map(entry).join(" ")],
    ]));
    if (t.after.length) out.push(...section("After", chips(t.after.map((name) => [name, { target: name }]))));
    const stages = t.vertices.map((id) => vertices.get(id)).filter(runs);
    const group = (list) => chips(list.map((v) => chip(v.id)));
    const shared = stages.filter((v) => v.targets.length > 1);
    const own = stages.filter((v) => v.targets.length === 1);
    if (shared.length) out.push(...section("Shared stages", group(shared)));
    if (own.length) out.push(...section("Its own stages", group(own)));
    const results = [...new Set(t.results.map((r) => r.vertex))].map((id) => vertices.get(id));
    for (const v of results.slice(0, 1)) {
      const text = linesOf(v);
      if (text.length) out.push(...section(where(v.place), code(text)));
    }
    return out;
  }

  function overview() {
    const s = plan.summary;
    const out = [element("h3", null, "The plan"), facts([
      ["targets", String(s.targets)], ["stages", String(s.stages)], ["shared", String(s.sharedStages)],
      ["built alone", `${s.separateStages} stages`],
      ["waves", plan.order.length > 1 ? String(plan.order.length) : ""],
    ])];
    const path = plan.criticalPath;
    if (path.stages > 1) {
      out.push(...section(`Critical path: ${count(path.stages, "stage")}${path.timed ? `, ${seconds(path.seconds)}` : ""}`, chips(path.vertices.map(chip))));
    }
    const shared = [...vertices.values()].filter((v) => runs(v) && v.targets.length > 1).sort((a, b) => b.targets.length - a.targets.length);
    if (shared.length) {
      out.push(...section("Shared by the most targets", chips(shared.slice(0, 20).map((v) => [`${title(v)}${on(v)} · ${v.targets.length}`, { vertex: v.id }]))));
    }
    out.push(element("p", { class: "soft", style: "margin-top:20px" }, "Point at a target or a stage to see what belongs to it, choose it to read its Dockerfile lines. Keys: / search, arrows in the list, Enter, Escape."));
    return out;
  }

  function details() {
    const c = state.chosen;
    const content = !c ? overview() : c.target !== undefined ? targetDetails(targets.get(c.target)) : vertexDetails(vertices.get(c.vertex));
    $("details").replaceChildren(...content);
    $("details").scrollTop = 0;
  }

  // --- keys and buttons ----------------------------------------------------

  $("search").addEventListener("input", () => { state.search = $("search").value; draw(); });
  $("fold").addEventListener("click", () => {
    state.folded = !state.folded;
    state.open.clear();
    $("fold").setAttribute("aria-pressed", String(state.folded));
    draw();
  });
  $("larger").addEventListener("click", () => setScale(state.scale * 1.2));
  $("smaller").addEventListener("click", () => setScale(state.scale / 1.2));
  $("fit").addEventListener("click", fit);
  $("view").addEventListener("wheel", (e) => {
    if (!e.ctrlKey) return;
    e.preventDefault();
    setScale(state.scale * (e.deltaY < 0 ? 1.1 : 1 / 1.1));
  }, { passive: false });
  $("view").addEventListener("click", (e) => { if (e.target === $("view") || e.target === graph || e.target === $("space")) choose(null); });

  // step moves the focus in the list of targets.
  function step(by) {
    const list = [...rows.values()].filter((r) => !r.hidden);
    if (!list.length) return;
    const from = list.indexOf(document.activeElement);
    const to = list[Math.max(0, Math.min(list.length - 1, from + by))];
    for (const r of rows.values()) r.tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
    to.scrollIntoView({ block: "nearest" });
  }
  $("targets").addEventListener("keydown", (e) => {
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -1e9, End: 1e9 }[e.key];
    if (by) { e.preventDefault(); step(by); }
    if (e.key === "Enter" || e.key === " ") {
      e.preventDefault();
      const name = document.activeElement.dataset.target;
      if (name !== undefined) choose({ target: name });
    }
  });
  document.addEventListener("keydown", (e) => {
    const typing = e.target === $("search");
    if (e.key === "Escape") {
      if (typing && state.search) { $("search").value = ""; state.search = ""; draw(); } else choose(null);
    } else if (e.key === "/" && !typing) {
      e.preventDefault();
      $("search").focus();
    } else if (e.key === "ArrowDown" && typing) {
      e.preventDefault();
      step(1);
    } else if (!typing && !e.ctrlKey && !e.metaKey) {
      if (e.key === "+") setScale(state.scale * 1.2);
      if (e.key === "-") setScale(state.scale / 1.2);
      if (e.key === "0") fit();
    }
  });

  const s = plan.summary;
  $("summary").textContent = `${count(s.targets, "target")}, ${count(s.stages, "stage")}, ${s.sharedStages} shared` +
    (s.separateStages > s.stages ? ` (${s.separateStages} stages if each target were built alone)` : "");
  $("fold").hidden = byShape.every((names) => names.length <= samples + 1);
  draw();
  fit();
  details();
})();
