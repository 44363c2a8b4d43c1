// The tracks on the screen, and how they are touched: mouse, wheel, fingers, keys. `tracks.js` draws them.
"use strict";

(() => {
  const DRAG_PX = 4; // a shorter movement is a click
  const WHEEL_ZOOM = 0.002; // zoom for each pixel of a wheel
  const KEY_ZOOM = 0.5;

  /** Start the view of the tracks. Return what the page needs of it: `picture()` for PNG and SVG, and `redraw()`. */
  attlas.startTracks = (data, state) => {
    const holder = document.getElementById("track-canvases");
    const [canvas, overlay] = holder.querySelectorAll("canvas");
    let showAllTypes = false;
    let frame = null;
    let drag = null; // {from, to}: x where a drag began and is now

    const layout = (width) => attlas.layoutTracks(data, state, width, showAllTypes);
    const redraw = () => {
      frame = layout(holder.clientWidth);
      attlas.drawTracks(
        attlas.prepareCanvas(canvas, frame.width, frame.height),
        frame,
        data,
        state,
        attlas.readColours(),
      );
      redrawPointed();
    };
    const redrawPointed = () => {
      if (!frame) return;
      const colours = attlas.readColours();
      const pen = attlas.prepareCanvas(overlay, frame.width, frame.height);
      attlas.drawPointed(pen, frame, data, state, colours);
      if (drag && Math.abs(drag.to - drag.from) >= DRAG_PX) {
        const [from, to] = [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)];
        pen.rect(from, 0, to - from, frame.height, { fill: colours.pointed, opacity: 0.25, stroke: colours.ink });
      }
      describe();
    };

    // To a screen reader the tracks are a slider along the residues, whose value is what the line below says.
    const describe = () => {
      const position = state.position ?? state.range[0];
      holder.setAttribute("aria-valuemin", "1");
      holder.setAttribute("aria-valuemax", String(data.nResidues));
      holder.setAttribute("aria-valuenow", String(position));
      const text = [attlas.nameResidue(data, position), ...attlas.describeResidue(data, state, position)].join(
        ", ",
      );
      holder.setAttribute("aria-valuetext", text);
    };

    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      return {
        x: (event.clientX - box.left) * (frame.width / box.width),
        y: (event.clientY - box.top) * (frame.height / box.height),
      };
    };
    const isInside = (x) => x >= frame.left - 3 && x <= frame.right + 3;

    listenToMouse();
    listenToFingers();
    listenToKeys();
    listenToEscape();
    addButtons();
    state.watch(["layer", "head", "range"], redraw);
    state.watch(["position"], redrawPointed);
    redraw();
    return { redraw, picture };

    function listenToMouse() {
      holder.addEventListener("pointermove", (event) => {
        if (event.pointerType === "touch") return;
        const { x } = place(event);
        if (drag) {
          drag.to = Math.min(frame.right, Math.max(frame.left, x));
          redrawPointed();
        }
        state.set({ pointed: isInside(x) ? frame.positionAt(x) : null });
      });
      holder.addEventListener("pointerleave", () => state.set({ pointed: null }));
      holder.addEventListener("pointerdown", (event) => {
        if (event.pointerType === "touch" || event.button !== 0) return;
        const { x } = place(event);
        if (!isInside(x)) return;
        holder.setPointerCapture(event.pointerId);
        drag = { from: x, to: x };
      });
      holder.addEventListener("pointerup", (event) => {
        if (!drag) return;
        const { from, to } = drag;
        drag = null;
        if (Math.abs(to - from) < DRAG_PX) click(place(event));
        else state.showRange(frame.positionAt(Math.min(from, to)), frame.positionAt(Math.max(from, to)));
        redrawPointed();
      });
      holder.addEventListener("pointercancel", () => {
        drag = null;
        redrawPointed();
      });
      holder.addEventListener("dblclick", () => state.set({ range: [1, data.nResidues] }));

      // A wheel alone scrolls the page. With Ctrl, or two fingers spread on a trackpad, it zooms; sideways it moves.
      holder.addEventListener(
        "wheel",
        (event) => {
          if (event.ctrlKey || event.metaKey) {
            event.preventDefault();
            state.zoom(
              Math.exp(event.deltaY * WHEEL_ZOOM * (event.deltaMode ? 20 : 1)),
              frame.positionAt(place(event).x),
            );
          } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) {
            event.preventDefault();
            move((event.deltaX || event.deltaY) / frame.perResidue);
          }
        },
        { passive: false },
      );
    }

    /** A click on the strip of layers chooses the layer; anywhere, it holds the residue, or frees the one held. */
    function click({ x, y }) {
      const strip = frame.rows.find((row) => row.name === "layers");
      if (strip && y >= strip.top && y < strip.top + strip.height)
        state.set({ layer: attlas.layerAt(strip, y, data.nLayers) });
      const position = frame.positionAt(x);
      if (isInside(x)) state.set({ residue: position === state.residue ? null : position });
    }

    function move(residues) {
      const [begin, end] = state.range;
      const shift = Math.round(Math.min(data.nResidues - end, Math.max(1 - begin, residues)));
      state.set({ range: [begin + shift, end + shift] });
    }

    // One finger points (a tap holds) and, zoomed in, moves along; two zoom. Up and down still scroll the page.
    function listenToFingers() {
      const fingers = new Map();
      let start = null;
      const span = () => {
        const [a, b] = [...fingers.values()];
        return b
          ? { middle: (a.x + b.x) / 2, width: Math.max(20, Math.abs(a.x - b.x)) }
          : { middle: a.x, width: 0 };
      };
      const begin = () => {
        start = fingers.size
          ? { ...span(), range: state.range, perResidue: frame.perResidue, isTap: start?.isTap ?? true }
          : null;
      };

      holder.addEventListener("pointerdown", (event) => {
        if (event.pointerType !== "touch") return;
        fingers.set(event.pointerId, place(event));
        start = { isTap: fingers.size === 1 };
        begin();
      });
      holder.addEventListener("pointermove", (event) => {
        if (!fingers.has(event.pointerId)) return;
        fingers.set(event.pointerId, place(event));
        const { middle, width } = span();
        if (fingers.size === 1 && Math.abs(middle - start.middle) < 2 * DRAG_PX) return;
        start.isTap = false;

        // The residue that was under the fingers stays under them.
        const [first] = start.range;
        const residue = first + (start.middle - frame.left) / start.perResidue;
        const perResidue = width ? start.perResidue * (width / start.width) : start.perResidue;
        const from = residue - (middle - frame.left) / perResidue;
        state.showRange(from, from + (frame.right - frame.left) / perResidue - 1);
      });
      for (const name of ["pointerup", "pointercancel"]) {
        holder.addEventListener(name, (event) => {
          if (!fingers.delete(event.pointerId)) return;
          if (name === "pointerup" && start?.isTap) click(place(event));
          begin();
        });
      }
    }

    function listenToKeys() {
      const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1, PageDown: -10, PageUp: 10 };
      holder.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        const position = state.position;
        if (event.key in steps) {
          const start = position ?? (data.sites[0]?.position ?? state.range[0]) - steps[event.key];
          walkTo(start + steps[event.key] * (event.shiftKey ? 10 : 1));
        } else if (event.key === "Home") walkTo(1);
        else if (event.key === "End") walkTo(data.nResidues);
        else if (event.key === "Enter") state.set({ residue: position });
        else if (event.key === "+" || event.key === "=") state.zoom(KEY_ZOOM, position);
        else if (event.key === "-") state.zoom(1 / KEY_ZOOM, position);
        else if (event.key === "0") state.set({ range: [1, data.nResidues] });
        else return;
        event.preventDefault();
      });
    }

    /** Escape frees the residue held, wherever it was held. */
    function listenToEscape() {
      document.addEventListener("keydown", (event) => {
        if (event.key === "Escape") state.set({ residue: null, pointed: null });
      });
    }

    /** Point at a residue, moving along where it is out of sight. */
    function walkTo(target) {
      const position = Math.min(data.nResidues, Math.max(1, target));
      state.set({ pointed: position });
      const [begin, end] = state.range;
      if (position < begin) move(position - begin);
      if (position > end) move(position - end);
    }

    function addButtons() {
      const buttons = document.getElementById("zoom-buttons");
      buttons.append(
        attlas.button("−", () => state.zoom(1 / KEY_ZOOM, state.residue), "Zoom out"),
        attlas.button("+", () => state.zoom(KEY_ZOOM, state.residue), "Zoom in"),
        attlas.button("All", () => state.set({ range: [1, data.nResidues] }), "All of the sequence"),
      );
      const nFolded = attlas.countFoldedTypes(data);
      if (nFolded) {
        const fold = attlas.button("", () => {
          showAllTypes = !showAllTypes;
          name();
          redraw();
        });
        const name = () => {
          fold.textContent = showAllTypes ? "Fewer features" : `${attlas.plural(nFolded, "more type")} of features`;
          fold.setAttribute("aria-expanded", String(showAllTypes));
        };
        name();
        buttons.append(fold);
      }
      attlas.addPictureButtons(document.getElementById("tracks-buttons"), picture, "the tracks");
    }

    function picture() {
      const drawn = layout(Math.max(700, holder.clientWidth));
      const draw = (pen) => {
        const colours = attlas.readColours();
        attlas.drawTracks(pen, drawn, data, state, colours);
        attlas.drawPointed(pen, drawn, data, state, colours);
      };
      return {
        width: drawn.width,
        height: drawn.height,
        draw,
        name: `${data.protein.accession}-tracks-layer${state.layer}-head${state.headName}`,
        notes: data.links ? [`Links of head ${state.headName}: ${attlas.describeLinks(data, state.head)}`] : [],
      };
    }
  };
})();
