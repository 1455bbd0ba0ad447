// Slices, volumes and weights of attention out of the record.
const MEAN = record.heads, ROLLOUT = record.heads + 1, NUM_VIEWS = record.heads + 2;

async function readPictures(slice) {
  if (slice.grey) return slice;
  slice.labelMap = slice.labels === null ? null : await unpack(slice.labels, Uint8Array);
  slice.grey = await unpack(slice.image, Uint16Array);
  slice.tokens = slice.grid[0] * slice.grid[1];
  return slice;
}

function readAttention(slice) {
  slice.reading ??= (async () => {
    const place = record.slices.indexOf(slice);
    const blocks = Array.from({ length: record.blocks }, (_, block) => part(`maps-${place}-${block}`, Uint8Array));
    slice.numbers = await part(`numbers-${place}`, Float32Array);
    slice.uniform = await part(`uniform-${place}`, Float32Array);
    slice.predictions = await part(`predictions-${place}`, Uint8Array);
    if (slice.relevance) slice.relevance.patches = await part(`relevance-${place}`, Float32Array);
    slice.maps = await Promise.all(blocks);
    slice.ready = true;
    return slice;
  })();
  return slice.reading;
}

function readVolume(volume) {
  volume.reading ??= (async () => {
    const place = record.volumes.indexOf(volume);
    volume.labelMaps = volume.labelled ? await part(`volume-labels-${place}`, Uint8Array) : null;
    volume.predictions = await part(`volume-predictions-${place}`, Uint8Array);
    volume.greys = await part(`volume-${place}`, Uint8Array);
    volume.planes = new Map();
    return volume;
  })();
  return volume.reading;
}

// A slice of a volume as something to paint, in the windows of the slice that was chosen before.
function planeOf(slice, page) {
  const volume = record.volumes[slice.volume], key = `${page} ${record.slices.indexOf(slice)}`;
  if (!volume.planes.has(key)) {
    const [, rows, columns] = volume.size, start = page * rows * columns;
    const cut = values => values?.subarray(start, start + rows * columns) ?? null;
    if (volume.planes.size > 60) volume.planes.clear();
    volume.planes.set(key, {
      size: [rows, columns], grid: slice.grid, range: volume.range, windows: slice.windows,
      grey: cut(volume.greys), labelMap: cut(volume.labelMaps), predictions: cut(volume.predictions),
    });
  }
  return volume.planes.get(key);
}

const squares = Float32Array.from({ length: record.levels + 1 }, (_, step) => (step / record.levels) ** 2);

function addRow(slice, block, view, query, weights, share) {
  const stored = view === ROLLOUT ? record.heads : view;
  const start = (stored * slice.tokens + query) * slice.tokens, bytes = slice.maps[block];
  const most = share * number(slice, LARGEST, block, view, query);
  for (let key = 0; key < slice.tokens; key++) weights[key] += most * squares[bytes[start + key]];
}

// One query's attention over all keys; with the sinks taken away the rest is brought back to a sum of 1.
function attentionOf(slice, block, view, query, withoutSinks) {
  const weights = new Float32Array(slice.tokens);
  if (view !== MEAN) addRow(slice, block, view, query, weights, 1);
  else for (let head = 0; head < record.heads; head++) addRow(slice, block, head, query, weights, 1 / record.heads);
  if (!withoutSinks) return weights;
  for (const key of slice.sinks[block][view]) weights[key] = 0;
  const left = weights.reduce((sum, weight) => sum + weight, 0);
  return left > 0 ? weights.map(weight => weight / left) : weights;
}

function relevanceOf(slice, block, label) {
  const start = (label * record.blocks + block) * slice.tokens;
  const weights = slice.relevance?.patches.subarray(start, start + slice.tokens);
  return weights && Number.isFinite(weights[0]) ? weights : null;
}
