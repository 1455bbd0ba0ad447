// What is under the cross, said in words, and a bar that says how large things are.
const LETTERS = [["L", "R"], ["P", "A"], ["I", "S"]];

function placeInWords(millimetres, hasGeometry) {
  const rounded = [...millimetres].map(value => Number(value.toFixed(1)));
  const words = rounded.map((value, axis) => (hasGeometry
    ? `${LETTERS[axis][Number(value >= 0)]} ${Math.abs(value).toFixed(1)}` : value.toFixed(1).replace("-", "−")));
  return `${words.join(", ")} mm`;
}

function labelName(value) {
  return value === 0 ? "no label" : record.labels.find(label => label.value === value)?.name ?? `label ${value}`;
}

function describe(planes, volumes) {
  const patient = record.patients[volumes.place], model = record.models[volumes.model];
  const at = indexUnder(planes), { hdr, img } = volumes.scan;
  const grey = hdr.scl_slope * img[at] + hdr.scl_inter, digits = Math.abs(hdr.scl_slope) < 0.05 ? 2 : 0;
  const predicted = volumes.prediction ? labelName(volumes.prediction[at]) : "not in this page";
  const place = placeInWords(planes.frac2mm(planes.scene.crosshairPos).slice(0, 3), patient.geometry);
  return `${place}: scan ${grey.toFixed(digits).replace("-", "−")}${patient.unit && ` ${patient.unit}`}, ` +
    `truth ${labelName(volumes.truth[at])}, ${model.name} ${predicted}`;
}

function outsideInWords({ place, model }) {
  const score = record.patients[place].scores[model], { name } = record.models[model];
  if (!score) return `This page has no prediction of ${name} for this patient.`;
  return score.outside ? `${name} labels ${score.outside} voxels in the air that is left out.` : "";
}

// A round length that fills up to a third of the first plane, drawn at that plane's lower left.
function drawBar(planes, bar) {
  const tile = planes.screenSlices?.find(({ fovMM }) => fovMM?.length > 1);
  bar.hidden = !tile;
  if (!tile) return;
  const [left, top, width, height] = tile.leftTopWidthHeight.map(value => value / planes.uiData.dpr);
  const across = Math.abs(tile.fovMM[0]), most = across / 3;
  const length = [100, 50, 20, 10, 5, 2, 1].find(each => each <= most) ?? most;
  bar.firstElementChild.style.width = `${length * width / across}px`;
  bar.lastElementChild.textContent = `${length} mm`;
  bar.style.left = `${left + 10}px`;
  bar.style.top = `${top + height - 34}px`;
}
