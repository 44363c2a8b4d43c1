// The two sequences on the screen, and how they are touched: mouse, fingers, keys. `sequences.js` draws them.
"use strict";

(() => {
  const DRAG_PX = 4; // a shorter movement is a click

  /** Start the view of both sequences. */
  attlas.startSequences = (data, state) => {
    const holder = document.getElementById("track-canvases");
    const [canvas, overlay] = holder.querySelectorAll("canvas");
    const caption = document.getElementById("links-caption");
    let layout = null;
    let drag = null; // {k, from, to}: the protein, and where a drag began and is now

    const redraw = () => {
      layout = attlas.layoutSequences(data, state, holder.clientWidth);
      const pen = attlas.prepareCanvas(canvas, layout.width, layout.height);
      attlas.drawSequences(pen, layout, data, state, attlas.readColours());
      caption.textContent = attlas.describeShown(data, state);
      redrawPointed();
    };
    const redrawPointed = () => {
      const colours = attlas.readColours();
      const pen = attlas.prepareCanvas(overlay, layout.width, layout.height);
      attlas.drawSequencesPointed(pen, layout, data, state, colours);
      if (drag && Math.abs(drag.to - drag.from) >= DRAG_PX) {
        const frame = layout.frames[drag.k];
        const [from, to] = [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)];
        const style = { fill: colours.pointed, opacity: 0.25, stroke: colours.ink };
        pen.rect(from, frame.top, to - from, frame.height - frame.top, style);
      }
      describe();
    };

    // To a screen reader the sequences are a slider along the residues of both, whose value is what the line says.
    const describe = () => {
      const position = state.position ?? 1;
      holder.setAttribute("aria-valuemin", "1");
      holder.setAttribute("aria-valuemax", String(data.nResidues));
      holder.setAttribute("aria-valuenow", String(position));
      const parts = [data.nameResidue(position), ...attlas.describeResidueOfPair(data, state, position)];
      holder.setAttribute("aria-valuetext", parts.join(", "));
    };

    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      const scale = layout.width / box.width;
      const [x, y] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
      return { x, y, k: y < layout.band.top + layout.band.height / 2 ? 0 : 1 };
    };
    const isInside = ({ x, k }) => x >= layout.frames[k].left - 3 && x <= layout.frames[k].right + 3;
    const positionAt = ({ x, k }) => layout.frames[k].positionAt(x) + k * data.nFirst;
    const showRange = (k, range) => state.set({ ranges: state.values.ranges.map((old, n) => (n === k ? range : old)) });
    const showAll = () => state.set({ ranges: attlas.wholeRanges(data) });

    holder.addEventListener("pointermove", (event) => {
      if (event.pointerType === "touch") return;
      const point = place(event);
      if (drag) {
        const frame = layout.frames[drag.k];
        drag.to = Math.min(frame.right, Math.max(frame.left, point.x));
        redrawPointed();
      }
      state.set({ pointed: isInside(point) ? positionAt(point) : null });
    });
    holder.addEventListener("pointerleave", () => state.set({ pointed: null }));
    holder.addEventListener("pointerdown", (event) => {
      const point = place(event);
      if (event.pointerType === "touch" || event.button !== 0 || !isInside(point)) return;
      holder.setPointerCapture(event.pointerId);
      drag = { k: point.k, from: point.x, to: point.x };
    });
    holder.addEventListener("pointerup", (event) => {
      if (event.pointerType === "touch") click(place(event));
      if (!drag) return;
      const { k, from, to } = drag;
      drag = null;
      if (Math.abs(to - from) < DRAG_PX) click(place(event));
      else {
        const ends = [Math.min(from, to), Math.max(from, to)].map(layout.frames[k].positionAt);
        showRange(k, attlas.widenRange(ends, data.proteins[k].nResidues));
      }
      redrawPointed();
    });
    holder.addEventListener("pointercancel", () => {
      drag = null;
      redrawPointed();
    });
    holder.addEventListener("dblclick", showAll);
    listenToKeys();

    document
      .getElementById("zoom-buttons")
      .append(attlas.button("All", showAll, "All of both sequences"));
    attlas.addPictureButtons(document.getElementById("tracks-buttons"), picture, "the sequences");
    state.watch(["layer", "head", "ranges", "shown"], redraw);
    state.watch(["position"], redrawPointed);
    redraw();
    return { redraw, picture };

    /** A click on a strip of layers chooses the layer; anywhere, it holds the residue, or frees the one held. */
    function click(point) {
      const strip = layout.frames[point.k].rows.find((row) => row.name === "layers");
      if (strip && point.y >= strip.top && point.y < strip.top + strip.height)
        state.set({ layer: attlas.layerAt(strip, point.y, data.nLayers) });
      if (!isInside(point)) return;
      const position = positionAt(point);
      state.set({ residue: position === state.residue ? null : position });
    }

    /** Arrow keys walk along both sequences, Page keys go to the other one, Enter holds, 0 shows all. */
    function listenToKeys() {
      const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1 };
      holder.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        const { position } = state;
        if (event.key in steps) walkTo((position ?? 0) + steps[event.key] * (event.shiftKey ? 10 : 1));
        else if (event.key === "PageDown") walkTo(data.nFirst + 1);
        else if (event.key === "PageUp" || event.key === "Home") walkTo(1);
        else if (event.key === "End") walkTo(data.nResidues);
        else if (event.key === "Enter") state.set({ residue: position });
        else if (event.key === "0") showAll();
        else return;
        event.preventDefault();
      });
      document.addEventListener("keydown", (event) => {
        if (event.key === "Escape") state.set({ residue: null, pointed: null });
      });
    }

    /** Point at a residue; where it is out of sight, all of its protein is shown. */
    function walkTo(target) {
      const position = Math.min(data.nResidues, Math.max(1, target));
      const [protein, local, k] = attlas.proteinAt(data, position);
      const [begin, end] = state.values.ranges[k];
      if (local < begin || local > end) showRange(k, [1, protein.nResidues]);
      state.set({ pointed: position });
    }

    function picture() {
      const drawn = attlas.layoutSequences(data, state, Math.max(700, holder.clientWidth));
      const draw = (pen) => {
        const colours = attlas.readColours();
        attlas.drawSequences(pen, drawn, data, state, colours);
        attlas.drawSequencesPointed(pen, drawn, data, state, colours);
      };
      const name = `${data.protein.accession}-sequences-layer${state.layer}-head${state.headName}`;
      return { width: drawn.width, height: drawn.height, draw, name };
    }
  };

  const FEWEST = 10; // residues in sight

  /** Return a range of no fewer than ten residues around the middle of two positions, in their order. */
  attlas.widenRange = ([begin, end], n) => {
    const span = Math.min(n, Math.max(FEWEST, end - begin + 1));
    const from = Math.min(Math.max(1, Math.round(begin + (end - begin + 1 - span) / 2)), n - span + 1);
    return [from, from + span - 1];
  };
  attlas.wholeRanges = (data) => data.proteins.map((protein) => [1, protein.nResidues]);
})();
