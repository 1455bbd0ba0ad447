// The numbers beside the maps: those that were measured on the recorded attention.
const DISTANCE = 0, DISTANCE_WITHOUT_SINKS = 1, OWN = 2, LARGEST = 3;

function number(slice, which, block, view, query) {
  return slice.numbers[((which * record.blocks + block) * NUM_VIEWS + view) * slice.tokens + query];
}

function meanOverQueries(slice, which, block, view) {
  let sum = 0, count = 0;
  for (let query = 0; query < slice.tokens; query++) {
    const value = number(slice, which, block, view, query);
    if (Number.isFinite(value)) { sum += value; count++; }
  }
  return count ? sum / count : NaN;
}

const showsRelevance = state => state.view === "relevance";
const distanceKind = state => (state.sinks ? DISTANCE_WITHOUT_SINKS : DISTANCE);

// What is shown of one block: its weights (null where there are none) and the numbers that belong to them.
function shownOf(slice, state, block, query) {
  if (showsRelevance(state)) {
    const distance = slice.relevance?.distance[state.label][block] ?? NaN;
    return {
      weights: relevanceOf(slice, block, state.label), distance,
      uniform: slice.relevance?.uniform[state.label] ?? NaN, own: NaN, largest: NaN, everywhere: NaN,
    };
  }
  const view = viewIndex(state), which = distanceKind(state);
  return {
    weights: attentionOf(slice, block, view, query, state.sinks),
    distance: number(slice, which, block, view, query),
    uniform: slice.uniform[query],
    own: number(slice, OWN, block, view, query),
    largest: number(slice, LARGEST, block, view, query),
    everywhere: meanOverQueries(slice, which, block, view),
  };
}

// Dots and line of the chart: single heads and their mean, or one line where there are no heads.
function curvesOf(slice, state, query, shown) {
  const blocks = Array.from({ length: record.blocks }, (_, block) => block);
  if (state.view !== "attention") return { heads: [], line: shown.map(({ distance }) => distance) };
  const at = (block, view) => number(slice, distanceKind(state), block, view, query);
  return {
    heads: blocks.map(block => Array.from({ length: record.heads }, (_, head) => at(block, head))),
    line: blocks.map(block => at(block, MEAN)),
  };
}
