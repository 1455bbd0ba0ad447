// Pictures: everything that stays is drawn once and kept, so that a new patch costs a few small copies.
function canvasOf(width, height) {
  return Object.assign(document.createElement("canvas"), { width, height });
}

function greyCanvas(picture, window) {
  picture.shades ??= new Map();
  if (!picture.shades.has(window)) {
    const [rows, columns] = picture.size, [least, most, levels] = picture.range;
    const [low, high] = picture.windows[window].map(value => (value - least) / Math.max(most - least, 1e-12) * levels);
    const canvas = canvasOf(columns, rows), context = canvas.getContext("2d");
    const image = context.createImageData(columns, rows);
    for (let at = 0; at < picture.grey.length; at++) {
      const grey = 255 * (picture.grey[at] - low) / Math.max(high - low, 1e-9);
      image.data.fill(Math.max(0, Math.min(255, grey)), 4 * at, 4 * at + 3);
      image.data[4 * at + 3] = 255;
    }
    context.putImageData(image, 0, 0);
    picture.shades.set(window, canvas);
  }
  return picture.shades.get(window);
}

// Outlines at the size of the large picture, by what they show.
function outlineCanvas(picture, kind, depth, width, height) {
  const key = `${kind} ${kind === "labels" ? "" : depth} ${width} ${height}`;
  picture.outlines ??= new Map();
  if (!picture.outlines.has(key)) {
    const [rows, columns] = picture.size, pixels = rows * columns;
    const map = kind === "labels" ? picture.labelMap : picture.predictions.subarray(depth * pixels, (depth + 1) * pixels);
    const canvas = canvasOf(width, height), context = canvas.getContext("2d");
    const across = width / columns, down = height / rows;
    context.lineJoin = "round";
    for (const { path, colour } of outlinesOf(map, picture.size)) {
      const line = new Path2D();
      line.addPath(path, new DOMMatrix([across, 0, 0, down, 0, 0]));
      context.setLineDash(kind === "labels" ? [] : [5 * pixelRatio(), 4 * pixelRatio()]);
      for (const [style, thick] of [["rgb(0 0 0 / 0.5)", 2.6], [colour, 1.4]]) {
        context.strokeStyle = style;
        context.lineWidth = thick * pixelRatio();
        context.stroke(line);
      }
    }
    if (picture.outlines.size > 40) picture.outlines.clear();
    picture.outlines.set(key, canvas);
  }
  return picture.outlines.get(key);
}

function pixelRatio() {
  return Math.min(window.devicePixelRatio || 1, 2);
}

// Half of the scale lies below uniform attention, half above; weak attention lets more of the image through.
const tiny = canvasOf(1, 1);
function paintAttention(context, { grid }, weights, colours, overlay, width, height) {
  const [rows, columns] = grid;
  if (tiny.width !== columns || tiny.height !== rows) Object.assign(tiny, { width: columns, height: rows });
  const small = tiny.getContext("2d"), image = small.createImageData(columns, rows);
  const scale = 0.5 / Math.log2(record.limit);
  for (let key = 0; key < weights.length; key++) {
    const strength = 0.5 + scale * Math.log2(Math.max(weights[key] * weights.length, 1e-9));
    const index = Math.round(255 * Math.max(0, Math.min(1, strength)));
    for (let channel = 0; channel < 3; channel++) image.data[4 * key + channel] = colours[3 * index + channel];
    image.data[4 * key + 3] = 255 * overlay * (0.45 + 0.55 * index / 255);
  }
  small.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(tiny, 0, 0, width, height);
}

function paintQuery(context, { grid }, query, width, height) {
  const [rows, columns] = grid, across = width / columns, down = height / rows;
  const box = [query % columns * across, Math.floor(query / columns) * down, across, down];
  for (const [style, thick] of [["#000", 4], ["#fff", 2]]) {
    context.strokeStyle = style;
    context.lineWidth = thick * pixelRatio() * Math.max(0.6, Math.min(1, width / pixelRatio() / 300));
    context.strokeRect(...box);
  }
}

function paint(canvas, picture, { weights, colours, overlay, window, query, outlines }) {
  const { width, height } = canvas, context = canvas.getContext("2d");
  context.imageSmoothingEnabled = true;
  context.drawImage(greyCanvas(picture, window), 0, 0, width, height);
  if (weights && overlay > 0) paintAttention(context, picture, weights, colours, overlay, width, height);
  for (const [kind, depth] of outlines ?? []) context.drawImage(outlineCanvas(picture, kind, depth, width, height), 0, 0);
  if (query !== null) paintQuery(context, picture, query, width, height);
}

// The canvas has as many pixels as the screen gives it; true where that changed.
function fit(canvas, aspect) {
  const width = Math.max(1, Math.round(canvas.clientWidth * pixelRatio())), height = Math.round(width / aspect);
  if (canvas.width === width && canvas.height === height) return;
  Object.assign(canvas, { width, height });
}
