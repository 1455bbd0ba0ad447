// The page itself: one state, and one function that draws it.
const by = id => document.getElementById(id);
const large = by("large"), panels = [], blocks = Array.from({ length: record.blocks }, (_, block) => block);
let state = fromAddress(location.hash, {
  slice: 0, page: record.slices[0].index, query: centre(record.slices[0]), block: 0, view: "attention", head: MEAN,
  label: 0, sinks: false, outlines: "prediction", depth: record.blocks, window: Object.keys(record.slices[0].windows)[0],
  overlay: 70,
});
let hovered = null, colours = null, aspect = 1, fitted = false, waiting = false, telling = 0;

function centre(slice) {
  return Math.floor(slice.grid[0] / 2) * slice.grid[1] + Math.floor(slice.grid[1] / 2);
}

function draw() {
  waiting = false;
  const slice = record.slices[state.slice], paged = state.page !== slice.index, query = hovered ?? state.query;
  if (!slice.grey || !colours || (paged && !record.volumes[slice.volume].greys)) return;
  const picture = paged ? planeOf(slice, state.page) : slice;
  const shown = !paged && slice.ready ? blocks.map(block => shownOf(slice, state, block, query)) : null;
  const look = {
    colours, overlay: state.overlay / 100, window: state.window, query: paged || showsRelevance(state) ? null : query,
  };
  for (const part of ["panels", "panels-words", "measured"]) by(part).hidden = paged;
  const outlines = outlinesShown(picture, paged ? 0 : state.depth - (record.blocks + 1 - record.depths));
  paint(large, picture, { ...look, weights: shown?.[state.block].weights, outlines });
  if (!paged) panels.forEach(({ panel, canvas }, block) => {
    if (!fitted) fit(canvas, aspect);
    paint(canvas, slice, { ...look, weights: shown?.[block].weights });
    panel.setAttribute("aria-pressed", block === state.block);
  });
  fitted = !paged;
  if (shown) {
    drawNumbers(slice, query, shown);
    by("words").textContent = describe(slice, state, query, shown[state.block]);
  } else if (paged) by("words").textContent = describePage(slice, state.page);
}

function drawNumbers(slice, query, shown) {
  const { heads, line } = curvesOf(slice, state, query, shown), { uniform } = shown[state.block];
  drawChart(by("chart"), { heads, line, uniform, chosen: state.block, head: viewIndex(state) });
  const most = Math.max(...slice.uniform) * 1.15;
  shown.forEach(({ distance, own, largest, everywhere }, block) => {
    const { value, bar, mark, cells } = panels[block];
    value.textContent = `${fixed(distance)} mm`;
    bar.style.transform = `scaleX(${Math.min(1, (distance || 0) / most)})`;
    mark.style.left = `${Math.min(100, 100 * (uniform || 0) / most)}%`;
    const told = [fixed(distance), fixed(distance / uniform, 2), percent(own), percent(largest), fixed(everywhere),
      state.view === "attention" ? fixed(record.profile?.[block]) : "–"];
    cells.forEach((cell, index) => { cell.textContent = told[index]; });
  });
}

function outlinesShown(picture, depth) {
  const shown = [];
  if (picture.labelMap && ["both", "labels"].includes(state.outlines)) shown.push(["labels", null]);
  if (picture.predictions && ["both", "prediction"].includes(state.outlines)) shown.push(["prediction", depth]);
  return shown;
}

function later() {
  if (!waiting) requestAnimationFrame(draw);
  waiting = true;
}

// A change that stays: drawn in the next frame; the address and what a screen reader says follow when it comes to rest.
function change(entries) {
  const before = state.slice;
  state = { ...state, ...entries };
  hovered = null;
  if (before !== state.slice) {
    const { grid, index } = record.slices[state.slice];
    state.query = Math.min(state.query, grid[0] * grid[1] - 1);
    state.page = entries.page ?? index;
    open();
  }
  const { index, volume } = record.slices[state.slice];
  if (state.page !== index) readVolume(record.volumes[volume]).then(later);
  showControls();
  later();
  clearTimeout(telling);
  telling = setTimeout(tell, 150);
}

// Any slice of the volume; one that was recorded comes with its attention, the others keep the last one before them.
function turnTo(page) {
  const { patient, of } = record.slices[state.slice], place = Math.max(0, Math.min(of - 1, page));
  const own = record.slices.map(({ patient: other }, slice) => (other === patient ? slice : -1)).filter(at => at >= 0);
  const slice = own.findLast(at => record.slices[at].index <= place) ?? own[0];
  change({ slice, page: place });
}

// The slice with attention that comes before (-1) or after (1) what is shown; null at the end.
function neighbour(step) {
  const past = Math.sign(state.page - record.slices[state.slice].index);
  const slice = past === -step ? state.slice : state.slice + step;
  return record.slices[slice] ? slice : null;
}

function goTo(slice) {
  if (slice !== null) change({ slice, page: record.slices[slice].index });
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
  aspect = columns * across / (rows * down);
  document.documentElement.style.setProperty("--aspect", aspect);
  fit(large, aspect);
  fitted = false;
  for (const side of document.querySelectorAll("[data-side]")) side.textContent = slice.sides[side.dataset.side];
  const width = columns * across, length = niceStep(width, 5);
  by("bar").querySelector("i").style.width = `${large.clientWidth * length / width}px`;
  by("bar").querySelector("span").textContent = `${length} mm`;
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
  const { index, volume } = record.slices[state.slice];
  if (state.page !== index) await readVolume(record.volumes[volume]).then(later);
  for (const slice of record.slices) await readAttention(await readPictures(slice));
  for (const volume of record.volumes) await readVolume(volume);
}
