// The rows along the sequence and how each is drawn: sites, attention received, all layers, features, numeric tracks,
// contacts and links as arcs. Drawing alone; `pointing.js` is the mouse, the fingers and the keys.
"use strict";

(() => {
  const NARROW = 560; // below this width labels stand above their rows
  const GUTTER = 126; // for labels, beside the rows
  const EDGE = 12; // right of the rows, so that the last label fits
  const LABEL_HEIGHT = 15;
  const FEATURE_TYPES = 6; // shown until more are asked for
  const LETTER_WIDTH = 8; // from this width of a residue on, the axis shows letters
  const VEIL = 0.75; // hides that much of the links that do not touch the residue pointed at

  /**
   * Return the rows of the view from top to bottom, and the frame they are drawn in.
   * A row: name, label (lines of text), top, height, and `draw(pen, frame, row)`.
   */
  attlas.layoutTracks = (data, state, width, showAllTypes) => {
    const isNarrow = width < NARROW;
    const left = isNarrow ? 6 : GUTTER;
    const right = Math.max(left + 40, width - EDGE);
    const rows = rowsOf(data, state, right - left, showAllTypes);

    let top = 2;
    for (const row of rows) {
      if (isNarrow && row.label.length) top += LABEL_HEIGHT;
      row.top = top;
      top += row.height + (row.gap ?? 6);
    }
    const [begin, end] = state.range;
    const perResidue = (right - left) / (end - begin + 1);
    return {
      rows, width, height: top + 2, left, right, isNarrow, begin, end, perResidue,
      nBins: Math.max(1, Math.round(right - left)),
      x: (position) => left + (position - begin + 0.5) * perResidue, // middle of a residue
      edge: (position) => left + (position - begin) * perResidue, // where it begins
      positionAt: (x) => Math.min(end, Math.max(begin, begin + Math.floor((x - left) / perResidue))),
    };
  };

  const showsLetters = (state, width) => width / (state.range[1] - state.range[0] + 1) >= LETTER_WIDTH;

  const rowsOf = (data, state, width, showAllTypes) => {
    const rows = [];
    if (data.sites.length) rows.push({ name: "sites", label: ["sites"], height: 34, gap: 2, draw: drawSites });
    if (data.received) {
      const [, largest] = attlas.extent(data.received[state.layer].filter((value) => !Number.isNaN(value)));
      const label = [`received in layer ${state.layer}`, `largest ${attlas.number(largest)}`];
      rows.push({ name: "profile", label, height: 84, largest, draw: drawProfile });
      const height = data.nLayers * Math.max(3, Math.min(11, Math.floor(140 / data.nLayers)));
      rows.push({ name: "layers", label: ["all layers", "each by its largest"], height, gap: 8, draw: drawLayers });
    }
    const types = showAllTypes ? data.featureTypes : data.featureTypes.slice(0, FEATURE_TYPES);
    for (const type of types) rows.push({ name: "features", label: [type.type], height: 13, gap: 3, type, draw: drawFeatures });
    if (types.length) rows.at(-1).gap = 10;
    for (const track of data.tracks) {
      const unit = track.unit ? ` ${track.unit}` : "";
      const label = [track.name, `${attlas.number(track.smallest)} to ${attlas.number(track.largest)}${unit}`];
      rows.push({ name: "track", label, height: 36, track, draw: drawTrack });
    }
    for (const source of new Set(data.variants.map((variant) => variant.name || variant.source))) {
      const variants = data.variants.filter((variant) => (variant.name || variant.source) === source);
      const [smallest, largest] = attlas.extent(variants.map((variant) => variant.value));
      const label = [source, `${attlas.number(smallest)} to ${attlas.number(largest)}`];
      rows.push({ name: "variants", label, height: 36, variants, smallest, largest, draw: drawVariants });
    }
    if (data.contacts) rows.push({ name: "contacts", label: ["contacts"], height: 64, gap: 0, draw: drawContacts });
    rows.push({ name: "axis", label: [], height: showsLetters(state, width) ? 32 : 20, gap: 0, draw: drawAxis });
    if (data.links) rows.push({ name: "links", label: [`links of head ${state.headName}`], height: 92, draw: drawLinks });
    return rows;
  };
  attlas.countFoldedTypes = (data) => Math.max(0, data.featureTypes.length - FEATURE_TYPES);

  /** Draw all that does not depend on the residue pointed at. */
  attlas.drawTracks = (pen, frame, data, state, colours) => {
    for (const row of frame.rows) {
      drawLabel(pen, frame, row, colours);
      pen.clip(frame.left - 6, row.top - 1, frame.right - frame.left + 12, row.height + 2, () => row.draw(pen, frame, row, data, state, colours));
    }
  };

  const drawLabel = (pen, frame, row, colours) => {
    const lines = row.label;
    if (frame.isNarrow) {
      if (lines.length) pen.text(frame.left, row.top - 4, attlas.fitText(lines.join(" · "), frame.right - frame.left), { fill: colours.soft });
      return;
    }
    const middle = row.name === "links" ? row.top + 22 : row.top + row.height / 2;
    lines.forEach((line, k) => {
      const y = middle + 4 + (k - (lines.length - 1) / 2) * 13;
      pen.text(frame.left - 12, y, attlas.fitText(line, frame.left - 14), { fill: k ? colours.soft : colours.ink, align: "right" });
    });
  };

  const drawSites = (pen, frame, row, data, state, colours) => {
    const y = row.top + row.height - 9;
    const labels = [[], []]; // spans taken in two lanes: [from, to]
    for (const site of data.sites) {
      if (site.position < frame.begin || site.position > frame.end) continue;
      const x = frame.x(site.position);
      pen.polyline([[x, y], [x, row.top + row.height]], { stroke: colours.site, width: 1.5 });
      pen.circle(x, y, 4 + 2 * site.share, { fill: colours.site });
      const name = `${site.residue}${site.position}`;
      const text = data.sites.length > 1 ? `${site.rank} ${name}` : name;

      // A label beside its dot where there is room, or else above it, or else none: ranks go first.
      const width = attlas.textWidth(text, 11, 600);
      const places = [[x + 8, y + 4, 0], [x - width / 2, y - 10, 1]];
      const place = places.find(([from, , lane]) => from >= frame.left - 6 && from + width <= frame.right + 6
        && labels[lane].every(([a, b]) => from + width + 4 < a || from - 4 > b)
        && (lane || data.sites.every((other) => other === site || Math.abs(frame.x(other.position) - from - width / 2) > width / 2 + 8)));
      if (!place) continue;
      labels[place[2]].push([place[0], place[0] + width]);
      pen.text(place[0], place[1], text, { fill: colours.ink, weight: 600 });
    }
  };

  /** Return the outline of binned values: two points for each bin, so that a residue is a step. */
  const outline = (bins, frame, yOf) => {
    const width = (frame.right - frame.left) / bins.length;
    return Array.from(bins).flatMap((value, k) => [[frame.left + k * width, yOf(value)], [frame.left + (k + 1) * width, yOf(value)]]);
  };

  const drawProfile = (pen, frame, row, data, state, colours) => {
    const base = row.top + row.height - 1;
    const bins = attlas.binLargest(data.received[state.layer], frame.begin, frame.end, frame.nBins);
    const points = outline(bins, frame, (value) => base - (row.largest ? Math.max(0, value || 0) / row.largest : 0) * (row.height - 4));
    pen.polyline([[frame.left, base], ...points, [frame.right, base]], { fill: colours.attention, opacity: 0.35 });
    pen.polyline(points, { stroke: colours.attention, width: 1.2 });
    pen.polyline([[frame.left, base + 0.5], [frame.right, base + 0.5]], { stroke: colours.line });
  };

  const drawLayers = (pen, frame, row, data, state, colours) => {
    // One pixel a residue or bin, stretched by the pen: the square root, or all but the peaks would be white.
    const canvas = document.createElement("canvas");
    const nBins = Math.min(frame.nBins, frame.end - frame.begin + 1);
    canvas.width = nBins;
    canvas.height = data.nLayers;
    const context = canvas.getContext("2d");
    const image = context.createImageData(nBins, data.nLayers);
    const [paper, blue] = [attlas.channels(colours.box), attlas.channels(colours.attention)];
    data.received.forEach((values, layer) => {
      const [, largest] = attlas.extent(values);
      attlas.binLargest(values, frame.begin, frame.end, nBins).forEach((value, bin) => {
        const share = largest > 0 && value > 0 ? Math.sqrt(value / largest) : 0;
        const at = 4 * (layer * nBins + bin);
        for (let k = 0; k < 3; k++) image.data[at + k] = paper[k] + (blue[k] - paper[k]) * share;
        image.data[at + 3] = 255;
      });
    });
    context.putImageData(image, 0, 0);
    pen.image(canvas, frame.left, row.top, frame.right - frame.left, row.height);

    // The chosen layer: a bracket at both ends, outside the picture.
    const height = row.height / data.nLayers;
    const y = row.top + state.layer * height;
    for (const x of [frame.left - 5, frame.right + 2]) pen.rect(x, y, 3, Math.max(3, height), { fill: colours.ink });
  };

  /** Return the layer that a height within the strip of all layers stands for. */
  attlas.layerAt = (row, y, nLayers) => Math.min(nLayers - 1, Math.max(0, Math.floor(((y - row.top) / row.height) * nLayers)));

  const drawFeatures = (pen, frame, row, data, state, colours) => {
    for (const feature of row.type.features) {
      if (feature.end < frame.begin || feature.begin > frame.end) continue;
      const [from, to] = [Math.max(frame.edge(feature.begin), frame.left - 2), Math.min(frame.edge(feature.end + 1), frame.right + 2)];
      const y = row.top + 1, height = row.height - 2;
      if (attlas.isBond(feature)) {
        // A bond joins two residues: a line between two marks.
        pen.polyline([[from, y + height / 2], [to, y + height / 2]], { stroke: colours.annotated, opacity: 0.7 });
        for (const position of [feature.begin, feature.end]) pen.rect(frame.x(position) - 2, y, 4, height, { fill: colours.annotated, radius: 2 });
      } else if (to - from < 8) {
        pen.rect((from + to) / 2 - Math.max(2, (to - from) / 2), y, Math.max(4, to - from), height, { fill: colours.annotated, radius: 2 });
      } else {
        pen.rect(from, y, to - from, height, { fill: attlas.mix(colours.paper, colours.annotated, 0.3), stroke: colours.annotated, radius: 2 });
        if (feature.description && to - from > 40) pen.text(from + 4, y + height - 2, attlas.fitText(feature.description, to - from - 8, 9), { fill: colours.ink, size: 9 });
      }
    }
  };

  const drawTrack = (pen, frame, row, data, state, colours) => {
    const { track } = row;
    const span = track.largest - track.smallest || 1;
    const base = row.top + row.height - 1;
    const bins = attlas.binLargest(track.values, frame.begin, frame.end, frame.nBins);
    const yOf = (value) => base - 1 - ((value - track.smallest) / span) * (row.height - 4);
    const width = (frame.right - frame.left) / bins.length;

    // Residues without a value leave a gap.
    let points = [];
    const finish = () => { if (points.length) pen.polyline(points, { stroke: colours.soft, width: 1.2 }); points = []; };
    bins.forEach((value, k) => {
      if (Number.isNaN(value)) finish();
      else points.push([frame.left + k * width, yOf(value)], [frame.left + (k + 1) * width, yOf(value)]);
    });
    finish();
    pen.polyline([[frame.left, base + 0.5], [frame.right, base + 0.5]], { stroke: colours.line });
  };

  const drawVariants = (pen, frame, row, data, state, colours) => {
    const span = row.largest - row.smallest || 1;
    const base = row.top + row.height - 1;
    pen.polyline([[frame.left, base + 0.5], [frame.right, base + 0.5]], { stroke: colours.line });
    for (const variant of row.variants) {
      if (variant.position < frame.begin || variant.position > frame.end) continue;
      const [x, y] = [frame.x(variant.position), base - 3 - ((variant.value - row.smallest) / span) * (row.height - 8)];
      pen.polyline([[x, base], [x, y]], { stroke: colours.soft, opacity: 0.5 });
      pen.circle(x, y, 2.5, { fill: colours.ink });
    }
  };

  /** Return arcs that reach into the range, one for each pair of pixels, the one of the largest value. */
  const visibleArcs = (arcs, indices, frame) => {
    const byPixels = new Map();
    for (const k of indices) {
      const [a, b] = [Math.min(arcs.i[k], arcs.j[k]), Math.max(arcs.i[k], arcs.j[k])];
      if (b < frame.begin || a > frame.end) continue;
      const pixels = `${Math.round(frame.x(a))} ${Math.round(frame.x(b))}`;
      const other = byPixels.get(pixels);
      if (other === undefined || arcs.value[k] > arcs.value[other]) byPixels.set(pixels, k);
    }
    return [...byPixels.values()];
  };
  /** Return how deep an arc goes: a share of the row, by how far it reaches among all arcs there. */
  const depthOf = (span, longest, height) => height * (0.12 + 0.88 * Math.sqrt(Math.min(1, span / longest)));
  const longestOf = (arcs, indices) => {
    let longest = 1;
    for (const k of indices) longest = Math.max(longest, Math.abs(arcs.i[k] - arcs.j[k]));
    return longest;
  };

  const drawContacts = (pen, frame, row, data, state, colours) => {
    const { contacts } = data;
    const longest = longestOf(contacts, contacts.i.keys());
    for (const k of visibleArcs(contacts, contacts.i.keys(), frame)) {
      const [x1, x2] = [frame.x(contacts.i[k]), frame.x(contacts.j[k])];
      const style = { stroke: colours.soft, width: 0.8, opacity: 0.1 + 0.3 * contacts.value[k] };
      pen.arc(x1, x2, row.top + row.height, -depthOf(Math.abs(contacts.i[k] - contacts.j[k]), longest, row.height - 4), style);
    }
  };

  const drawArc = (pen, frame, row, links, k, longest, colours, opacity) => {
    const [x1, x2] = [frame.x(links.i[k]), frame.x(links.j[k])];
    const style = { stroke: colours.links, width: 0.6 + 2 * links.value[k], opacity };
    pen.arc(x1, x2, row.top, depthOf(Math.abs(links.i[k] - links.j[k]), longest, row.height - 6), style);
  };

  const drawLinks = (pen, frame, row, data, state, colours) => {
    const { links } = data;
    const indices = visibleArcs(links, links.byHead[state.head], frame);
    const longest = longestOf(links, links.byHead[state.head]);
    for (const k of indices) drawArc(pen, frame, row, links, k, longest, colours, 0.8);
    if (!links.byHead[state.head].length) pen.text(frame.left + 4, row.top + 26, "no links of this head are kept", { fill: colours.soft });
  };

  const drawAxis = (pen, frame, row, data, state, colours) => {
    const y = row.top + 0.5;
    pen.polyline([[frame.left, y], [frame.right, y]], { stroke: colours.line });
    if (frame.perResidue >= LETTER_WIDTH) {
      for (let position = frame.begin; position <= frame.end; position++) {
        pen.text(frame.x(position), row.top + row.height - 3, data.sequence[position - 1], { fill: colours.ink, align: "center" });
      }
    }
    const step = attlas.axisStep(frame.end - frame.begin + 1, (frame.right - frame.left) / 60);
    for (let position = Math.ceil(frame.begin / step) * step; position <= frame.end; position += step) {
      const x = frame.x(position);
      pen.polyline([[x, y], [x, y + 4]], { stroke: colours.soft });
      pen.text(x, row.top + 16, position.toLocaleString("en"), { fill: colours.soft, align: "center", size: 10 });
    }
  };

  /** Return 1, 2 or 5 times a power of ten, such that a span has about `nTicks` steps. */
  attlas.axisStep = (span, nTicks) => {
    const rough = span / Math.max(1, nTicks);
    const power = 10 ** Math.floor(Math.log10(rough));
    return Math.max(1, [1, 2, 5, 10].map((times) => times * power).find((step) => step >= rough));
  };

  /** Draw what changes with the residue pointed at: a line through all rows, its links, its name. */
  attlas.drawPointed = (pen, frame, data, state, colours) => {
    const position = state.position;
    if (position === null || position < frame.begin || position > frame.end) return;
    const x = frame.x(position);
    const axis = frame.rows.find((row) => row.name === "axis");
    pen.rect(x - Math.max(1, frame.perResidue) / 2, 2, Math.max(1, frame.perResidue), axis.top + axis.height - 2, { fill: colours.pointed, opacity: 0.3 });
    pen.polyline([[x, 2], [x, axis.top + axis.height]], { stroke: colours.pointed, width: 1.5 });

    // Links of the residue: an attended residue has a dot.
    const row = frame.rows.find((other) => other.name === "links");
    if (row) {
      const indices = (data.links.byResidue.get(position) ?? []).filter((k) => data.links.head[k] === state.head);
      pen.clip(frame.left - 6, row.top, frame.right - frame.left + 12, row.height, () => {
        pen.rect(frame.left - 6, row.top, frame.right - frame.left + 12, row.height, { fill: colours.paper, opacity: VEIL });
        const longest = longestOf(data.links, data.links.byHead[state.head]);
        for (const k of indices) drawArc(pen, frame, row, data.links, k, longest, colours, 1);
        for (const k of indices) pen.circle(frame.x(data.links.j[k]), row.top + 2, 2.5, { fill: colours.ink });
      });
    }
    const profile = frame.rows.find((other) => other.name === "profile");
    if (profile) {
      const share = profile.largest ? data.received[state.layer][position - 1] / profile.largest : 0;
      pen.circle(x, profile.top + profile.height - 1 - (share || 0) * (profile.height - 4), 3.5, { fill: colours.pointed, stroke: colours.ink });
    }
    const name = attlas.nameResidue(data, position);
    const width = attlas.textWidth(name, 11, 700) + 8;
    const from = Math.min(Math.max(frame.left - 6, x - width / 2), frame.right + 6 - width);
    pen.rect(from, axis.top + 4, width, 15, { fill: colours.pointed, radius: 3 });
    pen.text(from + width / 2, axis.top + 15.5, name, { fill: "rgb(0, 0, 0)", weight: 700, align: "center" });
  };
})();
