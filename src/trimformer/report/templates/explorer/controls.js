// The controls: what they show of the state, and how they change it.
function showControls() {
  const slice = record.slices[state.slice], relevance = showsRelevance(state), paged = state.page !== slice.index;
  for (const name of ["slice", "outlines", "window", "overlay", "depth"]) by(name).value = state[name];
  by("head").value = state.head === MEAN ? "mean" : state.head + 1;
  by("head").disabled = state.view !== "attention";
  by("head-field").hidden = relevance;
  by("class-field").hidden = !relevance;
  by("class").value = state.label;
  by("sinks").checked = state.sinks;
  by("sinks").disabled = relevance;
  for (const choice of by("tools").elements.view) choice.checked = choice.value === state.view;
  by("previous").disabled = neighbour(-1) === null;
  by("next").disabled = neighbour(1) === null;
  by("depth").disabled = paged || record.depths === 1;
  by("depth-value").textContent = `${state.depth} of ${record.blocks}`;
  by("depth-words").textContent = describeDepth(slice, state.depth, state.page);
  by("depth").setAttribute("aria-valuetext", `${state.depth} of ${record.blocks}`);
  [by("panels-words").textContent, by("chart-words").textContent] = CAPTIONS[state.view];
  showPaging(slice);
}

function showPaging(slice) {
  by("paging").hidden = slice.volume === null;
  by("page").max = slice.of - 1;
  by("page").value = state.page;
  by("page").setAttribute("aria-valuetext", `slice ${state.page + 1} of ${slice.of}`);
  by("page-value").textContent = `${state.page + 1} of ${slice.of}`;
  const recorded = record.slices.filter(other => other.patient === slice.patient);
  by("ticks").replaceChildren(...recorded.map(({ index, of }) => {
    const tick = document.createElement("i");
    tick.style.left = `${100 * index / Math.max(1, of - 1)}%`;
    return tick;
  }));
}

function buildPanels() {
  for (const block of blocks) {
    const panel = document.createElement("button"), row = by("numbers").tBodies[0].insertRow();
    panel.type = "button";
    panel.className = "panel";
    panel.innerHTML = `<canvas aria-hidden="true"></canvas><span class="name">Block ${block + 1}</span> ` +
      '<span class="value">–</span><span class="reach" aria-hidden="true"><i></i><b></b></span>';
    panel.addEventListener("click", () => change({ block }));
    row.append(Object.assign(document.createElement("th"), { scope: "row", textContent: block + 1 }));
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
  const { grid: [rows, columns], volume } = record.slices[state.slice];
  const row = Math.floor(state.query / columns), column = state.query % columns;
  const turn = step => () => (volume === null ? change({}) : turnTo(state.page + step));
  const moves = {
    ArrowUp: () => change({ query: state.query - (row > 0 ? columns : 0) }),
    ArrowDown: () => change({ query: state.query + (row < rows - 1 ? columns : 0) }),
    ArrowLeft: () => change({ query: state.query - (column > 0 ? 1 : 0) }),
    ArrowRight: () => change({ query: state.query + (column < columns - 1 ? 1 : 0) }),
    "[": () => change({ block: Math.max(0, state.block - 1) }),
    "]": () => change({ block: Math.min(record.blocks - 1, state.block + 1) }),
    PageUp: () => goTo(neighbour(-1)),
    PageDown: () => goTo(neighbour(1)),
    ",": turn(-1),
    ".": turn(1),
  };
  if (!moves[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  moves[event.key]();
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

function listenToPicture() {
  large.addEventListener("pointermove", event => {
    if (event.pointerType !== "mouse" || state.page !== record.slices[state.slice].index) return;
    const query = queryAt(event);
    if (query !== hovered) { hovered = query; later(); }
  });
  large.addEventListener("pointerleave", () => { hovered = null; later(); });
  large.addEventListener("click", event => change({ query: queryAt(event) }));
  large.addEventListener("keydown", keyPressed);
}

function listen() {
  listenToPicture();
  by("previous").addEventListener("click", () => goTo(neighbour(-1)));
  by("next").addEventListener("click", () => goTo(neighbour(1)));
  by("slice").addEventListener("change", event => goTo(Number(event.target.value)));
  by("head").addEventListener("change", ({ target: { value } }) =>
    change({ head: value === "mean" ? MEAN : Number(value) - 1 }));
  by("class").addEventListener("change", event => change({ label: Number(event.target.value) }));
  for (const name of ["outlines", "window"]) {
    by(name).addEventListener("change", event => change({ [name]: event.target.value }));
  }
  for (const name of ["overlay", "depth"]) {
    by(name).addEventListener("input", event => change({ [name]: Number(event.target.value) }));
  }
  by("page").addEventListener("input", event => turnTo(Number(event.target.value)));
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

start();
