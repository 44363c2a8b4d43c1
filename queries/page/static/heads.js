// The map of heads: a row for each layer, a column for each head, coloured by a statistic, by the links kept, or by the
// links of the residue pointed at. SVG on the screen, so that every head can be reached by keys and read aloud.
"use strict";

(() => {
  const LINKS_HERE = "links_here"; // largest weight of the links of the residue pointed at
  const LINKS_KEPT = "links_kept";
  const WIDTH = 460;
  const LEFT = 24,
    TOP = 18;

  /** Return the names of what the map can show, the opening one at the start. */
  attlas.headStatistics = (data) => {
    const names = Object.keys(data.heads?.statistics ?? {});
    const opening = ["beyond24_share", "beyond6_share"].find((name) => names.includes(name));
    const all = [...(opening ? [opening] : []), ...names.filter((name) => name !== opening)];
    return data.links ? [...all, LINKS_KEPT, LINKS_HERE] : all;
  };

  /** Return how a statistic is called in the list. */
  const nameOf = (name) =>
    ({
      [LINKS_HERE]: "at the residue pointed at: largest weight",
      [LINKS_KEPT]: "number shown",
    })[name] ?? attlas.nameStatistic(name);

  /** Return the values of all heads. */
  attlas.headValues = (data, state) => {
    const nMaps = data.nLayers * data.nHeads;
    if (state.statistic === LINKS_KEPT) return data.links.byHead.map((indices) => indices.length);
    if (state.statistic !== LINKS_HERE) return data.heads.statistics[state.statistic];
    const values = new Array(nMaps).fill(0);
    for (const k of data.links.byResidue.get(state.position) ?? []) {
      values[data.links.head[k]] = Math.max(values[data.links.head[k]], data.links.value[k]);
    }
    return values;
  };

  /** Start the field that takes a head's name, and the way from it to the list of the head's links. */
  attlas.startHeadField = (data, state) => {
    const field = document.getElementById("head");
    const problem = document.getElementById("head-problem");
    const show = () => {
      field.value = state.headName;
      sayProblem("");
    };
    const sayProblem = (text) => {
      problem.textContent = text;
      field.setAttribute("aria-invalid", String(text !== ""));
    };

    field.addEventListener("change", () => {
      const head = state.parseHead(field.value);
      if (head === null) {
        const range = `layers 0 to ${data.nLayers - 1}, heads 0 to ${data.nHeads - 1}`;
        sayProblem(`No such head: write layer-head, such as 0-1 (${range}).`);
        return;
      }
      state.set({ head });
      show(); // also where the head is the one shown already, in other words
    });

    // Whoever comes to the field types another head over the one that stands there.
    let hasJustCome = false;
    field.addEventListener("focus", () => {
      hasJustCome = true;
      field.select();
    });
    field.addEventListener("click", () => {
      if (hasJustCome) field.select(); // the press of the button has put a cursor in place of the selection
      hasJustCome = false;
    });

    if (data.links) {
      const scroll = () => {
        document.getElementById("links-section").scrollIntoView({ block: "start" });
        document.querySelector("#links-section .scroll").focus({ preventScroll: true });
      };
      field.parentNode.after(attlas.button("List its links", scroll));
    }
    state.watch(["head"], show);
    show();
  };

  /** Start the map and its list of statistics. */
  attlas.startHeads = (data, state) => {
    const { nLayers, nHeads } = data;
    const size = (WIDTH - LEFT - 4) / nHeads;
    const rowHeight = Math.min(size, 24, Math.max(8, 360 / nLayers));
    const height = TOP + nLayers * rowHeight + 6;
    const holder = document.getElementById("head-map");
    const select = document.getElementById("statistic");
    let cells = [];
    let ring = null;

    const ofLinks = [LINKS_HERE, LINKS_KEPT].filter(() => data.links);
    const ofHeads = attlas.headStatistics(data).filter((name) => !ofLinks.includes(name));
    for (const [label, names] of [
      ["links", ofLinks],
      [`statistics of this ${data.proteins ? "pair" : "protein"}`, ofHeads],
    ]) {
      if (names.length)
        select.append(
          attlas.element("optgroup", { label }, ...names.map((name) => new Option(nameOf(name), name))),
        );
    }
    select.addEventListener("change", () => state.set({ statistic: select.value }));
    attlas.addPictureButtons(document.getElementById("heads-buttons"), picture, "the map of heads");

    build();
    recolour();
    choose();
    state.watch(["statistic"], recolour);
    state.watch(["position"], () => {
      if (state.statistic === LINKS_HERE) recolour();
    });
    state.watch(["head"], choose);
    return {
      redraw: () => {
        build();
        recolour();
        choose();
      },
    };

    /** Draw the cells of the map without colour; return them, layer by layer. */
    function drawCells(pen, colours) {
      const every = Math.max(1, Math.ceil(18 / size));
      const step = every === 1 ? 1 : Math.ceil(every / 5) * 5;
      for (let head = 0; head < nHeads; head += step) {
        pen.text(LEFT + (head + 0.5) * size, TOP - 6, String(head), {
          fill: colours.soft,
          size: 10,
          align: "center",
        });
      }
      const layerStep = rowHeight >= 11 ? 1 : 5;
      for (let layer = 0; layer < nLayers; layer += layerStep) {
        pen.text(LEFT - 6, TOP + (layer + 0.5) * rowHeight + 3.5, String(layer), {
          fill: colours.soft,
          size: 10,
          align: "right",
        });
      }
    }

    function cellBox(head) {
      const [layer, column] = [Math.floor(head / nHeads), head % nHeads];
      const gap = Math.min(1, size / 8);
      return [LEFT + column * size + gap / 2, TOP + layer * rowHeight + gap / 2, size - gap, rowHeight - gap];
    }

    function colourOf(values, colours) {
      const [smallest, largest] =
        state.statistic === LINKS_HERE ? [0, 1] : attlas.extent(values.filter(Number.isFinite));
      return (value) =>
        attlas.mix(
          colours.box,
          colours.attention,
          largest > smallest ? (Math.min(largest, value ?? smallest) - smallest) / (largest - smallest) : 0,
        );
    }

    function build() {
      const colours = attlas.readColours();
      const pen = new attlas.SvgPen(WIDTH, height);
      const { svg } = pen;
      drawCells(pen, colours);
      for (const text of svg.querySelectorAll("text")) text.setAttribute("aria-hidden", "true");
      svg.setAttribute("role", "grid");
      svg.setAttribute("aria-label", "Heads: layers as rows, heads as columns");

      cells = [];
      for (let layer = 0; layer < nLayers; layer++) {
        const row = (pen.group = pen.add("g", { role: "row" }));
        for (let head = layer * nHeads; head < (layer + 1) * nHeads; head++) {
          const cell = pen.rect(...cellBox(head), {
            fill: colours.box,
            stroke: colours.line,
            width: 0.5,
            radius: Math.min(2, size / 5),
          });
          cell.setAttribute("role", "gridcell");
          cell.setAttribute("tabindex", "-1");
          cell.setAttribute("data-head", head);
          cells.push(cell);
        }
        pen.group = row.parentNode;
      }
      ring = pen.rect(0, 0, 0, 0, { stroke: colours.pointed, width: 2.5, radius: 2 });
      ring.setAttribute("pointer-events", "none");
      svg.addEventListener("click", (event) => choosePointed(event));
      svg.addEventListener("pointermove", (event) => sayCell(event.target.dataset.head));
      svg.addEventListener("pointerleave", () => sayCell());
      svg.addEventListener("focusin", (event) => sayCell(event.target.dataset.head));
      svg.addEventListener("focusout", () => sayCell());
      svg.addEventListener("keydown", walk);
      holder.replaceChildren(svg);
    }

    function choosePointed(event) {
      const { head } = event.target.dataset;
      if (head !== undefined) state.set({ head: Number(head) });
    }

    /** Arrow keys move among the heads, Enter or space chooses one. */
    function walk(event) {
      const head = Number(event.target.dataset.head);
      const [layer, column] = [Math.floor(head / nHeads), head % nHeads];
      const moves = {
        ArrowLeft: [layer, column - 1],
        ArrowRight: [layer, column + 1],
        ArrowUp: [layer - 1, column],
        ArrowDown: [layer + 1, column],
        Home: [layer, 0],
        End: [layer, nHeads - 1],
        PageUp: [0, column],
        PageDown: [nLayers - 1, column],
      };
      if (event.key === "Enter" || event.key === " ") state.set({ head });
      else if (event.key in moves) {
        const [row, place] = moves[event.key];
        if (row < 0 || row >= nLayers || place < 0 || place >= nHeads) return;
        focusable(row * nHeads + place).focus();
      } else return;
      event.preventDefault();
    }

    /** Make a cell the one that Tab reaches. */
    function focusable(head) {
      for (const cell of holder.querySelectorAll('[tabindex="0"]')) cell.setAttribute("tabindex", "-1");
      cells[head].setAttribute("tabindex", "0");
      return cells[head];
    }

    function recolour() {
      const values = attlas.headValues(data, state);
      const colour = colourOf(values, attlas.readColours());
      cells.forEach((cell, head) => {
        const fill = colour(values[head]);
        if (cell.getAttribute("fill") !== fill) cell.setAttribute("fill", fill);
        const label = `head ${state.nameHead(head)}: ${attlas.number(values[head])}`;
        if (cell.getAttribute("aria-label") !== label) cell.setAttribute("aria-label", label);
      });
      select.value = state.statistic;
      const description = attlas.describeStatistic(data, state.statistic);
      document.getElementById("statistic-caption").textContent = description && `Colour: ${description}`;
      sayExtent(values);
      sayCell();
    }

    function choose() {
      cells.forEach((cell, head) => cell.setAttribute("aria-selected", String(head === state.head)));
      const [x, y, width, cellHeight] = cellBox(state.head);
      for (const [name, value] of Object.entries({ x: x - 1, y: y - 1, width: width + 2, height: cellHeight + 2 }))
        ring.setAttribute(name, value);
      if (document.activeElement?.dataset.head === undefined) focusable(state.head);
      else focusable(state.head).focus();
      sayCell();
    }

    /** Say the smallest and the largest value, and which heads have them. */
    function sayExtent(values) {
      const caption = document.getElementById("heads-caption");
      if (state.statistic === LINKS_HERE) {
        const largest = Math.max(...values);
        const name = state.position === null ? null : attlas.nameResidue(data, state.position);
        const nHeadsLinked = values.filter((value) => value > 0).length;
        caption.textContent =
          name === null
            ? "Point at a residue: the colour of a head is then the largest weight of its links there, from 0 to 1."
            : largest
              ? `Links at ${name}: in ${attlas.plural(nHeadsLinked, "head")}, the largest ${attlas.number(largest)} in head ${state.nameHead(values.indexOf(largest))}.`
              : `No link that is kept touches ${name}.`;
        return;
      }
      const [smallest, largest] = attlas.extent(values.filter(Number.isFinite));
      const at = (value) => `${attlas.number(value)} (head ${state.nameHead(values.indexOf(value))})`;
      caption.textContent = `From ${at(smallest)}, plain, to ${at(largest)}, blue.`;
    }

    /** Say what the head under the pointer has, or else the chosen one. */
    function sayCell(pointed) {
      const head = pointed === undefined ? state.head : Number(pointed);
      const value = attlas.headValues(data, state)[head];
      const what = state.statistic === LINKS_HERE ? "" : ` ${nameOf(state.statistic)}`;
      document.getElementById("head-caption").textContent =
        `Head ${state.nameHead(head)}:${what} ${attlas.number(value)}. ${attlas.describeLinks(data, head)}`;
    }

    function picture() {
      const title = `${nameOf(state.statistic)} · ${data.protein.accession}`;
      const draw = (pen) => {
        const colours = attlas.readColours();
        const values = attlas.headValues(data, state);
        const colour = colourOf(values, colours);
        drawCells(pen, colours);
        values.forEach((value, head) =>
          pen.rect(...cellBox(head), { fill: colour(value), stroke: colours.line, width: 0.5 }),
        );
        const [x, y, width, cellHeight] = cellBox(state.head);
        pen.rect(x - 1, y - 1, width + 2, cellHeight + 2, { stroke: colours.pointed, width: 2.5 });
      };
      return {
        width: WIDTH,
        height,
        draw,
        name: `${data.protein.accession}-heads-${state.statistic}`,
        notes: [title, document.getElementById("heads-caption").textContent],
      };
    }
  };
})();
