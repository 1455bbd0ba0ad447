// The controls: what they show of the state, and how they change it.
const KEYS = { n: "scan", t: "truth", p: "prediction", d: "difference" };

function showControls() {
  const { windows, words, scores } = record.patients[volumes.place];
  for (const name of ["patient", "model"]) by(name).value = state[name];
  by("window").replaceChildren(...windows.map((each, place) => new Option(each.words, place, false, place === state.window)));
  for (const choice of by("tools").elements.shown) choice.checked = choice.value === state.shown;
  by("opacity").value = 100 * state.opacity;
  by("patient-words").textContent = [...words, outsideInWords(volumes)].join(" ");
  record.labels.forEach(({ value }, place) => {
    const row = by("labels").tBodies[0].rows[place];
    row.querySelector("input").checked = !state.hidden.has(value);
    scores.forEach((score, model) => { row.cells[model + 1].textContent = score?.labels[value] ?? "–"; });
  });
  scores.forEach((score, model) => { by("labels").tBodies[0].rows[record.labels.length].cells[model + 1].textContent = score?.mean ?? "–"; });
  for (const row of by("labels").rows) [...row.cells].forEach((cell, place) => cell.classList.toggle("chosen", place === volumes.model + 1));
}

function buildLabels() {
  for (const { value, name, colour } of record.labels) {
    const row = by("labels").tBodies[0].insertRow(), head = document.createElement("th"), label = document.createElement("label");
    const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: true });
    const swatch = document.createElement("i");
    swatch.style.background = colour;
    head.scope = "row";
    label.append(box, swatch, name);
    head.append(label);
    row.append(head, ...record.models.map(() => document.createElement("td")));
    box.addEventListener("change", () => turn(value));
  }
  const last = by("labels").tBodies[0].insertRow();
  last.append(Object.assign(document.createElement("th"), { scope: "row", textContent: "mean" }));
  last.append(...record.models.map(() => document.createElement("td")));
}

function turn(value) {
  const hidden = new Set(state.hidden);
  if (!hidden.delete(value)) hidden.add(value);
  change({ hidden });
}

function keyPressed(event) {
  // NiiVue has keys of its own, which would turn the picture into others.
  event.stopPropagation();
  if (event.type !== "keydown" || event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.toLowerCase(), label = record.labels[Number(key) - 1];
  const moves = {
    arrowleft: () => move(0, 1), arrowright: () => move(0, -1), arrowup: () => move(1, 1), arrowdown: () => move(1, -1),
    pageup: () => move(2, 1), pagedown: () => move(2, -1),
    m: () => change({ model: (state.model + 1) % record.models.length }),
  };
  const action = moves[key] ?? (KEYS[key] && (() => change({ shown: KEYS[key] }))) ?? (label && (() => turn(label.value)));
  if (!action) return;
  event.preventDefault();
  action();
}

function listen() {
  buildLabels();
  by("tools").addEventListener("submit", event => event.preventDefault());
  for (const name of ["patient", "model", "window"]) {
    by(name).addEventListener("change", event => change({ [name]: Number(event.target.value) }));
  }
  for (const choice of by("tools").elements.shown) choice.addEventListener("change", () => change({ shown: choice.value }));
  by("opacity").addEventListener("input", event => change({ opacity: event.target.value / 100 }));
  by("all").addEventListener("click", () => change({ hidden: new Set() }));
  by("none").addEventListener("click", () => change({ hidden: new Set(record.labels.map(({ value }) => value)) }));
  for (const axis of [0, 1, 2]) {
    by(`place-${axis}`).addEventListener("input", event => move(axis, event.target.value - crossOf(planes)[axis]));
  }
  for (const type of ["keydown", "keyup"]) by("stage").addEventListener(type, keyPressed, { capture: true });
  by("planes").addEventListener("webglcontextlost", () => giveUp("The graphics of this browser gave up."));
  planes.onLocationChange = () => { if (volumes) tell(); };
  addEventListener("resize", () => { if (volumes) { arrangePlanes(planes, by("stage")); tell(); } });
}

start();
