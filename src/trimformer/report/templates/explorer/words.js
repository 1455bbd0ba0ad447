// What is shown, said in words; every number comes from the recorded values.
const fixed = (value, digits = 1) => (Number.isFinite(value) ? value.toFixed(digits) : "–");
const percent = value => `${fixed(100 * value)}\u00a0%`;
const placeOf = (slice, query) => `row ${Math.floor(query / slice.grid[1]) + 1}, column ${query % slice.grid[1] + 1}`;

function viewName(state) {
  if (state.view === "rollout") return `Rollout after block ${state.block + 1}`;
  return `Block ${state.block + 1}, ${state.head === MEAN ? `mean of ${record.heads} heads` : `head ${state.head + 1}`}`;
}

// The label that most pixels under a patch carry.
function underPatch(slice, query) {
  if (!slice.labelMap) return "";
  const [rows, columns] = slice.size, high = rows / slice.grid[0], wide = columns / slice.grid[1];
  const top = Math.floor(query / slice.grid[1]) * high, left = query % slice.grid[1] * wide, counts = new Map();
  for (let row = Math.floor(top); row < top + high; row++) {
    for (let column = Math.floor(left); column < left + wide; column++) {
      const value = slice.labelMap[row * columns + column];
      counts.set(value, (counts.get(value) ?? 0) + 1);
    }
  }
  const [most] = [...counts].sort((one, other) => other[1] - one[1])[0];
  return ` (${record.labels.find(label => label.value === most)?.name ?? "no label"})`;
}

function describe(slice, state, query, weights) {
  const view = viewIndex(state), numbers = which => number(slice, which, state.block, view, query);
  const strongest = weights.indexOf(Math.max(...weights));
  const distance = numbers(state.sinks ? DISTANCE_WITHOUT_SINKS : DISTANCE);
  const gone = slice.sinks[state.block][view].length;
  const parts = [
    `${viewName(state)}. The patch in ${placeOf(slice, query)}${underPatch(slice, query)} looks ${fixed(distance)} mm far`,
    ` on average; uniform attention from there reaches ${fixed(slice.uniform[query])} mm.`,
  ];
  if (state.sinks) parts.push(` ${gone} sink patch${gone === 1 ? " is" : "es are"} taken away.`);
  else {
    parts.push(` ${percent(numbers(OWN))} stays on the patch itself;`);
    parts.push(` the largest weight, ${percent(numbers(LARGEST))}, lies on ${strongest === query ? "itself" : placeOf(slice, strongest)}.`);
  }
  return parts.join("");
}

function describeDepth(slice, depth) {
  const shown = depth === record.blocks ? "The prediction of the whole model" :
    depth === 0 ? "The prediction with every block skipped" : `The prediction with the blocks after ${depth} skipped`;
  if (!slice.dice) return `${shown}, not trained again.`.replace("whole model, not trained again", "whole model");
  const own = `Dice ${fixed(slice.dice[depth], 3)} on this slice`;
  return depth === record.blocks ? `${shown}: ${own}.` :
    `${shown}, not trained again: ${own}; the whole model has ${fixed(slice.dice[record.blocks], 3)}.`;
}
