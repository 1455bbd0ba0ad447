// Mean distance of the chosen patch against the block.
function niceStep(span, most) {
  const rough = span / most, power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 5, 10].find(times => times * power >= rough);
}

function drawChart(canvas, { heads, line, uniform, chosen, head }) {
  const ratio = pixelRatio(), width = canvas.clientWidth, height = 220;
  Object.assign(canvas, { width: width * ratio, height: height * ratio });
  const context = canvas.getContext("2d"), style = getComputedStyle(document.documentElement);
  const colour = name => style.getPropertyValue(name).trim();
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  const most = Math.max(1e-3, ...[uniform, ...line, ...heads.flat()].filter(Number.isFinite)) * 1.08;
  const x = block => 40 + (width - 56) * (line.length > 1 ? block / (line.length - 1) : 0.5);
  const y = value => 190 - 178 * value / most;
  const step = niceStep(most, 4);
  context.lineWidth = 1;
  for (let value = 0; value <= most; value += step) {
    context.strokeStyle = colour("--line");
    stroke(context, [[34, y(value)], [width - 8, y(value)]]);
    write(context, `${+value.toFixed(6)}`, 28, y(value) + 4, "right", colour("--muted"));
  }
  context.fillStyle = colour("--accent-soft");
  context.fillRect(x(chosen) - 9, 8, 18, 182);
  const every = Math.ceil(line.length / Math.max(1, Math.floor((width - 56) / 26)));
  line.forEach((_, block) => {
    if (block % every === 0) write(context, `${block + 1}`, x(block), 208, "center", colour("--muted"));
  });
  context.setLineDash([6, 4]);
  context.strokeStyle = colour("--muted");
  if (Number.isFinite(uniform)) stroke(context, [[34, y(uniform)], [width - 8, y(uniform)]]);
  context.setLineDash([]);
  context.fillStyle = context.strokeStyle = colour("--accent");
  heads.forEach((values, block) => values.forEach((value, index) => {
    context.globalAlpha = index === head ? 1 : 0.45;
    dot(context, x(block), y(value), index === head ? 4.5 : 2.5);
  }));
  context.globalAlpha = 1;
  context.lineWidth = 2;
  stroke(context, line.map((value, block) => [x(block), y(value)]).filter(([, at]) => Number.isFinite(at)));
}

function stroke(context, points) {
  context.beginPath();
  points.forEach(([x, y], index) => (index ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.stroke();
}

function dot(context, x, y, radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

function write(context, text, x, y, align, colour) {
  context.fillStyle = colour;
  context.textAlign = align;
  context.fillText(text, x, y);
}
