// The rows along the sequence: which there are, where each stands, and how the view is drawn from them. `rows.js` and
// `arcs.js` draw each kind of row; `pointing.js` is the mouse, the fingers and the keys.
"use strict";

(() => {
  const NARROW = 560; // below this width labels stand above their rows
  const GUTTER = 126; // for labels, beside the rows
  const EDGE = 12; // right of the rows, so that the last label fits
  const LABEL_HEIGHT = 15;
  const LINE_HEIGHT = 13; // of a label beside its row
  const FEATURE_TYPES = 6; // shown until more are asked for
  const LETTER_WIDTH = 8; // from this width of a residue on, the axis shows letters

  /**
   * Return the rows of the view from top to bottom, and the frame they are drawn in, which begins at `top`.
   * A row: name, label (lines of text), top, height, and what its kind needs.
   */
  attlas.layoutTracks = (data, state, width, showAllTypes, frameTop = 2) => {
    const isNarrow = width < NARROW;
    const left = isNarrow ? 6 : GUTTER;
    const right = Math.max(left + 40, width - EDGE);
    const rows = rowsOf(data, state, right - left, showAllTypes);

    let top = frameTop;
    for (const row of rows) {
      if (isNarrow && row.label.length) top += LABEL_HEIGHT;
      row.top = top;
      top += row.height + (row.gap ?? 6);
    }
    const [begin, end] = state.range;
    const perResidue = (right - left) / (end - begin + 1);
    return {
      showsLetters: showsLetters(state, right - left),
      rows,
      width,
      top: frameTop,
      height: top + 2,
      left,
      right,
      isNarrow,
      begin,
      end,
      perResidue,
      nBins: Math.max(1, Math.round(right - left)),
      x: (position) => left + (position - begin + 0.5) * perResidue, // middle of a residue
      edge: (position) => left + (position - begin) * perResidue, // where it begins
      positionAt: (x) => Math.min(end, Math.max(begin, begin + Math.floor((x - left) / perResidue))),
    };
  };

  const showsLetters = (state, width) => width / (state.range[1] - state.range[0] + 1) >= LETTER_WIDTH;

  const rowsOf = (data, state, width, showAllTypes) => {
    const rows = [];
    if (data.sites.length) rows.push({ name: "sites", label: ["sites", `of layer ${data.protein.layer}`], height: 34, gap: 2 });
    if (data.received) {
      const [, largest] = attlas.extent(data.received[state.layer]);
      const isLeftOut = Number.isNaN(data.received[state.layer][0]);
      const label = [
        data.receivedFrom ? `from ${data.receivedFrom}` : `received in layer ${state.layer}`,
        isLeftOut ? "not in this page" : `largest ${attlas.number(attlas.largestReceived(data, state.layer))}`,
      ];
      rows.push({ name: "profile", label, height: 84, largest });
      const height = data.nLayers * Math.max(3, Math.min(11, Math.floor(140 / data.nLayers)));
      rows.push({ name: "layers", label: ["all layers", "each by its largest"], height, gap: 8 });
    }
    const types = showAllTypes ? data.featureTypes : data.featureTypes.slice(0, FEATURE_TYPES);
    for (const type of types) rows.push({ name: "features", label: [type.type], height: 13, gap: 3, type });
    if (types.length) rows.at(-1).gap = 10;
    for (const track of data.tracks) {
      const unit = track.unit ? ` ${track.unit}` : "";
      const label = [track.name, `${attlas.number(track.smallest)} to ${attlas.number(track.largest)}${unit}`];
      rows.push({ name: "track", label, height: 36, track });
    }
    for (const source of new Set(data.variants.map((variant) => variant.name || variant.source))) {
      const variants = data.variants.filter((variant) => (variant.name || variant.source) === source);
      const [smallest, largest] = attlas.extent(variants.map((variant) => variant.value).filter(Number.isFinite));
      const label = [source, `${attlas.number(smallest)} to ${attlas.number(largest)}`];
      rows.push({ name: "variants", label, height: 36, variants, smallest, largest });
    }
    if (data.contacts) rows.push({ name: "contacts", label: ["contacts"], height: 64, gap: 0 });
    rows.push({ name: "axis", label: [], height: showsLetters(state, width) ? 32 : 20, gap: 0 });
    if (data.links) rows.push({ name: "links", label: [`links of head ${state.headName}`], height: 92 });
    return rows;
  };
  attlas.countFoldedTypes = (data) => Math.max(0, data.featureTypes.length - FEATURE_TYPES);

  /** Draw all that does not depend on the residue pointed at. */
  attlas.drawTracks = (pen, frame, data, state, colours) => {
    for (const row of frame.rows) {
      drawLabel(pen, frame, row, colours);
      pen.clip(frame.left - 6, row.top - 1, frame.right - frame.left + 12, row.height + 2, () =>
        attlas.rowDrawings[row.name](pen, frame, row, data, state, colours),
      );
    }
  };

  const drawLabel = (pen, frame, row, colours) => {
    const lines = row.label;
    if (frame.isNarrow) {
      if (lines.length)
        pen.text(frame.left, row.top - 4, attlas.fitText(lines.join(" · "), frame.right - frame.left), {
          fill: colours.soft,
        });
      return;
    }
    const middle = row.name === "links" ? row.top + 22 : row.top + row.height / 2;
    const room = frame.left - 14;
    const nLines = row.height < 2 * LINE_HEIGHT ? 1 : 2; // of each text: more would reach into the next row
    const cutLines = (text) => (nLines === 1 ? [text] : attlas.wrapText(text, room).slice(0, nLines));
    const pieces = lines.flatMap((text, k) => cutLines(text).map((piece) => [piece, k ? colours.soft : colours.ink]));
    pieces.forEach(([piece, fill], k) => {
      const y = middle + 4 + (k - (pieces.length - 1) / 2) * LINE_HEIGHT;
      pen.text(frame.left - 12, y, attlas.fitText(piece, room), { fill, align: "right" });
    });
  };

  /** Return the layer that a height within the strip of all layers stands for. */
  attlas.layerAt = (row, y, nLayers) =>
    Math.min(nLayers - 1, Math.max(0, Math.floor(((y - row.top) / row.height) * nLayers)));

  /** Return 1, 2 or 5 times a power of ten, such that a span has about `nTicks` steps. */
  attlas.axisStep = (span, nTicks) => {
    const rough = span / Math.max(1, nTicks);
    const power = 10 ** Math.floor(Math.log10(rough));
    return Math.max(
      1,
      [1, 2, 5, 10].map((times) => times * power).find((step) => step >= rough),
    );
  };
})();
