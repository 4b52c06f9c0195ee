"use strict";
// What a page does beyond showing itself: charts that can be pointed at, legends that hide, tables that sort and filter.
// Without it everything can be read.

const darkness = matchMedia("(prefers-color-scheme: dark)");
const INK = "#010203";

async function unpacked(element) {
  const bytes = Uint8Array.from(atob(element.textContent.trim()), (letter) => letter.charCodeAt(0));
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(plain).text();
}

let library = null;
function loaded() {
  library ??= unpacked(document.getElementById("library")).then((source) => {
    const script = document.createElement("script");
    script.textContent = source; // the page allows a script of this digest, and no other
    document.head.append(script);
    return window.Bokeh;
  });
  return library;
}

const views = new Map();

async function draw(chart) {
  const bokeh = await loaded();
  const text = await unpacked(chart.querySelector(".document"));
  const made = JSON.parse(text.replaceAll(INK, darkness.matches ? "#e6e6e6" : "#1c1c1c"));
  for (const place of chart.querySelectorAll(".live")) place.replaceChildren();
  chart.classList.add("drawn"); // before Bokeh measures the places
  const item = {docid: "d", roots: made.roots, root_ids: Object.keys(made.roots)};
  const [view] = await bokeh.embed.embed_items({d: made.document}, [item]);
  views.set(chart, view);
  for (const key of chart.querySelectorAll(".key[aria-pressed=false]")) show(chart, key.dataset.series, false);
}

function redraw(chart) {
  return draw(chart).catch((error) => {
    chart.classList.remove("drawn"); // the picture says the same
    console.warn(error);
  });
}

function show(chart, series, visible) {
  for (const group of chart.querySelectorAll(`g.s${series}`)) group.style.display = visible ? "" : "none";
  const drawn = views.get(chart);
  if (!drawn) return;
  const roots = drawn.roots ?? [...drawn];
  for (const model of roots[0].model.document.all_models) if (model.name === `s${series}`) model.visible = visible;
}

for (const chart of document.querySelectorAll(".chart")) {
  for (const key of chart.querySelectorAll(".key")) {
    key.tabIndex = 0;
    key.setAttribute("role", "button");
    key.setAttribute("aria-pressed", "true");
    const toggle = () => {
      const visible = key.getAttribute("aria-pressed") !== "true";
      key.setAttribute("aria-pressed", visible);
      show(chart, key.dataset.series, visible);
    };
    key.addEventListener("click", toggle);
    key.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      toggle();
    });
  }
  if (!chart.querySelector(".document")) continue;
  if (matchMedia("(hover: none)").matches) {
    // A finger on a chart scrolls the page, until the chart is asked for.
    const button = document.createElement("button");
    button.textContent = "Zoom";
    button.addEventListener("click", () => { button.remove(); redraw(chart); });
    chart.append(button);
  } else {
    new IntersectionObserver((seen, observer) => {
      if (!seen.some((one) => one.isIntersecting)) return;
      observer.disconnect();
      redraw(chart);
    }, {rootMargin: "400px"}).observe(chart);
  }
}
darkness.addEventListener("change", () => { for (const chart of [...views.keys()]) redraw(chart); });

function amount(cell) {
  // The first number of a cell, 1,234.5 or 2.5e-05 or -3 %; NaN for other texts, and for a dash.
  const found = cell.textContent.replaceAll(",", "").replaceAll("\u2212", "-").match(/^\s*([-+]?\d+(\.\d+)?(e[-+]?\d+)?)/i);
  return found ? Number(found[1]) : NaN;
}

function order(table, head, place) {
  const falls = head.getAttribute("aria-sort") === "descending" ? 1 : -1;
  for (const other of table.querySelectorAll("th")) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", falls < 0 ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows].filter((row) => row.querySelector("td"));
  const compare = (one, two) => {
    const [left, right] = [amount(one.cells[place]), amount(two.cells[place])];
    if (isNaN(left) && isNaN(right)) return falls * -one.cells[place].textContent.localeCompare(two.cells[place].textContent);
    return isNaN(left) ? 1 : isNaN(right) ? -1 : falls * (left - right);
  };
  table.tBodies[0].append(...rows.sort(compare));
}

for (const table of document.querySelectorAll("table")) {
  const [head, ...rows] = table.rows;
  if (!head || head.querySelector("td") || rows.length < 2) continue;
  [...head.cells].forEach((cell, place) => {
    if (!cell.textContent.trim()) return;
    const button = document.createElement("button");
    button.append(...cell.childNodes);
    button.title = "Sort";
    button.addEventListener("click", () => order(table, cell, place));
    cell.append(button);
  });
  if (rows.length < 8) continue;
  const filter = document.createElement("input");
  filter.type = "search";
  filter.placeholder = "Filter rows";
  filter.setAttribute("aria-label", "Filter rows");
  filter.addEventListener("input", () => {
    const wanted = filter.value.toLowerCase();
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
  (table.closest(".wide") ?? table).before(filter);
}
