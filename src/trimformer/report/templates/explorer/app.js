// The page itself: one state, one function that draws it, and the controls that change it.
const by = id => document.getElementById(id);
const large = by("large"), panels = [];
let state = fromAddress(location.hash, {
  slice: 0, query: centre(record.slices[0]), block: 0, view: "attention", head: MEAN, sinks: false,
  outlines: "both", depth: record.blocks, window: Object.keys(record.slices[0].windows)[0], overlay: 70,
});
let hovered = null, colours = null, waiting = false, telling = 0;

function centre(slice) {
  return Math.floor(slice.grid[0] / 2) * slice.grid[1] + Math.floor(slice.grid[1] / 2);
}

function draw() {
  waiting = false;
  const slice = record.slices[state.slice];
  if (!slice.grey || !colours) return;
  const query = hovered ?? state.query, view = viewIndex(state);
  const weights = slice.ready
    ? Array.from({ length: record.blocks }, (_, block) => weightsOf(slice, block, view, query, state.sinks)) : null;
  const look = { colours, overlay: state.overlay / 100, window: state.window, query };
  paint(large, slice, { ...look, weights: weights?.[state.block], outlines: outlinesShown(slice) });
  panels.forEach((panel, block) => paint(panel.canvas, slice, { ...look, weights: weights?.[block] }));
  if (!weights) return;
  drawNumbers(slice, view, query);
  by("words").textContent = describe(slice, state, query, weights[state.block]);
}

function drawNumbers(slice, view, query) {
  const which = state.sinks ? DISTANCE_WITHOUT_SINKS : DISTANCE, uniform = slice.uniform[query];
  const blocks = Array.from({ length: record.blocks }, (_, block) => block);
  const line = blocks.map(block => number(slice, which, block, view === ROLLOUT ? ROLLOUT : MEAN, query));
  const heads = view === ROLLOUT ? [] : blocks.map(block =>
    Array.from({ length: record.heads }, (_, head) => number(slice, which, block, head, query)));
  drawChart(by("chart"), { heads, line, uniform, chosen: state.block, head: view });
  const most = Math.max(...slice.uniform) * 1.15;
  blocks.forEach(block => {
    const distance = number(slice, which, block, view, query), { panel, value, bar, mark, cells } = panels[block];
    value.textContent = `${fixed(distance)} mm`;
    bar.style.transform = `scaleX(${Math.min(1, (distance || 0) / most)})`;
    mark.style.left = `${Math.min(100, 100 * uniform / most)}%`;
    panel.setAttribute("aria-pressed", block === state.block);
    [fixed(distance), fixed(distance / uniform, 2), percent(number(slice, OWN, block, view, query)),
      percent(number(slice, LARGEST, block, view, query)), fixed(meanOverQueries(slice, which, block, view)),
      fixed(record.profile?.[block])].forEach((text, index) => { if (cells[index]) cells[index].textContent = text; });
  });
}

function outlinesShown(slice) {
  const shown = [];
  if (slice.labelMap && ["both", "labels"].includes(state.outlines)) shown.push(["labels", null]);
  if (slice.ready && ["both", "prediction"].includes(state.outlines)) shown.push(["prediction", state.depth]);
  return shown;
}

function later() {
  if (!waiting) requestAnimationFrame(draw);
  waiting = true;
}

// A change that stays: drawn in the next frame; the address and what a screen reader says follow when it comes to rest.
function change(entries) {
  const slice = state.slice;
  state = { ...state, ...entries };
  hovered = null;
  if (slice !== state.slice) {
    const { tokens, grid } = record.slices[state.slice];
    state.query = Math.min(state.query, (tokens ?? grid[0] * grid[1]) - 1);
    open();
  }
  showControls();
  later();
  clearTimeout(telling);
  telling = setTimeout(tell, 150);
}

function tell() {
  history.replaceState(null, "", toAddress(state));
  by("live").textContent = by("words").textContent;
}

async function open() {
  const slice = await readPictures(record.slices[state.slice]);
  arrange();
  if (!slice.ready) by("words").textContent = "Reading the attention…";
  later();
  await readAttention(slice);
  showControls();
  later();
}

function arrange() {
  const slice = record.slices[state.slice], [rows, columns] = slice.size, [down, across] = slice.spacing;
  const aspect = columns * across / (rows * down);
  document.documentElement.style.setProperty("--aspect", aspect);
  for (const canvas of [large, ...panels.map(panel => panel.canvas)]) fit(canvas, aspect);
  for (const side of document.querySelectorAll("[data-side]")) side.textContent = slice.sides[side.dataset.side];
  const width = columns * across, length = niceStep(width, 5);
  by("bar").querySelector("i").style.width = `${large.clientWidth * length / width}px`;
  by("bar").querySelector("span").textContent = `${length} mm`;
}

function showControls() {
  const slice = record.slices[state.slice], form = by("tools");
  for (const name of ["slice", "outlines", "window", "overlay", "depth"]) by(name).value = state[name];
  by("head").value = state.head === MEAN ? "mean" : state.head + 1;
  by("head").disabled = state.view === "rollout";
  by("sinks").checked = state.sinks;
  for (const choice of form.elements.view) choice.checked = choice.value === state.view;
  by("previous").disabled = state.slice === 0;
  by("next").disabled = state.slice === record.slices.length - 1;
  by("depth-value").textContent = `${state.depth} of ${record.blocks}`;
  by("depth-words").textContent = describeDepth(slice, state.depth);
  by("depth").setAttribute("aria-valuetext", `${state.depth} of ${record.blocks}`);
}

function buildPanels() {
  for (let block = 0; block < record.blocks; block++) {
    const panel = document.createElement("button"), row = by("numbers").tBodies[0].insertRow();
    panel.type = "button";
    panel.className = "panel";
    panel.innerHTML = `<canvas aria-hidden="true"></canvas><span class="name">Block ${block + 1}</span> ` +
      '<span class="value">–</span><span class="reach" aria-hidden="true"><i></i><b></b></span>';
    panel.addEventListener("click", () => change({ block }));
    const head = Object.assign(document.createElement("th"), { scope: "row", textContent: block + 1 });
    row.append(head);
    const cells = Array.from({ length: record.profile ? 6 : 5 }, () => row.insertCell());
    by("panels").append(panel);
    const [value, bar, mark] = [".value", "i", "b"].map(name => panel.querySelector(name));
    panels.push({ panel, canvas: panel.querySelector("canvas"), value, bar, mark, cells });
  }
}

function queryAt(event) {
  const { grid: [rows, columns] } = record.slices[state.slice], box = large.getBoundingClientRect();
  const at = (place, size, count) => Math.max(0, Math.min(count - 1, Math.floor(place / size * count)));
  return at(event.clientY - box.top, box.height, rows) * columns + at(event.clientX - box.left, box.width, columns);
}

function keyPressed(event) {
  const { grid: [rows, columns] } = record.slices[state.slice];
  const row = Math.floor(state.query / columns), column = state.query % columns;
  const moves = {
    ArrowUp: { query: state.query - (row > 0 ? columns : 0) },
    ArrowDown: { query: state.query + (row < rows - 1 ? columns : 0) },
    ArrowLeft: { query: state.query - (column > 0 ? 1 : 0) },
    ArrowRight: { query: state.query + (column < columns - 1 ? 1 : 0) },
    "[": { block: Math.max(0, state.block - 1) },
    "]": { block: Math.min(record.blocks - 1, state.block + 1) },
    PageUp: { slice: Math.max(0, state.slice - 1) },
    PageDown: { slice: Math.min(record.slices.length - 1, state.slice + 1) },
  };
  if (!moves[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  change(moves[event.key]);
}

async function copyLink() {
  tell();
  try {
    await navigator.clipboard.writeText(location.href);
    by("link").textContent = "Copied";
  } catch {
    by("link").textContent = "Copy the address bar";
  }
  setTimeout(() => { by("link").textContent = "Copy link"; }, 1800);
}

function listen() {
  large.addEventListener("pointermove", event => {
    if (event.pointerType !== "mouse") return;
    const query = queryAt(event);
    if (query !== hovered) { hovered = query; later(); }
  });
  large.addEventListener("pointerleave", () => { hovered = null; later(); });
  large.addEventListener("click", event => change({ query: queryAt(event) }));
  large.addEventListener("keydown", keyPressed);
  by("previous").addEventListener("click", () => change({ slice: state.slice - 1 }));
  by("next").addEventListener("click", () => change({ slice: state.slice + 1 }));
  by("slice").addEventListener("change", event => change({ slice: Number(event.target.value) }));
  by("head").addEventListener("change", ({ target: { value } }) =>
    change({ head: value === "mean" ? MEAN : Number(value) - 1 }));
  for (const name of ["outlines", "window"]) {
    by(name).addEventListener("change", event => change({ [name]: event.target.value }));
  }
  for (const name of ["overlay", "depth"]) {
    by(name).addEventListener("input", event => change({ [name]: Number(event.target.value) }));
  }
  by("sinks").addEventListener("change", event => change({ sinks: event.target.checked }));
  for (const choice of by("tools").elements.view) {
    choice.addEventListener("change", () => change({ view: choice.value }));
  }
  by("tools").addEventListener("submit", event => event.preventDefault());
  by("link").addEventListener("click", copyLink);
  addEventListener("hashchange", () => change(fromAddress(location.hash, state)));
  addEventListener("resize", () => { arrange(); later(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", later);
}

async function start() {
  buildPanels();
  listen();
  showControls();
  colours = await unpack(record.colours, Uint8Array);
  const scale = by("scale").getContext("2d"), strip = scale.createImageData(256, 1);
  for (let at = 0; at < 256; at++) strip.data.set([...colours.subarray(3 * at, 3 * at + 3), 255], 4 * at);
  scale.putImageData(strip, 0, 0);
  by("scale-low").textContent = `1/${record.limit} ×`;
  by("scale-high").textContent = `${record.limit} × uniform`;
  await open();
  for (const slice of record.slices) await readAttention(await readPictures(slice));
}

start();
