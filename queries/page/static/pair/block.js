// The cross block of a pair: a row for each residue of the first protein, a column for each of the second; links that are
// shown, predicted contacts, and contacts that structures show.
"use strict";

(() => {
  const LEFT = 46,
    TOP = 22,
    EDGE = 8;
  const TALLEST = 460,
    SHORTEST = 160;
  const DRAG_PX = 4;

  /** Return where the block is drawn: `x` and `y` of a residue's middle, and the way back. */
  attlas.layoutBlock = (data, state, width) => {
    const [[top, bottom], [left, right]] = state.values.ranges;
    const [nRows, nColumns] = [bottom - top + 1, right - left + 1];
    const inner = Math.max(60, width - LEFT - EDGE);
    const tall = Math.min(TALLEST, Math.max(SHORTEST, Math.round((inner * nRows) / nColumns)));
    const [perColumn, perRow] = [inner / nColumns, tall / nRows];
    const clamp = (value, n) => Math.min(n - 1, Math.max(0, Math.floor(value)));
    return {
      width,
      height: TOP + tall + EDGE,
      inner,
      tall,
      perColumn,
      perRow,
      nRows,
      nColumns,
      x: (j) => LEFT + (j - left + 0.5) * perColumn,
      y: (i) => TOP + (i - top + 0.5) * perRow,
      has: (i, j) => i >= top && i <= bottom && j >= left && j <= right,
      cellAt: (x, y) => [top + clamp((y - TOP) / perRow, nRows), left + clamp((x - LEFT) / perColumn, nColumns)],
      isInside: (x, y) => x >= LEFT && x <= LEFT + inner && y >= TOP && y <= TOP + tall,
      ranges: state.values.ranges,
    };
  };

  /** Return how many predicted contacts are drawn: the best, as many as the two have residues. */
  attlas.countShownContacts = (data) => Math.min(data.contacts.i.length, data.nResidues);

  attlas.drawBlock = (pen, frame, data, state, colours) => {
    pen.rect(LEFT, TOP, frame.inner, frame.tall, { fill: colours.box, stroke: colours.line });
    drawAxes(pen, frame, data, colours);
    const size = Math.max(2.5, Math.min(9, Math.min(frame.perColumn, frame.perRow)));
    const cell = (i, j, side, style) => {
      if (frame.has(i, j)) pen.rect(frame.x(j) - side / 2, frame.y(i) - side / 2, side, side, style);
    };

    // Known contacts lie below, as squares with room for what falls on them.
    data.known?.i.forEach((i, k) =>
      cell(i, data.known.j[k], size + 3, { fill: attlas.mix(colours.box, colours.annotated, 0.35), stroke: colours.annotated }),
    );
    const { contacts } = data;
    const [, largest] = attlas.extent(contacts.value);
    for (let k = 0; k < attlas.countShownContacts(data); k++) {
      const opacity = largest > 0 ? 0.15 + 0.75 * Math.max(0, contacts.value[k] / largest) : 0.15;
      cell(contacts.i[k], contacts.j[k], size, { fill: colours.soft, opacity });
    }
    for (const k of [...attlas.shownLinks(data, state)].reverse()) {
      const [i, j] = attlas.cellOf(data, k);
      if (!frame.has(i, j)) continue;
      const radius = 2 + 3 * Math.sqrt(data.links.value[k]);
      pen.circle(frame.x(j), frame.y(i), radius, { fill: colours.links, stroke: colours.box, width: 0.7, opacity: 0.9 });
    }
  };

  const drawAxes = (pen, frame, data, colours) => {
    const [[top, bottom], [left, right]] = frame.ranges;
    const style = { fill: colours.soft, size: 10 };
    const columnStep = attlas.axisStep(frame.nColumns, frame.inner / 60);
    for (let j = Math.ceil(left / columnStep) * columnStep; j <= right; j += columnStep)
      pen.text(frame.x(j), TOP - 7, String(j), { ...style, align: "center" });
    const rowStep = attlas.axisStep(frame.nRows, frame.tall / 40);
    for (let i = Math.ceil(top / rowStep) * rowStep; i <= bottom; i += rowStep)
      pen.text(LEFT - 6, frame.y(i) + 3.5, String(i), { ...style, align: "right" });
  };

  /** Draw a line through the residue pointed at: a row of the first protein, a column of the second. */
  const drawPointed = (pen, frame, data, state, colours) => {
    if (state.position === null) return;
    const [, local, k] = attlas.proteinAt(data, state.position);
    const [[top], [left]] = frame.ranges;
    if (!frame.has(k ? top : local, k ? local : left)) return;
    const style = { stroke: colours.pointed, width: 2 };
    const points = k
      ? [TOP, TOP + frame.tall].map((y) => [frame.x(local), y])
      : [LEFT, LEFT + frame.inner].map((x) => [x, frame.y(local)]);
    pen.polyline(points, style);
  };

  /** Start the view of the cross block. */
  attlas.startBlock = (data, state) => {
    const holder = document.getElementById("block-canvases");
    const [canvas, overlay] = holder.querySelectorAll("canvas");
    const caption = document.getElementById("block-caption");
    let frame = null;
    let drag = null; // {from, to}: points where a drag began and is now
    let cell = null; // [i, j] pointed at

    const redraw = () => {
      frame = attlas.layoutBlock(data, state, holder.clientWidth);
      const pen = attlas.prepareCanvas(canvas, frame.width, frame.height);
      attlas.drawBlock(pen, frame, data, state, attlas.readColours());
      document.getElementById("block-legend").textContent = describe();
      redrawPointed();
    };
    const redrawPointed = () => {
      const colours = attlas.readColours();
      const pen = attlas.prepareCanvas(overlay, frame.width, frame.height);
      drawPointed(pen, frame, data, state, colours);
      if (drag) {
        const [x, y] = [Math.min(drag.from.x, drag.to.x), Math.min(drag.from.y, drag.to.y)];
        const [width, height] = [Math.abs(drag.from.x - drag.to.x), Math.abs(drag.from.y - drag.to.y)];
        pen.rect(x, y, width, height, { fill: colours.pointed, opacity: 0.25, stroke: colours.ink });
      }
      caption.textContent = cell
        ? attlas.describeCell(data, state, ...cell)
        : "Point at a cell: what is kept of its two residues stands here. Drag to zoom; a double click shows all.";
    };

    /** Say what the marks are, and how many of how many. */
    function describe() {
      const { contacts, known } = data;
      const nContacts = attlas.countShownContacts(data);
      const parts = [
        `Rows: ${data.proteins[0].label}; columns: ${data.proteins[1].label}`,
        "pink: links, larger the more they weigh",
        contacts.i.length &&
          `grey: the ${attlas.number(nContacts)} best of ${attlas.plural(contacts.i.length, "predicted contact")} kept, ` +
            `${contacts.name} up to ${attlas.decimal(contacts.value[0])}`,
        known?.i.length && `green: ${attlas.plural(known.i.length, "known contact")} (${known.sources.join(", ")})`,
        known && !known.i.length && "no known contacts of the two",
      ];
      return `${parts.filter(Boolean).join(" · ")}.`;
    }

    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      const scale = frame.width / box.width;
      return { x: (event.clientX - box.left) * scale, y: (event.clientY - box.top) * scale };
    };
    holder.addEventListener("pointermove", (event) => {
      const { x, y } = place(event);
      if (drag) drag.to = { x, y };
      cell = frame.isInside(x, y) ? frame.cellAt(x, y) : null;
      state.set({ pointed: cell ? cell[0] : null });
      redrawPointed();
    });
    holder.addEventListener("pointerleave", () => {
      cell = null;
      state.set({ pointed: null });
      redrawPointed();
    });
    holder.addEventListener("pointerdown", (event) => {
      const { x, y } = place(event);
      if (event.pointerType === "touch" || event.button !== 0 || !frame.isInside(x, y)) return;
      holder.setPointerCapture(event.pointerId);
      drag = { from: { x, y }, to: { x, y } };
    });
    holder.addEventListener("pointerup", () => {
      if (!drag) return;
      const { from, to } = drag;
      drag = null;
      const isClick = Math.abs(to.x - from.x) < DRAG_PX && Math.abs(to.y - from.y) < DRAG_PX;
      const [[i, j], [k, l]] = [frame.cellAt(from.x, from.y), frame.cellAt(to.x, to.y)];
      if (isClick) state.set({ residue: i === state.residue ? null : i });
      else {
        const ranges = [
          [i, k],
          [j, l],
        ].map((ends, n) =>
          attlas.widenRange([Math.min(...ends), Math.max(...ends)], data.proteins[n].nResidues),
        );
        state.set({ ranges });
      }
      redrawPointed();
    });
    holder.addEventListener("dblclick", () => state.set({ ranges: attlas.wholeRanges(data) }));

    attlas.addPictureButtons(document.getElementById("block-buttons"), picture, "the cross block");
    state.watch(["head", "ranges", "shown"], redraw);
    state.watch(["position"], redrawPointed);
    redraw();
    return { redraw, picture };

    function picture() {
      const drawn = attlas.layoutBlock(data, state, Math.max(500, holder.clientWidth));
      const draw = (pen) => attlas.drawBlock(pen, drawn, data, state, attlas.readColours());
      const name = `${data.protein.accession}-block-head${state.headName}`;
      return { width: drawn.width, height: drawn.height, draw, name, notes: [describe()] };
    }
  };
})();
