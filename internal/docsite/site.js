"use strict";
// The menu of a narrow window, and the search. `sections` comes from search.js.
const root = document.body.dataset.root;
const field = document.getElementById("search");
const list = document.getElementById("found");
const menu = document.getElementById("menu");
const most = 20;
let chosen = -1;

menu.addEventListener("click", () => {
  const open = document.body.classList.toggle("open");
  menu.setAttribute("aria-expanded", open);
});
const here = document.querySelector("nav [aria-current]");
const nav = document.getElementById("nav");
if (here && here.offsetTop > nav.clientHeight) nav.scrollTop = here.offsetTop - nav.clientHeight / 2;

const fold = (text) => text.toLowerCase();
for (const s of sections) s.all = [fold(s.p), fold(s.h || ""), fold(s.t)];

// rate is 0 where a word is missing, and higher the more a section is about them.
function rate(s, words) {
  let sum = 0;
  for (const w of words) {
    const whole = (text) => (" " + text.replace(/[^\p{L}\p{N}-]+/gu, " ") + " ").includes(" " + w + " ");
    let points = 0;
    [[0, s.h ? 8 : 20], [1, 20], [2, 1]].forEach(([part, worth]) => {
      if (s.all[part].includes(w)) points += whole(s.all[part]) ? worth * 2 : worth;
    });
    if (!points) return 0;
    sum += points;
  }
  return sum;
}

function find(text) {
  const words = fold(text).split(/\s+/).filter(Boolean);
  if (!words.length) return [];
  return sections.map((s, i) => [rate(s, words), i]).filter(([r]) => r)
    .sort((a, b) => b[0] - a[0] || a[1] - b[1]).slice(0, most).map(([, i]) => [sections[i], words]);
}

// around is the text near the first of the words, as nodes, with the words marked;
// its beginning where the words are in the title only.
function around(s, words) {
  const places = words.map((w) => s.all[2].indexOf(w)).filter((i) => i >= 0);
  const from = Math.max(0, Math.min(...places) - 50);
  const at = places.length ? from : 0;
  const text = (at ? "…" : "") + s.t.slice(at, at + 150);
  const pattern = new RegExp("(" + words.map((w) => w.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|") + ")", "i");
  return text.split(pattern).map((part, i) => {
    if (i % 2 === 0) return part;
    const mark = document.createElement("mark");
    mark.textContent = part;
    return mark;
  });
}

function show() {
  const hits = find(field.value);
  chosen = hits.length ? 0 : -1;
  list.replaceChildren(...hits.map(([s, words], i) => {
    const item = document.createElement("li");
    const link = document.createElement("a");
    const title = document.createElement("b");
    const some = document.createElement("small");
    link.href = root + s.a;
    title.textContent = s.h ? s.p + " › " + s.h : s.p;
    some.append(...around(s, words));
    link.append(title, some);
    item.append(link);
    item.classList.toggle("chosen", i === chosen);
    return item;
  }));
  if (!hits.length) {
    const none = document.createElement("li");
    none.className = "none";
    none.textContent = "Nothing has all of these words.";
    list.append(none);
  }
  list.hidden = !field.value.trim();
}

function choose(step) {
  const items = list.querySelectorAll("li:not(.none)");
  if (!items.length) return;
  chosen = (chosen + step + items.length) % items.length;
  items.forEach((item, i) => item.classList.toggle("chosen", i === chosen));
  items[chosen].scrollIntoView({ block: "nearest" });
}

field.addEventListener("input", show);
field.addEventListener("focus", show);
field.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown") choose(1);
  else if (event.key === "ArrowUp") choose(-1);
  else if (event.key === "Enter") list.querySelector(".chosen a")?.click();
  else if (event.key === "Escape") { field.value = ""; show(); field.blur(); }
  else return;
  event.preventDefault();
});
list.addEventListener("click", () => { list.hidden = true; });
document.addEventListener("click", (event) => {
  if (!event.target.closest(".search")) list.hidden = true;
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.ctrlKey && !event.metaKey && document.activeElement !== field) {
    event.preventDefault();
    field.focus();
  }
});
