// How each kind of row along the sequence is drawn: sites, attention received, all layers, features, numeric tracks,
// variants, the axis. A drawing takes a pen (`paint.js`), the frame and the row (`tracks.js`), data, state and colours.
"use strict";

(() => {
  const drawSites = (pen, frame, row, data, state, colours) => {
    const y = row.top + row.height - 9;
    const labels = [[], []]; // spans taken in two lanes: [from, to]
    for (const site of data.sites) {
      if (site.position < frame.begin || site.position > frame.end) continue;
      const x = frame.x(site.position);
      pen.polyline(
        [
          [x, y],
          [x, row.top + row.height],
        ],
        { stroke: colours.site, width: 1.5 },
      );
      pen.circle(x, y, 4 + 2 * site.share, { fill: colours.site });
      const name = `${site.residue}${site.position}`;
      const text = data.sites.length > 1 ? `${site.rank} ${name}` : name;

      // A label beside its dot where there is room, or else above it, or else none: ranks go first.
      const width = attlas.textWidth(text, 11, 600);
      const places = [
        [x + 8, y + 4, 0],
        [x - width / 2, y - 10, 1],
      ];
      const place = places.find(
        ([from, , lane]) =>
          from >= frame.left - 6 &&
          from + width <= frame.right + 6 &&
          labels[lane].every(([a, b]) => from + width + 4 < a || from - 4 > b) &&
          (lane ||
            data.sites.every(
              (other) => other === site || Math.abs(frame.x(other.position) - from - width / 2) > width / 2 + 8,
            )),
      );
      if (!place) continue;
      labels[place[2]].push([place[0], place[0] + width]);
      pen.text(place[0], place[1], text, { fill: colours.ink, weight: 600 });
    }
  };

  /** Return the outline of binned values: two points for each bin, so that a residue is a step. */
  const outline = (bins, frame, yOf) => {
    const width = (frame.right - frame.left) / bins.length;
    return Array.from(bins).flatMap((value, k) => [
      [frame.left + k * width, yOf(value)],
      [frame.left + (k + 1) * width, yOf(value)],
    ]);
  };

  const drawProfile = (pen, frame, row, data, state, colours) => {
    const base = row.top + row.height - 1;
    const bins = attlas.binLargest(data.received[state.layer], frame.begin, frame.end, frame.nBins);
    const points = outline(
      bins,
      frame,
      (value) => base - (row.largest ? Math.max(0, value || 0) / row.largest : 0) * (row.height - 4),
    );
    pen.polyline([[frame.left, base], ...points, [frame.right, base]], { fill: colours.attention, opacity: 0.35 });
    pen.polyline(points, { stroke: colours.attention, width: 1.2 });
    pen.polyline(
      [
        [frame.left, base + 0.5],
        [frame.right, base + 0.5],
      ],
      { stroke: colours.line },
    );
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
    for (const x of [frame.left - 5, frame.right + 2])
      pen.rect(x, y, 3, Math.max(3, height), { fill: colours.ink });
  };
  const drawFeatures = (pen, frame, row, data, state, colours) => {
    for (const feature of row.type.features) {
      if (feature.end < frame.begin || feature.begin > frame.end) continue;
      const [from, to] = [
        Math.max(frame.edge(feature.begin), frame.left - 2),
        Math.min(frame.edge(feature.end + 1), frame.right + 2),
      ];
      const y = row.top + 1,
        height = row.height - 2;
      if (attlas.isBond(feature)) {
        // A bond joins two residues: a line between two marks.
        pen.polyline(
          [
            [from, y + height / 2],
            [to, y + height / 2],
          ],
          { stroke: colours.annotated, opacity: 0.7 },
        );
        for (const position of [feature.begin, feature.end])
          pen.rect(frame.x(position) - 2, y, 4, height, { fill: colours.annotated, radius: 2 });
      } else if (to - from < 8) {
        pen.rect((from + to) / 2 - Math.max(2, (to - from) / 2), y, Math.max(4, to - from), height, {
          fill: colours.annotated,
          radius: 2,
        });
      } else {
        pen.rect(from, y, to - from, height, {
          fill: attlas.mix(colours.paper, colours.annotated, 0.3),
          stroke: colours.annotated,
          radius: 2,
        });
        if (feature.description && to - from > 40)
          pen.text(from + 4, y + height - 2, attlas.fitText(feature.description, to - from - 8, 9), {
            fill: colours.ink,
            size: 9,
          });
      }
    }
  };

  const drawTrack = (pen, frame, row, data, state, colours) => {
    const { track } = row;
    const span = track.largest - track.smallest || 1;
    const base = row.top + row.height - 1;
    const bins = attlas.binLargest(track.values, frame.begin, frame.end, frame.nBins);
    const isConstant = track.largest === track.smallest;
    const yOf = (value) => base - 1 - (isConstant ? 0.5 : (value - track.smallest) / span) * (row.height - 4);
    const width = (frame.right - frame.left) / bins.length;

    // Residues without a value leave a gap.
    let points = [];
    const finish = () => {
      if (points.length) pen.polyline(points, { stroke: colours.soft, width: 1.2 });
      points = [];
    };
    bins.forEach((value, k) => {
      if (Number.isNaN(value)) finish();
      else points.push([frame.left + k * width, yOf(value)], [frame.left + (k + 1) * width, yOf(value)]);
    });
    finish();
    pen.polyline(
      [
        [frame.left, base + 0.5],
        [frame.right, base + 0.5],
      ],
      { stroke: colours.line },
    );
  };

  const drawVariants = (pen, frame, row, data, state, colours) => {
    const span = row.largest - row.smallest || 1;
    const bottom = row.top + row.height - 1;
    const yOf = (value) => bottom - 3 - ((value - row.smallest) / span) * (row.height - 8);

    // Stems rise and fall from zero where there are values on both sides of it.
    const base = row.smallest < 0 && row.largest > 0 ? yOf(0) : bottom;
    pen.polyline(
      [
        [frame.left, base + 0.5],
        [frame.right, base + 0.5],
      ],
      { stroke: colours.line },
    );
    for (const variant of row.variants) {
      if (!Number.isFinite(variant.value)) continue;
      if (variant.position < frame.begin || variant.position > frame.end) continue;
      const [x, y] = [frame.x(variant.position), yOf(variant.value)];
      pen.polyline(
        [
          [x, base],
          [x, y],
        ],
        { stroke: colours.soft, opacity: 0.5 },
      );
      pen.circle(x, y, 2.5, { fill: colours.ink });
    }
  };

  /** Return where the middle of a text stands as near to `x` as it can without being cut off at an end of the row. */
  const withinRow = (frame, x, width) =>
    Math.max(frame.left - 6 + width / 2, Math.min(frame.right + 6 - width / 2, x));

  const drawAxis = (pen, frame, row, data, state, colours) => {
    const y = row.top + 0.5;
    pen.polyline(
      [
        [frame.left, y],
        [frame.right, y],
      ],
      { stroke: colours.line },
    );
    if (frame.showsLetters) {
      for (let position = frame.begin; position <= frame.end; position++) {
        pen.text(frame.x(position), row.top + row.height - 3, data.sequence[position - 1], {
          fill: colours.ink,
          align: "center",
        });
      }
    }
    const step = attlas.axisStep(frame.end - frame.begin + 1, (frame.right - frame.left) / 60);
    for (let position = Math.ceil(frame.begin / step) * step; position <= frame.end; position += step) {
      const x = frame.x(position);
      pen.polyline(
        [
          [x, y],
          [x, y + 4],
        ],
        { stroke: colours.soft },
      );
      const text = attlas.withCommas(position);
      pen.text(withinRow(frame, x, attlas.textWidth(text, 10)), row.top + 16, text, {
        fill: colours.soft,
        align: "center",
        size: 10,
      });
    }
  };

  attlas.rowDrawings = {
    sites: drawSites,
    profile: drawProfile,
    layers: drawLayers,
    features: drawFeatures,
    track: drawTrack,
    variants: drawVariants,
    axis: drawAxis,
  };
})();
