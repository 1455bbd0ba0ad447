// What is shown, said in words; every number comes from the recorded values.
const fixed = (value, digits = 1) => (Number.isFinite(value) ? value.toFixed(digits) : "–");
const percent = value => (Number.isFinite(value) ? `${fixed(100 * value)}\u00a0%` : "–");
const placeOf = (slice, query) => `row ${Math.floor(query / slice.grid[1]) + 1}, column ${query % slice.grid[1] + 1}`;

function viewName(state) {
  if (showsRelevance(state)) return `Relevance for ${record.labels[state.label].name}, after block ${state.block + 1}`;
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

function strongestOf(weights) {
  return weights.indexOf(Math.max(...weights));
}

function describe(slice, state, query, shown) {
  return showsRelevance(state) ? describeRelevance(slice, state, shown) : describeAttention(slice, state, query, shown);
}

function describeAttention(slice, state, query, { weights, distance, uniform, own, largest }) {
  const strongest = strongestOf(weights), gone = slice.sinks[state.block][viewIndex(state)].length;
  const parts = [
    `${viewName(state)}. The patch in ${placeOf(slice, query)}${underPatch(slice, query)} looks ${fixed(distance)} mm far`,
    ` on average; uniform attention from there reaches ${fixed(uniform)} mm.`,
  ];
  if (state.sinks) parts.push(` ${gone} sink patch${gone === 1 ? " is" : "es are"} taken away.`);
  else {
    parts.push(` ${percent(own)} stays on the patch itself;`);
    parts.push(` the largest weight, ${percent(largest)}, lies on ${strongest === query ? "itself" : placeOf(slice, strongest)}.`);
  }
  return parts.join("");
}

function describeRelevance(slice, state, { weights, distance, uniform }) {
  const name = record.labels[state.label].name;
  if (!slice.relevance) return `${viewName(state)}: it was not recorded for this slice.`;
  if (!weights) return `${viewName(state)}: nothing to trace back, the model does not predict it here.`;
  return `${viewName(state)}. What the pixels predicted as ${name} drew on lies ${fixed(distance)} mm far from them on`
    + ` average; if all patches spoke alike it were ${fixed(uniform)} mm. The patch that speaks most, ${placeOf(slice, strongestOf(weights))},`
    + ` has ${percent(Math.max(...weights))} of it. The chosen patch plays no part in this view.`;
}

function describePage(slice, page) {
  const recorded = record.slices.filter(other => other.patient === slice.patient).map(other => other.index + 1);
  const list = recorded.length === 1 ? `slice ${recorded[0]} has` :
    `slices ${recorded.slice(0, -1).join(", ")} and ${recorded.at(-1)} have`;
  return `Slice ${page + 1} of ${slice.of} of ${slice.patient}: image and outlines alone. Of this volume, ${list} attention to look at.`;
}

function describeDepth(slice, depth, page) {
  if (page !== slice.index) return "Predictions with blocks skipped are kept for the slices with attention.";
  const shown = depth === record.blocks ? "The prediction of the whole model" :
    depth === 0 ? "The prediction with every block skipped" : `The prediction with the blocks after ${depth} skipped`;
  if (!slice.dice) return depth === record.blocks ? `${shown}.` : `${shown}, not trained again.`;
  const at = slice.dice.length - 1 - (record.blocks - depth);
  const own = `Dice ${fixed(slice.dice[at], 3)} on this slice`;
  return depth === record.blocks ? `${shown}: ${own}.` :
    `${shown}, not trained again: ${own}; the whole model has ${fixed(slice.dice.at(-1), 3)}.`;
}

// What stands under the panels and under the chart, by what is shown.
const CAPTIONS = {
  attention: [
    "Under each block: the mean distance from the chosen patch to what it attends to. The mark on the bar is uniform attention from the same place.",
    "The chosen patch, in mm: line for the mean of the heads, dots for single heads, dashed for uniform attention.",
  ],
  rollout: [
    "Under each block: the mean distance from the chosen patch to the patches whose input its state comes from. The mark on the bar is what it would be if all counted alike.",
    "The chosen patch, in mm: how far its rollout reaches after each block, dashed if all patches counted alike.",
  ],
  relevance: [
    "Under each block: the mean distance from the class's patches to the patches that spoke for it. The mark on the bar is what it would be if all spoke alike.",
    "The chosen class, in mm: how far its relevance reaches after each block, dashed if all patches spoke alike.",
  ],
};
