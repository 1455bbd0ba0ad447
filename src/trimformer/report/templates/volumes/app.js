// The page itself: one state, and what is done when it changes.
const by = id => document.getElementById(id);
const state = { patient: 0, model: 0, shown: "prediction", hidden: new Set(), window: 0, opacity: 0.6 };
let planes = null, volumes = null, reading = 0, telling = 0;

async function open() {
  const own = ++reading;
  by("stage").ariaBusy = true;
  const read = await readVolumes(state.patient, state.model);
  if (own !== reading) return;
  by("stage").ariaBusy = false;
  const isOther = volumes?.place !== read.place;
  volumes = read;
  putOn(planes, volumes);
  planes.opts.isOrientationTextVisible = record.patients[volumes.place].geometry;
  arrangePlanes(planes, by("stage"));
  if (isOther) moveTo(planes, record.patients[volumes.place].start);
  draw();
}

function draw() {
  paint(planes, volumes, state);
  showControls();
  tell();
}

// Of the volumes that are seen: others that were asked for may still be read.
function tell() {
  const words = describe(planes, volumes);
  by("words").textContent = words;
  crossOf(planes).forEach((index, axis) => {
    const size = planes.volumes[0].dimsRAS[axis + 1], slider = by(`place-${axis}`);
    Object.assign(slider, { max: size - 1, value: index });
    slider.setAttribute("aria-valuetext", `${index + 1} of ${size}`);
    by(`place-${axis}-value`).textContent = `${index + 1} of ${size}`;
  });
  drawBar(planes, by("bar"));
  clearTimeout(telling);
  telling = setTimeout(() => { by("live").textContent = words; }, 400);
}

async function change(changes) {
  const before = { ...state };
  Object.assign(state, changes);
  if (state.patient !== before.patient) state.window = 0;
  if (state.patient !== before.patient || state.model !== before.model) await open();
  else if (volumes) draw();
}

function move(axis, steps) {
  const voxel = crossOf(planes);
  voxel[axis] = Math.max(0, Math.min(planes.volumes[0].dimsRAS[axis + 1] - 1, voxel[axis] + steps));
  moveTo(planes, voxel);
  tell();
}

function giveUp(words) {
  by("trouble").textContent = `${words} Below are still pictures of the planes with the most labels.`;
  for (const id of ["live-view", "beside"]) by(id).hidden = true;
  for (const id of ["trouble", "stills"]) by(id).hidden = false;
}

async function start() {
  if (!canDraw()) {
    giveUp("This browser cannot draw volumes: it has no WebGL2, or it is turned off.");
    return;
  }
  try {
    for (const id of ["live-view", "beside"]) by(id).hidden = false;
    planes = await makePlanes(by("planes"));
    listen();
    await open();
    for (const id of ["trouble", "stills"]) by(id).hidden = true;
  } catch (error) {
    giveUp(`The volumes could not be drawn (${error.message}).`);
  }
}
