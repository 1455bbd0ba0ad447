// The view as the part of the address behind #, and back; what the address does not say, or says wrongly, stays.
const OUTLINES = ["both", "labels", "prediction", "none"];

function viewIndex(state) {
  return state.view === "rollout" ? ROLLOUT : state.head;
}

function toAddress(state) {
  const [, columns] = record.slices[state.slice].grid;
  return "#" + new URLSearchParams({
    slice: state.slice + 1,
    patch: `${Math.floor(state.query / columns) + 1}.${state.query % columns + 1}`,
    block: state.block + 1,
    view: state.view,
    head: state.head === MEAN ? "mean" : state.head + 1,
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
  const slice = whole("slice", 1, record.slices.length, state.slice + 1) - 1;
  const [rows, columns] = record.slices[slice].grid;
  const [row, column] = (said.get("patch") ?? "").split(".").map(Number);
  const inGrid = row >= 1 && row <= rows && column >= 1 && column <= columns
    && Number.isInteger(row) && Number.isInteger(column);
  return {
    ...state,
    slice,
    query: inGrid ? (row - 1) * columns + column - 1 : Math.min(state.query, rows * columns - 1),
    block: whole("block", 1, record.blocks, state.block + 1) - 1,
    view: among("view", ["attention", "rollout"], state.view),
    head: said.get("head") === "mean" ? MEAN : whole("head", 1, record.heads, state.head + 1) - 1,
    sinks: among("sinks", ["removed", "kept"], state.sinks ? "removed" : "kept") === "removed",
    outlines: among("outlines", OUTLINES, state.outlines),
    depth: whole("depth", 0, record.blocks, state.depth),
    window: among("window", Object.keys(record.slices[0].windows), state.window),
    overlay: whole("overlay", 0, 100, state.overlay),
  };
}
