// Both sequences of a pair, one above the other, with the rows that a protein's page has, and the links between them as
// lines. Pure drawing: `pointing.js` beside this file is the view on the screen.
"use strict";

(() => {
  const BAND = 120; // height between the sequences, for the links
  const TITLE = 20; // height of a protein's name
  const VEIL = 0.75; // hides that much of the links that do not touch the residue pointed at

  /** Return the state as one of the two proteins has it: its range, and the position if it is a residue of its own. */
  attlas.stateOfProtein = (data, state, k) => {
    const { position } = state;
    const isOwn = position !== null && position > data.nFirst === Boolean(k);
    return {
      layer: state.layer,
      head: state.head,
      headName: state.headName,
      range: state.values.ranges[k],
      position: isOwn ? position - k * data.nFirst : null,
    };
  };

  /** Return the frames of both proteins, and where the band between them is. */
  attlas.layoutSequences = (data, state, width) => {
    const layout = (k, top) =>
      attlas.layoutTracks(data.proteins[k], attlas.stateOfProtein(data, state, k), width, false, top);
    const first = layout(0, TITLE);
    const band = { top: first.height, height: BAND };
    const second = layout(1, band.top + BAND + TITLE);
    return { frames: [first, second], band, width, height: second.height };
  };

  /** Draw all that does not depend on the residue pointed at. */
  attlas.drawSequences = (pen, layout, data, state, colours) => {
    data.proteins.forEach((protein, k) => {
      const frame = layout.frames[k];
      const title = `${protein.label} · ${attlas.plural(protein.nResidues, "residue")}`;
      pen.text(6, frame.top - 7, attlas.fitText(title, frame.right, 12), { fill: colours.ink, weight: 600, size: 12 });
      attlas.drawTracks(pen, frame, protein, attlas.stateOfProtein(data, state, k), colours);
    });
    const shown = attlas.shownLinks(data, state);
    for (const k of [...shown].reverse()) drawLink(pen, layout, data, k, colours, 0.35 + 0.6 * data.links.value[k]);
    if (!shown.length) {
      const y = layout.band.top + BAND / 2;
      pen.text(layout.frames[0].left, y, "no links across are kept here: choose another head", { fill: colours.soft });
    }
  };

  /** Draw a link as a line between the sequences, with a dot at the residue attended to, if both ends are in sight. */
  const drawLink = (pen, layout, data, k, colours, opacity) => {
    const cell = attlas.cellOf(data, k);
    const [first, second] = layout.frames;
    if (cell[0] < first.begin || cell[0] > first.end || cell[1] < second.begin || cell[1] > second.end) return;
    const { top } = layout.band;
    const ends = [
      [first.x(cell[0]), top + 4],
      [second.x(cell[1]), top + BAND - 4],
    ];
    pen.polyline(ends, { stroke: colours.links, width: 0.6 + 2 * data.links.value[k], opacity });
    pen.circle(...ends[data.place === 1 ? 1 : 0], 2, { fill: colours.ink, opacity });
  };

  /** Draw what changes with the residue pointed at: as in the rows of a protein, and its links. */
  attlas.drawSequencesPointed = (pen, layout, data, state, colours) => {
    if (state.position === null) return;
    data.proteins.forEach((protein, k) =>
      attlas.drawPointed(pen, layout.frames[k], protein, attlas.stateOfProtein(data, state, k), colours),
    );
    const touching = attlas
      .shownLinks(data, state)
      .filter((k) => data.links.i[k] === state.position || data.links.j[k] === state.position);
    const { left, right } = layout.frames[0];
    const { top } = layout.band;
    pen.rect(left - 6, top, right - left + 12, BAND, { fill: colours.paper, opacity: VEIL });
    for (const k of touching) drawLink(pen, layout, data, k, colours, 1);
  };
})();
