// The view as the part of the address behind #, and back; what the address does not say, or says wrongly, stays.
const OUTLINES = ["both", "labels", "prediction", "none"];

function viewIndex(state) {
  return state.view === "rollout" ? ROLLOUT : state.head;
}

function views() {
  return Array.from(document.querySelectorAll("input[name=view]:not(:disabled)"), choice => choice.value);
}

function toAddress(state) {
  const [, columns] = record.slices[state.slice].grid;
  return "#" + new URLSearchParams({
    slice: state.slice + 1,
    page: state.page + 1,
    patch: `${Math.floor(state.query / columns) + 1}.${state.query % columns + 1}`,
    block: state.block + 1,
    view: state.view,
    head: state.head === MEAN ? "mean" : state.head + 1,
    class: state.label + 1,
    sinks: state.sinks ? "removed" : "kept",
    outlines: state.outlines,
    depth: state.depth,
    window: state.window,
    overlay: state.overlay,
  });
}

function fromAddress(text, state) {
  const said = new URLSearchParams(text.replace(/^#/, ""));
  const whole = (name, least, most, otherwise) => {
    const value = Number(said.get(name));
    return /^\d+$/.test(said.get(name) ?? "") && value >= least && value <= most ? value : otherwise;
  };
  const among = (name, values, otherwise) => (values.includes(said.get(name)) ? said.get(name) : otherwise);
  const slice = whole("slice", 1, record.slices.length, state.slice + 1) - 1, shown = record.slices[slice];
  const [rows, columns] = shown.grid;
  const [row, column] = (said.get("patch") ?? "").split(".").map(Number);
  const inGrid = row >= 1 && row <= rows && column >= 1 && column <= columns
    && Number.isInteger(row) && Number.isInteger(column);
  const page = slice === state.slice ? state.page : shown.index;
  return {
    ...state,
    slice,
    page: shown.volume === null ? shown.index : whole("page", 1, shown.of, page + 1) - 1,
    query: inGrid ? (row - 1) * columns + column - 1 : Math.min(state.query, rows * columns - 1),
    block: whole("block", 1, record.blocks, state.block + 1) - 1,
    view: among("view", views(), state.view),
    head: said.get("head") === "mean" ? MEAN : whole("head", 1, record.heads, state.head + 1) - 1,
    label: whole("class", 1, record.labels.length, state.label + 1) - 1,
    sinks: among("sinks", ["removed", "kept"], state.sinks ? "removed" : "kept") === "removed",
    outlines: among("outlines", OUTLINES, state.outlines),
    depth: whole("depth", record.blocks + 1 - record.depths, record.blocks, state.depth),
    window: among("window", Object.keys(record.slices[0].windows), state.window),
    overlay: whole("overlay", 0, 100, state.overlay),
  };
}
