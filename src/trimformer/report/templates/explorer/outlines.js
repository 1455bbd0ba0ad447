// The borders of a label map as closed lines, so that they can be dashed.
function outlinesOf(labels, [rows, columns]) {
  const inside = (value, row, column) =>
    row >= 0 && column >= 0 && row < rows && column < columns && labels[row * columns + column] === value;
  return record.labels.map(({ value, colour }) => {
    const ends = new Map(), corner = (row, column) => row * (columns + 1) + column;
    const edge = (from, to) => { ends.has(from) ? ends.get(from).push(to) : ends.set(from, [to]); };
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        if (labels[row * columns + column] !== value) continue;
        if (!inside(value, row - 1, column)) edge(corner(row, column), corner(row, column + 1));
        if (!inside(value, row, column + 1)) edge(corner(row, column + 1), corner(row + 1, column + 1));
        if (!inside(value, row + 1, column)) edge(corner(row + 1, column + 1), corner(row + 1, column));
        if (!inside(value, row, column - 1)) edge(corner(row + 1, column), corner(row, column));
      }
    }
    return { colour, path: closedLines(ends, columns + 1) };
  });
}

function closedLines(ends, width) {
  const path = new Path2D();
  for (const start of ends.keys()) {
    while (ends.get(start).length) {
      path.moveTo(start % width, Math.floor(start / width));
      let at = ends.get(start).pop();
      while (at !== start) {
        path.lineTo(at % width, Math.floor(at / width));
        at = ends.get(at).pop();
      }
      path.closePath();
    }
  }
  return path;
}
