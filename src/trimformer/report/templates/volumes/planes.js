// The three planes, drawn by NiiVue: what it is told to show, and where its cross is.
const AXIAL_CORONAL_SAGITTAL = 3, TWO_ABOVE_ONE = 2, NO_RENDERING = 0;
const OPTIONS = {
  logLevel: "silent", loadingText: "", dragAndDropEnabled: false, scrollRequiresFocus: true, dragMode: 0,
  isRadiologicalConvention: true, isForceMouseClickToVoxelCenters: true, sagittalNoseLeft: true, multiplanarShowRender: NO_RENDERING,
  crosshairColor: [1, 1, 1, 0.75], crosshairWidthUnit: "mm",
  fontColor: [1, 1, 1, 1], showAllOrientationMarkers: true, fontMinPx: 14, fontSizeScaling: 0.3, backColor: [0, 0, 0, 1], tileMargin: 6,
};

function canDraw() {
  return Boolean(window.DecompressionStream && document.createElement("canvas").getContext("webgl2"));
}

async function makePlanes(canvas) {
  const program = document.createElement("script");
  program.textContent = new TextDecoder().decode(await part("niivue", Uint8Array));
  document.head.append(program);
  const planes = new globalThis.niivue.Niivue(OPTIONS);
  await planes.attachToCanvas(canvas, true);
  return planes;
}

async function readFile(name) {
  if (!document.getElementById(name)) await parsed;
  const base64 = document.getElementById(name).textContent;
  return globalThis.niivue.NVImage.loadFromBase64({ base64, name: `${name}.nii.gz` });
}

// The scan lies below, one label map above it, whose voxels are written anew whenever other labels are to be seen.
async function readVolumes(place, model) {
  const predicted = record.patients[place].scores[model] ? readFile(`prediction-${place}-${model}`) : null;
  const [scan, truth, prediction] = await Promise.all([readFile(`scan-${place}`), readFile(`truth-${place}`), predicted]);
  return { place, model, scan, overlay: truth, truth: truth.img.slice(), prediction: prediction?.img ?? null };
}

function putOn(planes, volumes) {
  for (const old of [...planes.volumes].reverse()) planes.removeVolume(old);
  planes.addVolume(volumes.scan);
  planes.addVolume(volumes.overlay);
}

function colourTable(shown) {
  const entries = shown === "difference" ? [{ value: 1, colour: record.difference }] : record.labels;
  const parts = entries.map(({ colour }) => [1, 3, 5].map(at => parseInt(colour.slice(at, at + 2), 16)));
  const [R, G, B] = [0, 1, 2].map(channel => [0, ...parts.map(part => part[channel])]);
  return { R, G, B, A: [0, ...entries.map(() => 255)], I: [0, ...entries.map(({ value }) => value)] };
}

// What is seen of truth and prediction: the labels that are turned on; where they differ in one of these, 1.
function voxelsShown({ truth, prediction }, shown, visible) {
  if (shown === "truth") return truth.map(value => visible[value] * value);
  if (!prediction || shown === "scan") return new Uint8Array(truth.length);
  if (shown === "prediction") return prediction.map(value => visible[value] * value);
  return truth.map((value, at) => value !== prediction[at] && (visible[value] || visible[prediction[at]]) ? 1 : 0);
}

function paint(planes, volumes, { shown, hidden, window: chosen, opacity }) {
  const { windows } = record.patients[volumes.place], { low, high } = windows[Math.min(chosen, windows.length - 1)];
  const visible = new Uint8Array(256);
  for (const { value } of record.labels) visible[value] = hidden.has(value) ? 0 : 1;
  volumes.overlay.img = voxelsShown(volumes, shown, visible);
  volumes.overlay.setColormapLabel(colourTable(shown));
  volumes.overlay.opacity = opacity;
  planes.opts.atlasOutline = opacity;  // voxels at a border would else be fainter, and single ones hardly visible
  Object.assign(volumes.scan, { cal_min: low, cal_max: high });
  planes.updateGLVolume();
}

// The planes beside one another where there is room, else two above one; the same millimetres a pixel in all.
function arrangePlanes(planes, stage) {
  const [, across, deep, up] = planes.volumes[0].dimsRAS.map((size, axis) => size * planes.volumes[0].pixDimsRAS[axis]);
  const wide = stage.parentElement.clientWidth > 640;
  const aspect = wide ? (2 * across + deep) / Math.max(deep, up) : (across + deep) / (deep + up);
  stage.style.setProperty("--aspect", aspect.toFixed(4));
  const pixel = (wide ? 2 * across + deep : across + deep) / stage.clientWidth;
  Object.assign(planes.opts, { crosshairWidth: 1.5 * pixel, crosshairGap: 8 * pixel });
  planes.resizeListener();  // the canvas has the stage's new shape now, not when its observer is told
  planes.setMultiplanarLayout(wide ? AXIAL_CORONAL_SAGITTAL : TWO_ABOVE_ONE);
}

function moveTo(planes, voxel) {
  const sizes = planes.volumes[0].dimsRAS;
  planes.scene.crosshairPos = voxel.map((index, axis) => (index + 0.5) / sizes[axis + 1]);
  planes.drawScene();
}

// The voxel under the cross, along right, anterior and up, from 0: every file in this page has its axes that way.
function crossOf(planes) {
  const sizes = planes.volumes[0].dimsRAS;
  return [0, 1, 2].map(axis => Math.max(0, Math.min(sizes[axis + 1] - 1,
    Math.floor(planes.scene.crosshairPos[axis] * sizes[axis + 1]))));
}

function indexUnder(planes) {
  const [x, y, z] = crossOf(planes), [, columns, rows] = planes.volumes[0].hdr.dims;
  return x + columns * (y + rows * z);
}
