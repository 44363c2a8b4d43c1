// Pairs of residues as arcs: contacts above the axis, links of the chosen head below it; and what is drawn over all
// rows for the residue pointed at.
"use strict";

(() => {
  const VEIL = 0.75; // hides that much of the links that do not touch the residue pointed at

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
      pen.arc(
        x1,
        x2,
        row.top + row.height,
        -depthOf(Math.abs(contacts.i[k] - contacts.j[k]), longest, row.height - 4),
        style,
      );
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
    if (!links.byHead[state.head].length)
      pen.text(frame.left + 4, row.top + 26, "no links of this head are kept", { fill: colours.soft });
  };

  /** Draw what changes with the residue pointed at: a line through all rows, its links, its name. */
  attlas.drawPointed = (pen, frame, data, state, colours) => {
    const position = state.position;
    if (position === null || position < frame.begin || position > frame.end) return;
    const x = frame.x(position);
    const axis = frame.rows.find((row) => row.name === "axis");
    const [width, height] = [Math.max(1, frame.perResidue), axis.top + axis.height - frame.top];
    pen.rect(x - width / 2, frame.top, width, height, { fill: colours.pointed, opacity: 0.3 });
    pen.polyline(
      [
        [x, frame.top],
        [x, axis.top + axis.height],
      ],
      { stroke: colours.pointed, width: 1.5 },
    );

    // Links of the residue: an attended residue has a dot.
    const row = frame.rows.find((other) => other.name === "links");
    if (row) {
      const indices = (data.links.byResidue.get(position) ?? []).filter((k) => data.links.head[k] === state.head);
      pen.clip(frame.left - 6, row.top, frame.right - frame.left + 12, row.height, () => {
        pen.rect(frame.left - 6, row.top, frame.right - frame.left + 12, row.height, {
          fill: colours.paper,
          opacity: VEIL,
        });
        const longest = longestOf(data.links, data.links.byHead[state.head]);
        for (const k of indices) drawArc(pen, frame, row, data.links, k, longest, colours, 1);
        for (const k of indices) pen.circle(frame.x(data.links.j[k]), row.top + 2, 2.5, { fill: colours.ink });
      });
    }
    const profile = frame.rows.find((other) => other.name === "profile");
    if (profile) {
      const share = profile.largest ? data.received[state.layer][position - 1] / profile.largest : 0;
      pen.circle(x, profile.top + profile.height - 1 - (share || 0) * (profile.height - 4), 3.5, {
        fill: colours.pointed,
        stroke: colours.ink,
      });
    }
    const name = attlas.nameResidue(data, position);
    const nameWidth = attlas.textWidth(name, 11, 700) + 8;
    const from = Math.min(Math.max(frame.left - 6, x - nameWidth / 2), frame.right + 6 - nameWidth);
    pen.rect(from, axis.top + 4, nameWidth, 15, { fill: colours.pointed, radius: 3 });
    pen.text(from + nameWidth / 2, axis.top + 15.5, name, { fill: "rgb(0, 0, 0)", weight: 700, align: "center" });
  };

  Object.assign(attlas.rowDrawings, { contacts: drawContacts, links: drawLinks });
})();
